"""Sinusoidal absolute positions.

Paper: Vaswani et al. 2017, section 3.5 (arXiv 1706.03762). Axes: B batch, S sequence, D d_model.

    y[s, 2i] = x[s, 2i] + sin(s / base^(2i/D)),  y[s, 2i+1] = x[s, 2i+1] + cos(s / base^(2i/D))
"""

from __future__ import annotations

from collections.abc import Iterable
from math import cos, sin
from typing import Any, ClassVar

from moedsl.lazy import torch
from moedsl.ops.base import Op, Problem, Sizes, field
from moedsl.ops.numerics import at_least_float32
from moedsl.ops.registry import register


@register("position", "sinusoidal")
class Sinusoidal(Op):
    """Adds sines and cosines of the position: no parameters, any length."""

    base: float = field(10_000.0, gt=1, effect="numerics", description="The longest wave is 2 pi times this.")

    paper = "Vaswani et al. 2017, section 3.5, arXiv 1706.03762"
    uses = frozenset({"positions"})
    rejects: ClassVar = (({}, {"d_model": 7}, "E0404"),)

    def problems(self, sizes: Sizes) -> Iterable[Problem]:
        if sizes["d_model"] % 2:
            yield Problem(
                code="E0404",
                message=f"sinusoidal positions pair up channels, and `d_model = {sizes['d_model']}` is odd",
                help="make `d_model` even, or use `position learned`",
                other="d_model",
            )

    def forward(self, p: Any, x_BSD: Any, positions_S: Any) -> Any:
        width = x_BSD.shape[-1]
        exact = at_least_float32(x_BSD).dtype
        even = torch.arange(0, width, 2, device=x_BSD.device, dtype=exact)
        angles = positions_S.to(exact)[:, None] * self.base ** (-even / width)
        waves_SD = torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(-2)
        return x_BSD + waves_SD.to(x_BSD.dtype)

    def reference(self, p: dict[str, Any], x_BSD: list[list[list[float]]], positions_S: list[int]) -> list[Any]:
        """One channel at a time."""
        return [
            [
                [x + self._wave(place, d, len(x_D)) for d, x in enumerate(x_D)]
                for x_D, place in zip(seq, positions_S, strict=True)
            ]
            for seq in x_BSD
        ]

    def _wave(self, place: int, channel: int, width: int) -> float:
        angle = place / self.base ** (2 * (channel // 2) / width)
        return cos(angle) if channel % 2 else sin(angle)
