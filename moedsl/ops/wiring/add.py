"""Addition: residual connections, and shared experts beside routed ones."""

from __future__ import annotations

from typing import Any

from moedsl.ops.base import Op
from moedsl.ops.registry import register


@register("wiring", "add")
class Add(Op):
    """The sum of two values of the same shape."""

    inline = True

    def forward(self, p: Any, x: Any, y: Any) -> Any:
        return x + y

    def reference(self, p: Any, x: float, y: float) -> float:
        """One entry of the sum."""
        return x + y
