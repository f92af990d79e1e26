"""Nesterov momentum over depth: the mixture is taken where the velocity is about to carry the stream.

Paper: Nesterov 1983; in the form of Sutskever et al. 2013, equations 3-4, with the sign of MomentumSMoE's code
(arXiv 2410.14574), which has no such variant itself. x is the residual stream, u the mixture of experts, v the
velocity, zero before the first layer; all have axes B S D.

    y = x - mu v,  and u is the mixture at y;  v <- mu v + gamma u;  x <- x - v
"""

from __future__ import annotations

from typing import Any, ClassVar

from moedsl.ops.base import Carry, Op, field
from moedsl.ops.registry import register


@register("momentum", "nesterov")
class Nesterov(Op):
    """Heavy-ball momentum whose router and experts already see the coming step."""

    mu: float = field(0.7, gt=-1, lt=1, effect="numerics", description="How much of the velocity each layer keeps.")
    gamma: float = field(1.0, effect="numerics", description="Step size: the factor on the mixture.")

    paper = "Sutskever et al. 2013, equations 3-4"
    shifts_input: ClassVar[bool] = True
    """The mixture is taken at `lookahead(x)`, the step from x itself."""

    def reads(self) -> dict[str, Carry]:
        return {"velocity": Carry(description="Decaying sum of the mixtures so far.")}

    def writes(self) -> dict[str, Carry]:
        return self.reads()

    def lookahead(self, p: Any, x_BSD: Any, *, velocity: Any) -> Any:
        """Where router and experts are asked."""
        return x_BSD - self.mu * velocity

    def forward(self, p: Any, x_BSD: Any, u_BSD: Any, *, velocity: Any) -> tuple[Any, dict[str, Any]]:
        velocity = self.mu * velocity + self.gamma * u_BSD
        return x_BSD - velocity, {"velocity": velocity}

    def reference(self, p: dict[str, Any], x: float, u: float, *, velocity: float) -> tuple[float, dict[str, float]]:
        """One entry of the stream, from a mixture that was taken ahead."""
        return x - self.mu * velocity - self.gamma * u, {"velocity": self.mu * velocity + self.gamma * u}
