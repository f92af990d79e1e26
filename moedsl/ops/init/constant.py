"""Constant initialisation."""

from __future__ import annotations

from moedsl.ops.base import Init, field
from moedsl.ops.init._shared import Initialiser
from moedsl.ops.registry import register


@register("init", "constant")
class Constant(Initialiser):
    """Start every entry at the same number."""

    value: float = field(effect="init", description="The number.")

    def resolve(self, shape: tuple[int, ...]) -> Init:
        return Init(rule="constant", scale=self.value)
