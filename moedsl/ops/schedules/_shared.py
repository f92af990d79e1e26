"""What every schedule is: a pure function of the step."""

from __future__ import annotations

from moedsl.ops.base import Op, field


class Schedule(Op):
    """Base of schedules: a factor on the learning rate, which rises over the first `warmup` steps."""

    warmup: int = field(
        0, ge=0, effect="training", unit="steps", description="Steps over which the rate rises from zero."
    )

    def factor(self, step: int, *, steps: int) -> float:
        """What the learning rate is multiplied by at update `step` = 1, 2, … of `steps`."""
        rise = min(1.0, step / self.warmup) if self.warmup else 1.0
        return rise * self.after_warmup(step, steps=steps)

    def after_warmup(self, step: int, *, steps: int) -> float:
        """The factor without the warmup's."""
        raise NotImplementedError(self.keyword)

    def progress(self, step: int, *, steps: int) -> float:
        """How much of the way from the end of the warmup to the last step lies behind, 0 to 1."""
        return min(1.0, max(0.0, step - self.warmup) / max(1, steps - self.warmup))
