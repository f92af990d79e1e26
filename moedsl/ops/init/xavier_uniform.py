"""Xavier (Glorot) initialisation.

Paper: Glorot and Bengio 2010, equation 16.

    bound = gain sqrt(6 / (fan_in + fan_out))
"""

from __future__ import annotations

from math import sqrt

from moedsl.ops.base import Init, field
from moedsl.ops.init._shared import Initialiser, fans
from moedsl.ops.registry import register


@register("init", "xavier_uniform")
class XavierUniform(Initialiser):
    """Uniform, sized so that variance survives in both directions; a bank of experts is sized like one expert."""

    gain: float = field(1.0, gt=0, effect="init", description="Factor on the bound.")

    paper = "Glorot and Bengio 2010, equation 16"

    def resolve(self, shape: tuple[int, ...]) -> Init:
        fan_in, fan_out = fans(shape)
        return Init(rule="uniform", scale=self.gain * sqrt(6.0 / (fan_in + fan_out)))
