"""Normal initialisation."""

from __future__ import annotations

from moedsl.ops.base import Init, field
from moedsl.ops.init._shared import Initialiser
from moedsl.ops.registry import register


@register("init", "normal")
class Normal(Initialiser):
    """Draw from a normal distribution with mean zero."""

    std: float = field(0.02, gt=0, effect="init", description="Standard deviation.")
    truncate: float | None = field(None, gt=0, effect="init", description="Cut at this many standard deviations.")

    def resolve(self, shape: tuple[int, ...]) -> Init:
        return Init(rule="normal", scale=self.std, truncate=self.truncate)
