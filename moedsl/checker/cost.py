"""What a spec weighs and costs, as the data that `moedsl cost --format json` prints."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from moedsl.checker.run import Source, check
from moedsl.ir import counts
from moedsl.ir.graph import Graph

SCHEMA = "moedsl.cost/1"


def cost(
    source: Source,
    *,
    model: str | None = None,
    params: Mapping[str, object] | None = None,
    overrides: str | Sequence[str] | None = None,
    batch: int = 1,
    seq: int = 2048,
    dtype: str = "bfloat16",
) -> dict[str, Any]:
    """Count a spec's models, in all and for each layer.

    Args:
        source: A path, perhaps `FILE::MODEL`, or a text.
        model: Count only this model.
        params: Values for the model's parameters.
        overrides: Settings such as `decoder.layers.3.moe.router.top_k=1`.
        batch: Sequences that the cache holds.
        seq: Tokens per sequence, for operations and for the cache.
        dtype: What weights and caches are kept in.

    Raises:
        SpecError: the spec has errors, which `moedsl.check` returns and this does not.
        ValueError: a length or a number of sequences is no count, or there is no such number format.
    """
    result = check(source, model=model, params=params, overrides=overrides)
    result.require()
    return cost_of(result.graphs.values(), batch=batch, seq=seq, dtype=dtype)


def cost_of(graphs: Iterable[Graph], *, batch: int = 1, seq: int = 2048, dtype: str = "bfloat16") -> dict[str, Any]:
    """The same for models that are already checked.

    Raises:
        ValueError: a length or a number of sequences is no count, or there is no such number format.
    """
    for name, value in (("batch", batch), ("seq", seq)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"`{name}` is a whole number from 1 on, not {value!r}")
    return {"schema": SCHEMA, "models": [_model(graph, batch=batch, seq=seq, dtype=dtype) for graph in graphs]}


def _model(graph: Graph, *, batch: int, seq: int, dtype: str) -> dict[str, Any]:
    layers = [dataclasses.asdict(layer) for layer in counts.layers(graph, seq=seq, dtype=dtype)]
    for layer in layers:
        layer["kv_cache_bytes"] *= batch
    return {
        "model": graph.name,
        "total_params": counts.total_params(graph),
        "active_params": counts.active_params(graph),
        "embedding_params": counts.embedding_params(graph),
        "flops_per_token": counts.flops_per_token(graph, seq),
        "weight_bytes": counts.weight_bytes(graph, dtype),
        "kv_cache_bytes": counts.kv_cache(graph, batch=batch, seq=seq, dtype=dtype),
        "layers": layers,
    }
