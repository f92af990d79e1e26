"""The start of FastMoE's expert banks.

PyTorch's rule for linear layers, applied to a bank `[num_experts, out, in]`, takes everything behind the first axis for
the fan-in. MomentumSMoE and ACMoE were trained from these small weights.

    bound = 1 / sqrt(fan_in fan_out)
"""

from __future__ import annotations

from math import sqrt

from moedsl.ops.base import Init
from moedsl.ops.init._shared import Initialiser, fans
from moedsl.ops.registry import register


@register("init", "fan_product_uniform")
class FanProductUniform(Initialiser):
    """Uniform within 1/sqrt(fan_in fan_out): far smaller than a linear layer's start, as FastMoE's experts have it."""

    paper = "He et al. 2021, FastMoE, arXiv 2103.13262 (its code)"

    def resolve(self, shape: tuple[int, ...]) -> Init:
        fan_in, fan_out = fans(shape)
        return Init(rule="uniform", scale=1.0 / sqrt(fan_in * fan_out))
