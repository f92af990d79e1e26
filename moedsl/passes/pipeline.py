"""Which passes run between checking and lowering. The order is meaning."""

from __future__ import annotations

from moedsl.ir.graph import Graph
from moedsl.ir.verify import assert_valid
from moedsl.passes.base import Pass
from moedsl.passes.drop_unused import drop_unused
from moedsl.passes.prune_carries import prune_carries

PIPELINE: tuple[Pass, ...] = (
    drop_unused,
    prune_carries,  # after it: a carry that only unused nodes read is not read
)


def run_pipeline(graph: Graph, passes: tuple[Pass, ...] = PIPELINE) -> Graph:
    """The graph after all passes; it is verified before the first and after each."""
    assert_valid(graph, where="before the passes")
    for step in passes:
        graph = step(graph)
        assert_valid(graph, where=f"after `{step.__name__}`")
    return graph
