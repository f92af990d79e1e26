"""What a model weighs and costs: parameters, bytes, operations, per model and per layer.

Everything here is arithmetic on the graph; the numbers equal those of the built module. A tied parameter is its owner
and counts once. A buffer (`trainable = False`) is no parameter, so `total_params` equals the sum over
`module.parameters()`; it is part of the checkpoint, so `weight_bytes` includes it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from moedsl.ir.graph import Graph, Node, ParamSpec
from moedsl.types import FLOAT_BYTES, float_format

FIXED_BYTES: Mapping[str, int] = {"int": 8, "bool": 1}
"""Bytes of one number that is no floating-point number, whatever the dtype of the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerCount:
    """One layer, or one node that stands outside all layers, and what it adds to the model's counts."""

    name: str
    template: str
    """The `layer` block it was made from; outside the layers, the op's kind and keyword."""
    total_params: int
    active_params: int
    flops_per_token: float
    weight_bytes: int
    kv_cache_bytes: int


def total_params(graph: Graph) -> int:
    """How many trainable numbers the model has."""
    return sum(p.count for p in _owned(graph) if p.trainable)


def active_params(graph: Graph) -> int:
    """How many of them one token uses: all but the experts that it is not sent to."""
    return round(sum(p.count * p.per_token for p in _owned(graph) if p.trainable))


def embedding_params(graph: Graph) -> int:
    """How many stand in tables that are looked up: embeddings of tokens and of positions, not an untied head."""
    tables = (n for n in graph if n.op.kind in ("embedding", "position"))
    return sum(p.count for n in tables for p in n.params if p.trainable and p.tied_to is None)


def weight_bytes(graph: Graph, dtype: str = "bfloat16") -> int:
    """The size of a checkpoint: parameters and buffers, each once."""
    return _bytes(_owned(graph), dtype)


def flops_per_token(graph: Graph, seq: int) -> float:
    """Operations of matrix products in a forward pass, per token of a sequence of `seq` tokens."""
    return sum(node.cost(seq).flops for node in graph)


def kv_cache(graph: Graph, *, batch: int = 1, seq: int = 2048, dtype: str = "bfloat16") -> int:
    """Bytes that decoding keeps after `seq` tokens of each of `batch` sequences."""
    return _cache_bytes(graph, seq=seq, size=batch * _size(dtype))


def depth(graph: Graph) -> int:
    """How many layers there are, over all stacks."""
    return len(graph.regions)


def width(graph: Graph) -> int:
    """The width of the residual stream."""
    return graph.sizes["d_model"]


def layers(graph: Graph, *, seq: int = 2048, dtype: str = "bfloat16") -> tuple[LayerCount, ...]:
    """The layers and the nodes outside them, in running order; plumbing that costs nothing is left out."""
    templates = {region.name: region.template for region in graph.regions}
    rows: dict[str, list[Node]] = {}
    for node in graph:
        rows.setdefault(node.region or node.name, []).append(node)
    counted = (
        _count(name, templates.get(name) or f"{nodes[0].op.kind} {nodes[0].op.keyword}", nodes, seq=seq, dtype=dtype)
        for name, nodes in rows.items()
    )
    return tuple(c for c in counted if c.name in templates or c.weight_bytes or c.flops_per_token)


def largest_contributors(
    graph: Graph, limit: int = 5, measure: Callable[[Node], float] | None = None
) -> tuple[tuple[str, int], ...]:
    """What to change first when a count is too high: the largest parts and their counts, equal places of layers as one.

    Args:
        graph: The model.
        limit: How many parts.
        measure: What is counted of each node; its own parameters when left out.
    """
    parts: dict[str, float] = {}
    for node in graph:
        value = (measure or _params_of)(node)
        if value:
            part = re.sub(r"\.\d+\.", ".*.", node.name)
            parts[part] = parts.get(part, 0) + value
    ordered = sorted(parts.items(), key=lambda part: -part[1])
    return tuple((part, round(value)) for part, value in ordered[:limit])


# ---- sums over nodes


def _owned(nodes: Iterable[Node]) -> Iterable[ParamSpec]:
    return (p for node in nodes for p in node.params if p.tied_to is None)


def _params_of(node: Node) -> int:
    return sum(p.count for p in _owned([node]) if p.trainable)


def _size(dtype: str) -> float:
    full = float_format(dtype)
    if full is None:
        raise ValueError(f"there is no number format `{dtype}`: use one of {', '.join(FLOAT_BYTES)}")
    return FLOAT_BYTES[full]


def _bytes(params: Iterable[ParamSpec], dtype: str) -> int:
    size = _size(dtype)
    return round(sum(p.count * FIXED_BYTES.get(p.dtype, size) for p in params))


def _cache_bytes(nodes: Iterable[Node], *, seq: int, size: float) -> int:
    return round(sum(node.cost(seq).cache_values for node in nodes) * size)


def _count(name: str, template: str, nodes: list[Node], *, seq: int, dtype: str) -> LayerCount:
    params = [p for p in _owned(nodes) if p.trainable]
    return LayerCount(
        name=name,
        template=template,
        total_params=sum(p.count for p in params),
        active_params=round(sum(p.count * p.per_token for p in params)),
        flops_per_token=sum(node.cost(seq).flops for node in nodes),
        weight_bytes=_bytes(_owned(nodes), dtype),
        kv_cache_bytes=_cache_bytes(nodes, seq=seq, size=_size(dtype)),
    )
