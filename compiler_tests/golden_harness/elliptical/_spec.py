"""What the kinds share: weights of an attention, and what is probed of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import Tensor

from moedsl.ir.graph import Graph, Value

PROJECTIONS = {"query": "q", "key": "k", "value": "v", "output": "o"}


def attention_weights(prefix: str, node: str, params: Iterable[str]) -> dict[str, str]:
    """Parameter paths by the names of the arrays, biases where there are some."""
    names = {
        f"{prefix}/{part}/{what}": f"{node}.{'w' if what == 'weight' else 'b'}_{letter}"
        for part, letter in PROJECTIONS.items()
        for what in ("weight", "bias")
    }
    known = set(params)
    return {theirs: ours for theirs, ours in names.items() if theirs in known}


def probes(graph: Graph, *, output: str) -> dict[str, Value]:
    """Of each layer its values, its metric where it has one, and the result of the part called `output`."""
    found = {}
    for region in graph.regions:
        name, attention = f"layers/{region.index}", graph[f"{region.name}.attention"]
        found[f"{name}/value"] = Value(node=attention.name, port="values")
        if "metric" in attention.op.writes():
            found[f"{name}/metric"] = Value(node=attention.name, port="metric")
        last = graph.region_nodes(region.name)[-1].name
        found[f"{name}/output"] = Value(node=attention.name if output == "attention" else last)
    return found


def probed(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Probed values under the case's names; a metric that all queries share loses their axis."""
    return {name: value.squeeze(2) if name.endswith("/metric") else value for name, value in values.items()}
