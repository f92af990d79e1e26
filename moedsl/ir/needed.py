"""What an output depends on."""

from __future__ import annotations

from collections.abc import Iterable

from moedsl.ir.graph import Graph


def needed(graph: Graph, *roles: str) -> frozenset[str]:
    """The inputs and nodes that outputs of these roles (`result`, `loss`, `load`) depend on."""
    return ancestors(graph, (output.value.node for output in graph.outputs if output.role in roles))


def ancestors(graph: Graph, names: Iterable[str]) -> frozenset[str]:
    """These nodes and everything that they depend on."""
    found = set(names)
    for node in reversed(tuple(graph)):
        if node.name in found:
            found.update(use.value.node for use in node.inputs)
    return frozenset(found)
