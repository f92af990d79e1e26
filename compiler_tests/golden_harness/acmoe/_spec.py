"""The text of an adaptive-clustering router, and its weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

RESCALE = {
    "divide the clipped weights by their mean over clusters, per feature": "cluster_mean",
    "divide by the scalar mean of the unclipped weights": "mean_before_clip",
    "divide by the scalar mean of the clipped weights": "mean_after_clip",
    None: "none",
}
"""What weights are divided by, by the words of a case."""

DISPERSION = {"variance": "variance", "swin_variance": "variance", "pairwise": "pairwise"}
"""Recipes that measure something else than mean absolute deviations."""

BASES = {
    "unit expert embeddings": ("base = embedding", {"expert_embedding": "expert_embedding"}),
    "linear": ("base = linear  bias = true", {"weight": "gate", "bias": "bias"}),
}
"""What judges the weighed tokens: fields, and parameters by the names of arrays."""


def router(config: Mapping[str, Any], base: str) -> str:
    """The router of a case; what the statistics run over is the whole batch throughout."""
    ac, clip = config["ac"], config["ac"]["clip"]
    return f"""router adaptive_cluster {{
        top_k = {config.get("top_k", 2)}
        {BASES[base][0]}
        dispersion = {DISPERSION.get(ac["recipe"], "mad")}
        eps = {ac["eps"]!r}
        clip = {"none" if clip is None else repr(clip)}
        rescale = {RESCALE[ac["rescale"]]}
        label = {"mixed" if config.get("mix_weights") else "top1"}
        scope = batch
      }}"""
