"""Digests: which edit changes which, what changes none, and which layers are equal."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler_tests.ir.graphs import balance, dense, model, momentum, sparse
from moedsl.ir.digests import digests, layer_digest, layer_digests
from moedsl.ir.graph import Graph, Input, Move, Node, Output, ParamSpec, Use, Value
from moedsl.ir.sourcemap import SourceMap
from moedsl.lower.model import lower
from moedsl.ops.base import Effect, Init, Op, field
from moedsl.ops.registry import find
from moedsl.passes.pipeline import run_pipeline

FUNCTION = {"arch", "numerics"}


def changed(one: Graph, other: Graph) -> set[str]:
    before, after = digests(one), digests(other)
    return {name for name in before if before[name] != after[name]}


def base(**changes: Any) -> Graph:
    settings = {"mu": 0.7, "weight": 0.01, **changes}
    extra = (momentum(mu=settings.pop("mu")), balance(weight=settings.pop("weight")))
    whole = {name: settings.pop(name) for name in ("vocab_size", "tie", "d_model", "causal") if name in settings}
    return model(sparse(*extra, **settings), sparse(*extra, **settings), dense(), **whole)


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        ({"mu": 0.9}, FUNCTION),
        ({"top_k": 1}, FUNCTION),
        ({"place": "post"}, FUNCTION),  # the same norms, elsewhere
        ({"renormalize": False}, FUNCTION),
        ({"causal": False}, FUNCTION),
        ({"jitter": 0.1}, {"training"}),
        ({"weight": 0.02}, {"training"}),
        ({"bias": True}, FUNCTION | {"params", "training"}),
        ({"vocab_size": 32}, FUNCTION | {"params", "interface"}),
        ({"tie": "none"}, FUNCTION | {"params", "training"}),
        ({"d_model": 16}, FUNCTION | {"params", "training"}),
    ],
    ids=lambda value: " ".join(sorted(value)),
)
def test_an_edit_of_the_spec_changes_exactly(edit, expected):
    assert changed(base(), base(**edit)) == expected


def test_there_are_five_digests_of_64_hex_digits():
    found = digests(base())
    assert list(found) == ["arch", "numerics", "params", "interface", "training"]
    assert all(len(d) == 64 and set(d) <= set("0123456789abcdef") for d in found.values())
    assert len(set(found.values())) == 5


# ---- effects, one by one


class Part(Op):
    kind, keyword = "init", "part"

    note: str = field("", effect="cosmetic", description="Words.")
    depth: int = field(1, effect="training", description="A number.")
    eps: float = field(1.0, effect="numerics", description="A number.")


class Probe(Op):
    """One field of each effect, and components in three."""

    kind, keyword = "ffn", "probe"

    cosmetic: int = field(0, effect="cosmetic", description="A number.")
    execution: int = field(0, effect="execution", description="A number.")
    training: int = field(0, effect="training", description="A number.")
    init: int = field(0, effect="init", description="A number.")
    numerics: float = field(0, effect="numerics", description="A number.")
    params: int = field(0, effect="params", description="A number.")
    interface: int = field(0, effect="interface", description="A number.")
    part: Part = field(Part(), effect="numerics", description="A component.")
    aside: Part = field(Part(), effect="training", description="A component.")
    start: Part = field(Part(), effect="init", description="A component.")


def probe(op: Op | None = None) -> Graph:
    graph = base()
    name = "decoder.layers.1.ffn"
    return replace(graph, nodes={**graph.nodes, name: replace(graph[name], op=op or Probe(), params=())})


BY_EFFECT: dict[Effect, set[str]] = {
    "cosmetic": set(),
    "execution": set(),
    "training": {"training"},
    "init": set(),
    "numerics": FUNCTION,
    "params": FUNCTION,
    "interface": FUNCTION | {"interface"},
}


@pytest.mark.parametrize("effect", BY_EFFECT)
def test_a_field_changes_the_digests_of_its_effect(effect):
    assert changed(probe(), probe(Probe(**{effect: 7}))) == BY_EFFECT[effect]


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        ({"part": Part(eps=2.0)}, FUNCTION),
        ({"part": Part(depth=2)}, {"training"}),
        ({"part": Part(note="so")}, set()),
        ({"aside": Part(eps=2.0)}, {"training"}),
        ({"aside": Part(note="so")}, {"training"}),
        ({"start": Part(eps=2.0)}, set()),
    ],
    ids=lambda value: " ".join(sorted(value)) or "nothing",
)
def test_a_component_changes_at_most_what_its_field_can(edit, expected):
    assert changed(probe(), probe(Probe(**edit))) == expected


def test_whole_floats_and_integers_are_one_number():
    assert digests(probe(Probe(numerics=3.0))) == digests(probe(Probe(numerics=3)))
    assert changed(probe(Probe(numerics=3.0)), probe(Probe(numerics=3.0000001))) == FUNCTION


def test_digests_do_not_drift():
    """They stand in lock files and checkpoints: a change here needs a reason."""
    value = Value(node="probe")
    param = ParamSpec(path="probe.w", axes=("d_model",), shape=(8,), init=Init(rule="normal", scale=0.5))
    node = Node(name="probe", op=Probe(), inputs=(Use(value=Value(node="x")),), shape=("B", "d_model"), params=(param,))
    graph = Graph(
        name="Pinned",
        nodes={"probe": node},
        inputs=(Input(name="x", shape=("B", "d_model")),),
        outputs=(Output(name="hidden", value=value), Output(name="aside", value=value, role="loss")),
        sizes={"d_model": 8},
    )
    assert {name: digest[:8] for name, digest in digests(graph).items()} == {
        "arch": "dcfb98a0",
        "numerics": "b1fb222b",
        "params": "7c8f0f63",
        "interface": "09622676",
        "training": "b9c6eecc",
    }


def test_how_parameters_start_and_which_learn_is_training():
    graph = base()
    norm = graph["norm"]
    for change in ({"init": Init(rule="normal", scale=0.5)}, {"trainable": False}):
        param = replace(norm.params[0], **change)
        assert changed(graph, replace(graph, nodes={**graph.nodes, "norm": replace(norm, params=(param,))})) == {
            "training"
        }


@pytest.mark.parametrize(("version", "expected"), [("numerics_version", {"numerics"}), ("params_version", {"params"})])
def test_versions_of_ops_count_where_they_matter(version, expected, monkeypatch):
    before = digests(base())
    topk = find("router", "topk")
    monkeypatch.setattr(topk, version, 2)
    after = digests(base())
    assert {name for name in before if before[name] != after[name]} == expected


# ---- what changes nothing


def test_words_and_places_change_nothing():
    graph = base()
    other = replace(
        graph,
        name="Other",
        doc="A sentence.",
        source_map=SourceMap(),
        moved=(Move(old=("a",), new=("b",)),),
        regions=tuple(replace(region, template="other") for region in graph.regions),
        leaks=("decoder.layers.0.ffn",),
    )
    assert changed(graph, other) == set()


def test_carries_nobody_reads_and_loads_change_nothing():
    graph = base()
    last = "decoder.layers.1.moe.momentum"
    silent = replace(graph, nodes={**graph.nodes, last: replace(graph[last], writes=())})
    assert changed(graph, silent) == set()
    assert changed(graph, replace(graph, outputs=tuple(o for o in graph.outputs if o.role != "load"))) == set()


def test_a_loss_less_is_training():
    graph = base()
    assert changed(graph, replace(graph, outputs=tuple(o for o in graph.outputs if o.role != "loss"))) == {"training"}


@given(st.integers(0, 2**32 - 1))
def test_the_order_of_independent_nodes_changes_nothing(seed):
    graph = base()
    assert digests(shuffled(graph, random.Random(seed))) == digests(graph)


def shuffled(graph: Graph, rng: random.Random) -> Graph:
    """The same graph in another topological order, keyword inputs and sizes in another order as well."""
    waiting, made, nodes = dict(graph.nodes), {i.name for i in graph.inputs}, {}
    while waiting:
        ready = [n for n in waiting.values() if all(use.value.node in made for use in n.inputs)]
        node = waiting.pop(rng.choice(ready).name)
        by_place, by_keyword = ([u for u in node.inputs if bool(u.keyword) == k] for k in (False, True))
        rng.shuffle(by_keyword)
        nodes[node.name] = replace(node, inputs=(*by_place, *by_keyword))
        made.add(node.name)
    sizes = list(graph.sizes.items())
    rng.shuffle(sizes)
    return replace(graph, nodes=nodes, sizes=dict(sizes))


# ---- layers


def test_equal_layers_have_equal_digests_at_any_depth():
    part = (momentum(), balance())
    found = layer_digests(model(*[sparse(*part)] * 3, dense(), sparse(*part), *[dense()] * 8, sparse(*part)))
    kinds = [found[f"decoder.layers.{i}"] for i in range(14)]
    assert len(set(kinds)) == 2
    assert kinds[0] == kinds[2] == kinds[4] == kinds[13] != kinds[3] == kinds[12]


@pytest.mark.parametrize("other", [sparse(momentum(mu=0.9)), sparse(momentum(), jitter=0.1), sparse(), dense()])
def test_other_layers_have_other_digests(other):
    graph = model(sparse(momentum()), other)
    assert layer_digest(graph, "decoder.layers.0") != layer_digest(graph, "decoder.layers.1")


def test_a_layer_does_not_depend_on_how_it_starts():
    graph = base()
    name = "decoder.layers.1.ffn"
    params = tuple(replace(p, init=Init(rule="constant", scale=0.0)) for p in graph[name].params)
    other = replace(graph, nodes={**graph.nodes, name: replace(graph[name], params=params)})
    assert layer_digests(other) == layer_digests(graph)


def test_a_layer_knows_what_leaves_it():
    graph = base()
    inner = "decoder.layers.1.ffn"
    head = replace(graph["head"], inputs=(Use(value=Value(node=inner)),))
    other = layer_digests(replace(graph, nodes={**graph.nodes, "head": head}))
    assert other["decoder.layers.0"] == layer_digest(graph, "decoder.layers.0")
    assert other["decoder.layers.1"] != layer_digest(graph, "decoder.layers.1")


def test_a_tie_is_no_part_of_a_layer():
    graph = base()
    name = "decoder.layers.1.ffn"
    owner = {p.path.rpartition(".")[2]: p.path for p in graph["decoder.layers.0.ffn"].params}
    params = tuple(replace(p, tied_to=owner[p.path.rpartition(".")[2]]) for p in graph[name].params)
    tied = replace(graph, nodes={**graph.nodes, name: replace(graph[name], params=params)})
    assert layer_digests(tied) == layer_digests(graph)
    assert changed(tied, graph) == {"arch", "numerics", "params", "training"}


@pytest.mark.parametrize(
    "layers",
    [
        (sparse(momentum("adam")), dense(), *[sparse(momentum())] * 3),
        (sparse(), sparse(jitter=0.1), sparse(), sparse(momentum("nesterov")), sparse(momentum("nesterov"))),
    ],
    ids=["adam, then heavy ball", "jitter, lookahead"],
)
def test_layers_of_equal_digest_are_lowered_to_one_body(layers):
    graph = run_pipeline(model(*layers))
    code = {name: id(type(layer).forward.__code__) for name, layer in lower(graph, device="meta").layers.items()}
    assert _groups(code) == _groups(layer_digests(graph))


def _groups(found: dict[str, Any]) -> set[tuple[str, ...]]:
    return {tuple(name for name in found if found[name] == value) for value in found.values()}
