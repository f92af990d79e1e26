"""Momentum with a complex coefficient, whose velocity swings over depth.

Paper: the code of MomentumSMoE, Teo and Nguyen 2024 (arXiv 2410.14574), after Lorraine et al. 2021 (arXiv 2102.08431).
x is the residual stream, u the mixture of experts, v the complex velocity, zero before the first layer; all have
axes B S D.

    v <- (mu + i mu_imaginary) v + gamma u;  x <- x - Re v
"""

from __future__ import annotations

from typing import Any

from moedsl.ops.base import Carry, Op, field
from moedsl.ops.registry import register


@register("momentum", "complex")
class Complex(Op):
    """Heavy-ball momentum that also turns: real and imaginary part are two states."""

    mu: float = field(0.7, gt=-1, lt=1, effect="numerics", description="Real part of the coefficient.")
    mu_imaginary: float = field(0.1, gt=-1, lt=1, effect="numerics", description="Imaginary part of the coefficient.")
    gamma: float = field(1.0, effect="numerics", description="Step size: the factor on the mixture.")

    paper = "Teo and Nguyen 2024, arXiv 2410.14574 (its code)"

    def reads(self) -> dict[str, Carry]:
        return {
            "velocity": Carry(description="Real part of the velocity."),
            "velocity_imaginary": Carry(description="Imaginary part of the velocity."),
        }

    def writes(self) -> dict[str, Carry]:
        return self.reads()

    def forward(
        self, p: Any, x_BSD: Any, u_BSD: Any, *, velocity: Any, velocity_imaginary: Any
    ) -> tuple[Any, dict[str, Any]]:
        real = self.mu * velocity - self.mu_imaginary * velocity_imaginary + self.gamma * u_BSD
        imaginary = self.mu * velocity_imaginary + self.mu_imaginary * velocity
        return x_BSD - real, {"velocity": real, "velocity_imaginary": imaginary}

    def reference(
        self, p: dict[str, Any], x: float, u: float, *, velocity: float, velocity_imaginary: float
    ) -> tuple[float, dict[str, float]]:
        """One entry of the stream."""
        state = complex(self.mu, self.mu_imaginary) * complex(velocity, velocity_imaginary) + self.gamma * u
        return x - state.real, {"velocity": state.real, "velocity_imaginary": state.imag}
