"""A constant learning rate after a linear warmup."""

from __future__ import annotations

from moedsl.ops.registry import register
from moedsl.ops.schedules._shared import Schedule


@register("schedule", "constant")
class Constant(Schedule):
    """The learning rate stays as it is: factor min(1, t / warmup) at update t."""

    def after_warmup(self, step: int, *, steps: int) -> float:
        return 1.0
