"""Pruning carries that cross layers for nobody.

A layer returns every carry that its nodes write, and what it returns stays alive until the call ends. In AdamSMoE the
first layer writes two moments that no later layer reads.

A channel goes as a whole, per stack, or it stays. The last layer of a MomentumSMoE writes a velocity that nobody reads
either; pruning that one write would make the last layer's code differ from the others', and torch.compile would compile
a second body, about as long as the first takes. Keeping it costs one result that is dropped at once.
"""

from __future__ import annotations

from dataclasses import replace

from moedsl.ir.graph import Graph, Node


def prune_carries(graph: Graph) -> Graph:
    """Stop writing the channels of a stack that nobody reads from a writer."""
    stacks = {region.name: region.stack for region in graph.regions}
    taken = [use.value for node in graph for use in node.inputs] + [output.value for output in graph.outputs]
    read = {(stacks.get(graph[v.node].region), v.port) for v in taken if v.port}

    def pruned(node: Node) -> Node:
        writes = tuple(channel for channel in node.writes if (stacks.get(node.region), channel) in read)
        return node if writes == node.writes else replace(node, writes=writes)

    nodes = {node.name: pruned(node) for node in graph}
    return graph if all(nodes[node.name] is node for node in graph) else replace(graph, nodes=nodes)
