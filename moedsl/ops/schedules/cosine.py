"""A learning rate that falls along half a cosine.

Paper: Loshchilov and Hutter 2017, equation 5 without restarts (arXiv 1608.03983).
"""

from __future__ import annotations

from math import cos, pi

from moedsl.ops.base import field
from moedsl.ops.registry import register
from moedsl.ops.schedules._shared import Schedule


@register("schedule", "cosine")
class Cosine(Schedule):
    """The learning rate falls along half a cosine to `floor` of itself at the last step."""

    floor: float = field(0.1, ge=0, le=1, effect="training", description="The factor at the last step.")

    paper = "Loshchilov and Hutter 2017, equation 5, arXiv 1608.03983"

    def after_warmup(self, step: int, *, steps: int) -> float:
        return self.floor + (1.0 - self.floor) * 0.5 * (1.0 + cos(pi * self.progress(step, steps=steps)))
