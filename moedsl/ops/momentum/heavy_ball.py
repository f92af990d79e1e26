"""Heavy-ball momentum over depth.

Paper: MomentumSMoE, Teo and Nguyen 2024 (arXiv 2410.14574). x is the residual stream, u the mixture of
experts, v the velocity, zero before the first layer; all have axes B S D.

    v <- mu v + gamma u;  x <- x - v

The paper adds the velocity of a negative gradient; its code subtracts (`sign = minus`). A plain mixture is `x + u`, so
`mu = 0` equals it only with `sign = plus`.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from moedsl.ops.base import Carry, Op, field
from moedsl.ops.registry import register


@register("momentum", "heavy_ball")
class HeavyBall(Op):
    """The stream moves by a velocity that remembers the mixtures of earlier layers."""

    mu: float = field(0.7, gt=-1, lt=1, effect="numerics", description="How much of the velocity each layer keeps.")
    gamma: float = field(1.0, effect="numerics", description="Step size: the factor on the mixture.")
    sign: Literal["minus", "plus"] = field(
        "minus", effect="numerics", description="Whether the velocity is subtracted from the stream or added."
    )

    paper = "Teo and Nguyen 2024, arXiv 2410.14574"
    examples: ClassVar = ({"mu": -0.5, "gamma": 0.8},)

    def reads(self) -> dict[str, Carry]:
        return {"velocity": Carry(description="Decaying sum of the mixtures so far.")}

    def writes(self) -> dict[str, Carry]:
        return self.reads()

    def forward(self, p: Any, x_BSD: Any, u_BSD: Any, *, velocity: Any) -> tuple[Any, dict[str, Any]]:
        velocity = self.mu * velocity + self.gamma * u_BSD
        return (x_BSD - velocity if self.sign == "minus" else x_BSD + velocity), {"velocity": velocity}

    def reference(self, p: dict[str, Any], x: float, u: float, *, velocity: float) -> tuple[float, dict[str, float]]:
        """One entry of the stream."""
        moved = self.mu * velocity + self.gamma * u
        return x + {"minus": -1, "plus": 1}[self.sign] * moved, {"velocity": moved}
