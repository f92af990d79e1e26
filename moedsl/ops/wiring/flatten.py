"""From sequences to tokens: a MoE treats every token alike."""

from __future__ import annotations

from typing import Any

from moedsl.ops.base import Op
from moedsl.ops.registry import register


@register("wiring", "flatten")
class Flatten(Op):
    """`x_BSD` as `x_TD`, batch-major."""

    inline = True

    def forward(self, p: Any, x_BSD: Any) -> Any:
        return x_BSD.flatten(0, 1)

    def reference(self, p: Any, x_BSD: list[list[list[float]]]) -> list[list[float]]:
        """All rows of all sequences, one after another."""
        return [token for sequence in x_BSD for token in sequence]
