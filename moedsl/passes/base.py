"""What a pass is."""

from __future__ import annotations

from typing import Protocol

from moedsl.ir.graph import Graph


class Pass(Protocol):
    """A function from graph to graph, in a file of its own name.

    It takes a valid graph and returns a valid one that computes bit-identical results from the same parameters, under
    the same names. It never changes the graph that it is given; where it has nothing to do it returns that very graph.
    """

    __name__: str

    def __call__(self, graph: Graph, /) -> Graph:
        """The rewritten graph."""
        ...
