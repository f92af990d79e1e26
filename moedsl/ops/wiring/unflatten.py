"""From tokens back to sequences."""

from __future__ import annotations

from typing import Any

from moedsl.ops.base import Op
from moedsl.ops.registry import register


@register("wiring", "unflatten")
class Unflatten(Op):
    """`x_TD` in the shape of `like_BSD`."""

    inline = True

    def forward(self, p: Any, x_TD: Any, like_BSD: Any) -> Any:
        return x_TD.view_as(like_BSD)

    def reference(self, p: Any, x_TD: list[list[float]], like_BSD: list[list[Any]]) -> list[list[list[float]]]:
        """Rows dealt out to sequences in order."""
        rows = iter(x_TD)
        return [[next(rows) for _ in sequence] for sequence in like_BSD]
