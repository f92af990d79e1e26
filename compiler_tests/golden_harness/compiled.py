"""From a text to a model in float64 that also returns values from inside, with a case's weights in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from moedsl.checker.run import CheckResult, check
from moedsl.ir.graph import Graph, Output, Value
from moedsl.lower.model import Model, lower
from moedsl.ops.records import Routing
from moedsl.passes.pipeline import run_pipeline


def checked(text: str) -> CheckResult:
    """A text without errors, checked."""
    result = check(text)
    assert result.ok, "\n".join(f"{d.code} {d.span}: {d.message}" for d in result.diagnostics)
    return result


def graph_of(text: str) -> Graph:
    """The graph of a text with one model."""
    graph = checked(text).graph
    assert graph is not None
    return graph


def compiled(graph: Graph, *, probes: Mapping[str, Value] | None = None) -> Model:
    """The lowered model of a graph; it returns the probed values among its loads, also carries that nobody reads."""
    for value in (probes or {}).values():
        graph = _written(graph, value)
    outputs = (Output(name=name, value=value, role="load") for name, value in (probes or {}).items())
    return lower(run_pipeline(replace(graph, outputs=(*graph.outputs, *outputs))), dtype=torch.float64)


def _written(graph: Graph, value: Value) -> Graph:
    """The graph with a carry written that the builder left out because nobody reads it."""
    node = graph.nodes.get(value.node)
    if node is None or value.port in ("", *node.writes):
        return graph
    return replace(graph, nodes={**graph.nodes, node.name: replace(node, writes=(*node.writes, value.port))})


def load(model: Model, params: Mapping[str, Tensor], names: Mapping[str, str], *, below: str = "") -> None:
    """Fill what stands below a path: every array of the case is used, every parameter there but tied ones is filled.

    Args:
        model: In float64.
        params: The case's arrays.
        names: Paths of parameters by the names of arrays.
        below: What the paths begin with.
    """
    owned = {p.path for p in model.spec.params.values() if p.tied_to is None and p.path.startswith(below)}
    assert names.keys() == params.keys(), f"not in both case and map: {sorted(names.keys() ^ params.keys())}"
    assert set(names.values()) == owned, f"not in both map and model: {sorted(set(names.values()) ^ owned)}"
    model.load_state_dict({ours: params[theirs] for theirs, ours in names.items()}, strict=False)


def gradients(model: Model, names: Mapping[str, str]) -> dict[str, Tensor]:
    """The gradients of parameters, by the names that the case gives them."""
    params = dict(model.named_parameters())
    return {theirs: params[ours].grad for theirs, ours in names.items() if params[ours].grad is not None}


def carried(graph: Graph, channel: str, *, after: str) -> Value | None:
    """What travels in a channel behind a layer: the last state written, or the zeros that it starts with."""
    state, stack = None, after.partition(".")[0]
    last = graph.region_nodes(after)[-1]
    for node in graph:
        if node.name == f"{stack}.{channel}_start":
            state = Value(node=node.name)
        elif channel in node.writes and node.region.startswith(f"{stack}."):
            state = Value(node=node.name, port=channel)
        if node is last:
            break
    return state


def dense(routing: Routing) -> Tensor:
    """A router's weights as `[T, E]`, zero for experts that were not chosen."""
    return torch.zeros_like(routing.logits_TE).scatter_add(1, routing.experts_TK, routing.weights_TK)
