"""A learning rate that falls with the square root of the step.

Paper: Vaswani et al. 2017, equation 3 (arXiv 1706.03762), scaled so that the factor is 1 at the end of the warmup.
"""

from __future__ import annotations

from math import sqrt

from moedsl.ops.registry import register
from moedsl.ops.schedules._shared import Schedule


@register("schedule", "inverse_sqrt")
class InverseSqrt(Schedule):
    """The learning rate falls as sqrt(warmup / t); without a warmup, as sqrt(1 / t)."""

    paper = "Vaswani et al. 2017, equation 3, arXiv 1706.03762"

    def after_warmup(self, step: int, *, steps: int) -> float:
        start = max(1, self.warmup)
        return sqrt(start / max(start, step))
