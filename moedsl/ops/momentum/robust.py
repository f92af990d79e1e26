"""Robust momentum over depth: the mixture is taken ahead of the stream.

Paper: Robust MomentumSMoE, Teo and Nguyen 2024 (arXiv 2410.14574), after Cyrus et al. 2018 (arXiv 1710.04753) with
smoothness 1. x is the residual stream, u the mixture of experts, v the velocity, zero before the first layer; all have
axes B S D.

    step = gamma (1 - mu)^2 (1 + mu);  keep = gamma mu^3 / (gamma - 1);  ahead = mu^3 / ((gamma - 1)(1 - mu)^2 (1 + mu))
    y = x + ahead step v,  and u is the mixture at y;  v <- keep v - u;  x <- x + step v
"""

from __future__ import annotations

from typing import Any, ClassVar

from moedsl.ops.base import Carry, Op, field
from moedsl.ops.registry import register


@register("momentum", "robust")
class Robust(Op):
    """Momentum tuned to withstand noise in the mixtures; two numbers set its three coefficients."""

    mu: float = field(
        0.2, gt=0, lt=1, effect="numerics", description="Rate: smaller reacts faster, larger is steadier."
    )
    gamma: float = field(1.25, gt=1, effect="numerics", description="Assumed condition number of the mixture.")

    paper = "Teo and Nguyen 2024, arXiv 2410.14574"
    shifts_input: ClassVar[bool] = True
    """The mixture is taken at `lookahead(x)`, the step from x itself."""

    @property
    def step(self) -> float:
        """Factor on the velocity as it moves the stream."""
        return self.gamma * (1 - self.mu) ** 2 * (1 + self.mu)

    @property
    def keep(self) -> float:
        """How much of the velocity each layer keeps."""
        return self.gamma * self.mu**3 / (self.gamma - 1)

    @property
    def ahead(self) -> float:
        """How many steps ahead the mixture is taken."""
        return self.mu**3 / ((self.gamma - 1) * (1 - self.mu) ** 2 * (1 + self.mu))

    def reads(self) -> dict[str, Carry]:
        return {"velocity": Carry(description="Decaying sum of the negative mixtures so far.")}

    def writes(self) -> dict[str, Carry]:
        return self.reads()

    def lookahead(self, p: Any, x_BSD: Any, *, velocity: Any) -> Any:
        """Where router and experts are asked."""
        return x_BSD + self.ahead * self.step * velocity

    def forward(self, p: Any, x_BSD: Any, u_BSD: Any, *, velocity: Any) -> tuple[Any, dict[str, Any]]:
        velocity = self.keep * velocity - u_BSD
        return x_BSD + self.step * velocity, {"velocity": velocity}

    def reference(self, p: dict[str, Any], x: float, u: float, *, velocity: float) -> tuple[float, dict[str, float]]:
        """One entry of the stream, from a mixture that was taken ahead."""
        rate, condition = self.mu, self.gamma
        after = condition * rate**3 / (condition - 1) * velocity - u
        return x + condition * (1 - rate) ** 2 * (1 + rate) * after, {"velocity": after}
