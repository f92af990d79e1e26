"""A learning rate that falls on a straight line."""

from __future__ import annotations

from moedsl.ops.base import field
from moedsl.ops.registry import register
from moedsl.ops.schedules._shared import Schedule


@register("schedule", "linear")
class Linear(Schedule):
    """The learning rate falls linearly to `floor` of itself at the last step."""

    floor: float = field(0.0, ge=0, le=1, effect="training", description="The factor at the last step.")

    def after_warmup(self, step: int, *, steps: int) -> float:
        return 1.0 - (1.0 - self.floor) * self.progress(step, steps=steps)
