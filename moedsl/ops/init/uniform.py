"""Uniform initialisation."""

from __future__ import annotations

from moedsl.ops.base import Init, field
from moedsl.ops.init._shared import Initialiser
from moedsl.ops.registry import register


@register("init", "uniform")
class Uniform(Initialiser):
    """Draw evenly from `-bound` up to `bound`."""

    bound: float = field(0.02, gt=0, effect="init", description="Half width of the interval.")

    def resolve(self, shape: tuple[int, ...]) -> Init:
        return Init(rule="uniform", scale=self.bound)
