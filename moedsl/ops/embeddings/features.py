"""No embedding: the model is called with the residual stream itself.

Axes: B batch, S sequence, D d_model.
"""

from __future__ import annotations

from typing import Any

from moedsl.ops.embeddings._shared import Embedding
from moedsl.ops.registry import register


@register("embedding", "features")
class Features(Embedding):
    """Takes hidden states of width `d_model` as they come; for models that are fed by another one."""

    input_name = "features"
    input_dtype = "float"
    input_shape = ("B", "S", "d_model")

    def forward(self, p: Any, features_BSD: Any) -> Any:
        return features_BSD

    def reference(self, p: dict[str, Any], features_BSD: list[list[list[float]]]) -> list[list[list[float]]]:
        """The same numbers."""
        return features_BSD
