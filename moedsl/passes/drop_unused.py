"""Dropping what nothing needs.

The builder makes no such nodes. They appear when somebody narrows the outputs: a model that only generates needs
neither losses nor loads, `replace(graph, outputs=…)` says so, and this pass then removes what computes them.
"""

from __future__ import annotations

from dataclasses import replace

from moedsl.ir.graph import Graph
from moedsl.ir.needed import ancestors


def drop_unused(graph: Graph) -> Graph:
    """Drop nodes that no output depends on, unless they hold parameters or a cache: those belong to the checkpoint."""
    roots = {output.value.node for output in graph.outputs} | {n.name for n in graph if n.params or n.caches}
    kept = ancestors(graph, roots)
    if all(node.name in kept for node in graph):
        return graph
    nodes = {node.name: node for node in graph if node.name in kept}
    return replace(graph, nodes=nodes, leaks=tuple(name for name in graph.leaks if name in kept))
