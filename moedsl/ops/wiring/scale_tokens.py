"""Tokens as their router judged them, for experts that take them so."""

from __future__ import annotations

from typing import Any

from moedsl.ops.base import Op
from moedsl.ops.records import Routing
from moedsl.ops.registry import register


@register("wiring", "scale_tokens")
class ScaleTokens(Op):
    """Each token times the factors that its router put on it."""

    def forward(self, p: Any, x_TD: Any, routing: Routing) -> Any:
        return x_TD * routing.scale_TD

    def reference(self, p: Any, x_TD: list[list[float]], routing: dict[str, Any]) -> list[list[float]]:
        """Entry by entry."""
        return [[x * s for x, s in zip(*rows, strict=True)] for rows in zip(x_TD, routing["scale_TD"], strict=True)]
