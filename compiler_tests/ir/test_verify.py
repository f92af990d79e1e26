"""Each invariant: a valid graph, one planted violation, exactly that sentence."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from compiler_tests.ir.graphs import balance, dense, model, momentum, sparse
from moedsl.ir import verify as module
from moedsl.ir.graph import Graph, Node, Output, Use, Value
from moedsl.ir.needed import needed
from moedsl.ir.verify import INVARIANTS, assert_valid, verify
from moedsl.ops.base import Carry, Op, Param, Scope, Sizes, field

LAYER = "decoder.layers.1"


def valid() -> Graph:
    return model(sparse(momentum(), balance()), sparse(momentum(), balance()), dense())


def change(graph: Graph, name: str, **changes: Any) -> Graph:
    """The graph with one node changed in place."""
    nodes = {key: replace(node, **changes) if key == name else node for key, node in graph.nodes.items()}
    return replace(graph, nodes=nodes)


def change_param(graph: Graph, of: str, **changes: Any) -> Graph:
    name = next(n.name for n in graph if any(p.path == of for p in n.params))
    return change(graph, name, params=tuple(replace(p, **changes) if p.path == of else p for p in graph[name].params))


def change_use(graph: Graph, name: str, at: int, **changes: Any) -> Graph:
    uses = list(graph[name].inputs)
    uses[at] = replace(uses[at], **changes)
    return change(graph, name, inputs=tuple(uses))


def misnamed(graph: Graph) -> Graph:
    return replace(graph, nodes={("tail" if key == "norm" else key): node for key, node in graph.nodes.items()})


def reordered(graph: Graph) -> Graph:
    names = list(graph.nodes)
    at = names.index(f"{LAYER}.moe_norm")
    names[at], names[at + 1] = names[at + 1], names[at]
    return replace(graph, nodes={name: graph[name] for name in names})


def interleaved(graph: Graph) -> Graph:
    """The unused load of layer 0 moved behind layer 1: still in order, no longer together."""
    names = list(graph.nodes)
    names.remove("decoder.layers.0.moe.load")
    names.insert(names.index("norm"), "decoder.layers.0.moe.load")
    return replace(graph, nodes={name: graph[name] for name in names})


PLANTED: dict[str, tuple[Callable[[Graph], Graph], str]] = {
    "an input named like a node": (
        lambda g: replace(g, inputs=(*g.inputs, replace(g.inputs[0], name="embed"))),
        "the input `embed` shares its name with another input or a node",
    ),
    "an unknown producer": (
        lambda g: change_use(g, "norm", 0, value=Value(node="nowhere")),
        "`norm` uses `nowhere`, which does not exist",
    ),
    "an unknown port": (
        lambda g: change_use(g, "norm", 0, value=Value(node="embed", port="velocity")),
        "`norm` uses `embed:velocity`, and `embed` has no port `velocity`",
    ),
    "an output of nothing": (
        lambda g: replace(g, outputs=(*g.outputs, Output(name="more", value=Value(node="nowhere")))),
        "the output `more` uses `nowhere`, which does not exist",
    ),
    "a use before its making": (
        reordered,
        f"`{LAYER}.moe.tokens` stands before `{LAYER}.moe_norm`, which it uses",
    ),
    "a write that is not declared": (
        lambda g: change(g, "norm", writes=("velocity",)),
        "`norm` writes the carry `velocity`, which its op does not declare",
    ),
    "a carry that is not read": (
        lambda g: change(
            g, "norm", inputs=(*g["norm"].inputs, Use(value=Value(node="embed"), role="carry", keyword="v"))
        ),
        "`norm` is handed the carries `v` and reads none",
    ),
    "a carry that is not handed over": (
        lambda g: change(g, f"{LAYER}.moe.momentum", inputs=g[f"{LAYER}.moe.momentum"].inputs[:2]),
        f"`{LAYER}.moe.momentum` is handed the carries none and reads `velocity`",
    ),
    "a carry of another shape": (
        lambda g: change(g, "decoder.velocity_start", shape=("B", "S", 9)),
        "`decoder.layers.0.moe.momentum` reads the carry `velocity` of shape [B, S, 8], "
        "and `decoder.velocity_start` has [B, S, 9]",
    ),
    "a residual of another shape": (
        lambda g: change(g, "decoder.layers.2.ffn_residual", shape=("T", "d_model")),
        f"the residual edge from `{LAYER}.moe.momentum` of shape [B, S, 8] "
        "ends at `decoder.layers.2.ffn_residual` of shape [T, 8]",
    ),
    "one path twice": (
        lambda g: change(g, "norm", params=g["norm"].params * 2),
        "two parameters have the path `norm.weight`",
    ),
    "a path of another node": (
        lambda g: change_param(g, "norm.weight", path="tail.weight"),
        "the parameter `tail.weight` belongs to `norm` and does not begin with its name",
    ),
    "a size that is not the axis": (
        lambda g: change_param(g, "norm.weight", shape=(9,)),
        "the parameter `norm.weight` has shape [9], and its axes are (d_model = 8)",
    ),
    "an axis without a size": (
        lambda g: change_param(g, "norm.weight", axes=("num_cats",)),
        "the parameter `norm.weight` has shape [8], and its axes are (num_cats = unknown)",
    ),
    "a tie to nothing": (
        lambda g: change_param(g, "head.weight", tied_to="nowhere"),
        "the parameter `head.weight` is tied to `nowhere`, which does not exist",
    ),
    "a chain of ties": (
        lambda g: change_param(g, "norm.weight", tied_to="head.weight"),
        "the parameter `norm.weight` is tied to `head.weight`, which is itself tied to `embed.table`",
    ),
    "a tie of another shape": (
        lambda g: change_param(g, "norm.weight", tied_to="embed.table"),
        "the parameter `norm.weight`, float [8], is tied to `embed.table`, float [16, 8]",
    ),
    "an unknown layer": (
        lambda g: change(g, "norm", region="norm_layers"),
        "`norm` belongs to the layer `norm_layers`, which does not exist",
    ),
    "a node of another name in a layer": (
        lambda g: change(g, "decoder.velocity_start", region="decoder.layers.0"),
        "`decoder.velocity_start` belongs to the layer `decoder.layers.0` and does not begin with its name",
    ),
    "a layer in two parts": (
        interleaved,
        "`decoder.layers.0.moe.load` stands apart from its layer `decoder.layers.0`, or its layer out of order",
    ),
    "two outputs of one name": (
        lambda g: replace(g, outputs=(g.outputs[0], *g.outputs)),
        "2 outputs have the name `logits`",
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_violation_is_the_only_sentence(name):
    plant, sentence = PLANTED[name]
    assert verify(plant(valid())) == (sentence,)


def test_a_built_graph_is_valid():
    assert verify(valid()) == ()


def test_a_node_under_another_name_is_reported_with_those_who_miss_it():
    assert verify(misnamed(valid())) == (
        "the node `norm` stands under the name `tail`",
        "`head` uses `norm`, which does not exist",
    )


def test_every_invariant_is_in_the_list_in_english():
    assert module.__doc__ is not None
    listed = re.findall(r"^([a-z]+)  +\S", module.__doc__, re.MULTILINE)
    assert listed == [invariant.__name__.lstrip("_") for invariant in INVARIANTS]


def test_assert_valid_says_where_and_what():
    broken = PLANTED["two outputs of one name"][0](valid())
    with pytest.raises(AssertionError, match=r"`M` is not valid after `share`:\n  2 outputs have the name `logits`"):
        assert_valid(broken, where="after `share`")


# ---- carries and causality, with ops that the vocabulary lacks


class Peek(Op):
    """An op whose reach, carry and start the test chooses."""

    kind, keyword = "ffn", "peek"
    own: Scope = field("token", effect="numerics", description="Its own scope.")
    carried: Scope = field("token", effect="numerics", description="Its carry's scope.")
    needs: bool = field(False, effect="numerics", description="Whether it reads a carry that must have a producer.")

    def reach(self) -> Scope:
        return self.own

    def writes(self) -> dict[str, Carry]:
        return {"seen": Carry(scope=self.carried)}

    def reads(self) -> dict[str, Carry]:
        return {"seen": Carry(start="required")} if self.needs else {}

    def parameters(self, sizes: Sizes) -> dict[str, Param]:
        return {}


def peek(graph: Graph, **fields: Any) -> Graph:
    node = graph[f"{LAYER}.ffn"]
    return change(graph, node.name, op=Peek(**fields), params=(), writes=("seen",))


@pytest.mark.parametrize(
    "fields", [{"own": "sequence"}, {"own": "batch"}, {"carried": "sequence"}, {"carried": "batch"}]
)
def test_a_causal_stack_sees_no_future(fields):
    leaky = peek(valid(), **fields)
    sentence = f"`{LAYER}.ffn` lets the causal stack `decoder` see the future and is not listed as a leak"
    assert verify(leaky) == (sentence,)
    assert verify(replace(leaky, leaks=(f"{LAYER}.ffn",))) == ()
    assert verify(replace(leaky, causal=(("decoder", False),))) == ()


def test_a_prefix_and_a_carry_that_is_not_written_are_causal():
    assert verify(peek(valid(), own="prefix")) == ()
    assert verify(change(peek(valid(), carried="batch"), f"{LAYER}.ffn", writes=())) == ()


def test_a_loss_may_see_the_batch():
    graph = valid()
    loss = graph[f"{LAYER}.moe.loss.load_balance"]
    assert verify(change(graph, loss.name, op=Peek(own="batch"))) == ()
    assert loss.name in needed(graph, "loss")
    assert loss.name not in needed(graph, "result")


def test_a_required_carry_takes_no_start_value():
    graph = peek(valid(), needs=True)
    start = Use(value=Value(node="decoder.velocity_start"), role="carry", keyword="seen")
    graph = change(graph, f"{LAYER}.ffn", inputs=(*graph[f"{LAYER}.ffn"].inputs, start))
    assert verify(graph) == (
        f"`{LAYER}.ffn` reads the carry `seen` from `decoder.velocity_start`, which starts it and must not",
    )


def test_a_call_beside_forward_may_read_some_carries_but_no_others():
    graph = valid()
    lookahead = Node(
        name="decoder.layers.1.moe.lookahead",
        op=graph[f"{LAYER}.moe.momentum"].op,
        call="lookahead",
        inputs=(Use(value=Value(node="embed"), role="carry", keyword="speed"),),
        region=LAYER,
    )
    nodes = dict(graph.nodes)
    tail = {name: nodes.pop(name) for name in list(nodes)[list(nodes).index(f"{LAYER}.moe.momentum") :]}
    graph = replace(graph, nodes={**nodes, lookahead.name: lookahead, **tail})
    assert verify(graph) == (f"`{lookahead.name}` is handed the carry `speed`, which its op does not read",)


def test_networkx_sees_the_same_acyclic_graph():
    import networkx

    graph = valid()
    assert networkx.is_directed_acyclic_graph(graph.networkx)
    assert set(graph.networkx) == set(graph.nodes) | {"tokens"}
    assert ("embed", "head") in {(e.source, e.target) for e in graph.edges if e.role == "tie"}
