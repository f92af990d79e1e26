from __future__ import annotations

from dataclasses import replace

import pytest

from compiler_tests.ir.graphs import balance, dense, model, momentum, sparse
from moedsl.ir.digests import digests
from moedsl.ir.graph import Graph
from moedsl.ir.verify import verify
from moedsl.passes.drop_unused import drop_unused


def full() -> Graph:
    return model(sparse(momentum(), balance()), dense(), sparse(momentum(), balance()))


def narrowed(graph: Graph, *roles: str) -> Graph:
    return replace(graph, outputs=tuple(o for o in graph.outputs if o.role in roles))


def gone(graph: Graph) -> set[str]:
    return set(graph.nodes) - set(drop_unused(graph).nodes)


def test_a_built_graph_stays_the_same_object():
    graph = full()
    assert drop_unused(graph) is graph


@pytest.mark.parametrize(
    ("roles", "names"),
    [
        (("result", "loss"), ["moe.load"]),
        (("result", "load"), ["moe.loss.load_balance"]),
        (("result",), ["moe.load", "moe.loss.load_balance"]),
    ],
)
def test_narrowed_outputs_drop_what_only_they_needed(roles, names):
    graph = narrowed(full(), *roles)
    assert gone(graph) == {f"decoder.layers.{layer}.{name}" for layer in (0, 2) for name in names}
    after = drop_unused(graph)
    assert verify(after) == ()
    assert digests(after) == digests(graph)
    assert list(after.nodes) == [name for name in graph.nodes if name in after.nodes]


def test_parameters_stay_with_what_they_need():
    graph = narrowed(full(), "load")
    after = drop_unused(graph)
    assert after.params == graph.params
    assert {"norm", "head"} <= set(after.nodes)


def test_leaks_of_dropped_nodes_are_forgotten():
    loss = "decoder.layers.0.moe.loss.load_balance"
    graph = replace(narrowed(full(), "result"), leaks=("decoder.layers.1.ffn", loss))
    assert drop_unused(graph).leaks == ("decoder.layers.1.ffn",)
