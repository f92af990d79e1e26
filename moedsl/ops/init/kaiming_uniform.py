"""Kaiming (He) initialisation.

Paper: He et al. 2015, section 2.2 (arXiv 1502.01852), uniform form.

    bound = sqrt(6 / ((1 + slope^2) fan_in))
"""

from __future__ import annotations

from math import sqrt

from moedsl.ops.base import Init, field
from moedsl.ops.init._shared import Initialiser, fans
from moedsl.ops.registry import register


@register("init", "kaiming_uniform")
class KaimingUniform(Initialiser):
    """Uniform, sized so that variance survives a ReLU going forward; a bank of experts is sized like one expert."""

    slope: float = field(
        0.0, ge=0, effect="init", description="Negative slope of the leaky ReLU; sqrt(5) gives a linear layer's bound."
    )

    paper = "He et al. 2015, section 2.2, arXiv 1502.01852"

    def resolve(self, shape: tuple[int, ...]) -> Init:
        fan_in, _ = fans(shape)
        return Init(rule="uniform", scale=sqrt(6.0 / ((1.0 + self.slope**2) * fan_in)))
