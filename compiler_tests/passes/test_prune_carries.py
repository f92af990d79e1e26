from __future__ import annotations

from compiler_tests.ir.graphs import dense, model, momentum, sparse
from moedsl.ir.digests import digests, layer_digests
from moedsl.ir.graph import Graph
from moedsl.ir.verify import verify
from moedsl.passes.prune_carries import prune_carries


def writes(graph: Graph) -> list[tuple[str, ...]]:
    return [node.writes for node in graph if node.op.kind == "momentum"]


def adam() -> Graph:
    """AdamSMoE: Adam in the first layer, heavy ball after it."""
    return model(sparse(momentum("adam")), dense(), sparse(momentum()), sparse(momentum()))


def test_moments_that_only_the_first_layer_reads_are_pruned():
    before = adam()
    after = prune_carries(before)
    assert writes(before) == [("velocity", "first_moment", "second_moment"), ("velocity",), ("velocity",)]
    assert writes(after) == [("velocity",)] * 3
    assert verify(after) == ()
    assert digests(after) == digests(before)
    assert writes(before)[0] == ("velocity", "first_moment", "second_moment")


def test_a_channel_that_somebody_reads_stays_whole():
    """Also in the last layer, so that its code equals that of the others."""
    graph = model(sparse(momentum()), sparse(momentum()), sparse(momentum()))
    assert prune_carries(graph) is graph
    assert len(set(layer_digests(graph).values())) == 1


def test_the_only_layer_of_its_kind_returns_nothing():
    after = prune_carries(model(dense(), sparse(momentum()), dense()))
    assert writes(after) == [()]
    assert verify(after) == ()


def test_a_graph_without_carries_stays_the_same_object():
    graph = model(sparse(), dense())
    assert prune_carries(graph) is graph
