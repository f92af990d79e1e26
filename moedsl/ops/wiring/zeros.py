"""The start of a carry: zeros, anew in every call."""

from __future__ import annotations

from typing import Any

from moedsl.lazy import torch
from moedsl.ops.base import Op
from moedsl.ops.registry import register


@register("wiring", "zeros")
class Zeros(Op):
    """Zeros shaped like the residual stream."""

    inline = True

    def forward(self, p: Any, like_BSD: Any) -> Any:
        return torch.zeros_like(like_BSD)

    def reference(self, p: Any, like_BSD: list[list[list[float]]]) -> list[list[list[float]]]:
        """A zero for every entry."""
        return [[[0.0 for _ in token] for token in sequence] for sequence in like_BSD]
