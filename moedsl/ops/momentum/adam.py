"""Adam over depth, for the first layer of a stack.

Paper: AdamSMoE, Teo and Nguyen 2024 (arXiv 2410.14574). x is the residual stream, u the mixture of experts, the states
start at zero; all have axes B S D, and squares are elementwise.

    v <- mu v + gamma u
    m <- beta1 m + (1 - beta1) u;  s <- beta2 s + (1 - beta2) u^2
    x <- (1 - decay) x - step m / sqrt(s + eps)

The paper's code uses this in the first layer and `heavy_ball` on the same velocity v after it, with `decay = 1`: the
residual is gone. `bias_correction` divides m by 1 - beta1^n and s by 1 - beta2^n at the n-th Adam layer.
"""

from __future__ import annotations

from math import log, sqrt
from typing import Any, ClassVar

from moedsl.lazy import torch
from moedsl.ops.base import Carry, Op, field
from moedsl.ops.registry import register


@register("momentum", "adam")
class Adam(Op):
    """The stream moves by the mean of mixtures over their root mean square, entry by entry."""

    mu: float = field(
        0.7, gt=-1, lt=1, effect="numerics", description="How much of the velocity each layer keeps, for later layers."
    )
    gamma: float = field(1.0, effect="numerics", description="Factor on the mixture as it enters the velocity.")
    step: float = field(1.0, effect="numerics", description="Factor on the step; hardly matters before a norm.")
    beta1: float = field(0.9, ge=0, lt=1, effect="numerics", description="Decay of the mean.")
    beta2: float = field(0.999, ge=0, lt=1, effect="numerics", description="Decay of the mean square.")
    eps: float = field(1e-8, gt=0, effect="numerics", description="Added to the mean square, inside the root.")
    decay: float = field(1.0, ge=0, le=1, effect="numerics", description="The share of the stream that is removed.")
    bias_correction: bool = field(
        False, effect="numerics", description="Make up for states that start at zero, as the optimizer Adam does."
    )

    paper = "Teo and Nguyen 2024, arXiv 2410.14574"
    examples: ClassVar = ({"decay": 0.25, "step": 0.8, "gamma": 1.5},)

    def reads(self) -> dict[str, Carry]:
        states = {
            "velocity": Carry(description="Decaying sum of the mixtures so far."),
            "first_moment": Carry(description="Decaying mean of the mixtures in Adam layers."),
            "second_moment": Carry(description="Decaying mean of their squares."),
        }
        count = Carry(description="How many Adam layers came before, the same in every entry.")
        return {**states, "adam_layers": count} if self.bias_correction else states

    def writes(self) -> dict[str, Carry]:
        return self.reads()

    def forward(
        self,
        p: Any,
        x_BSD: Any,
        u_BSD: Any,
        *,
        velocity: Any,
        first_moment: Any,
        second_moment: Any,
        adam_layers: Any = None,
    ) -> tuple[Any, dict[str, Any]]:
        mean = first_moment = self.beta1 * first_moment + (1 - self.beta1) * u_BSD
        square = second_moment = self.beta2 * second_moment + (1 - self.beta2) * u_BSD * u_BSD
        states = {"velocity": self.mu * velocity + self.gamma * u_BSD}
        if self.bias_correction:
            states["adam_layers"] = layers = adam_layers + 1
            mean, square = mean / _missing(self.beta1, layers), square / _missing(self.beta2, layers)
        moved_BSD = self.step * mean / (square + self.eps).sqrt()
        states |= {"first_moment": first_moment, "second_moment": second_moment}
        return (1 - self.decay) * x_BSD - moved_BSD, states

    def reference(self, p: dict[str, Any], x: float, u: float, **state: float) -> tuple[float, dict[str, float]]:
        """One entry of the stream."""
        after = {
            "velocity": self.mu * state["velocity"] + self.gamma * u,
            "first_moment": self.beta1 * state["first_moment"] + (1 - self.beta1) * u,
            "second_moment": self.beta2 * state["second_moment"] + (1 - self.beta2) * u**2,
        }
        mean, square = after["first_moment"], after["second_moment"]
        if self.bias_correction:
            after["adam_layers"] = state["adam_layers"] + 1
            mean /= 1 - self.beta1 ** after["adam_layers"]
            square /= 1 - self.beta2 ** after["adam_layers"]
        return (1 - self.decay) * x - self.step * mean / sqrt(square + self.eps), after


def _missing(beta: float, layers: Any) -> Any:
    """`1 - beta^layers`, by way of logarithms because bfloat16 rounds 0.999 to 1."""
    return -torch.special.expm1(layers * log(beta)) if beta > 0 else 1.0
