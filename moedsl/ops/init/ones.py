"""All ones."""

from __future__ import annotations

from moedsl.ops.base import Init
from moedsl.ops.init._shared import ONES, Initialiser
from moedsl.ops.registry import register


@register("init", "ones")
class Ones(Initialiser):
    """Start every entry at 1."""

    def resolve(self, shape: tuple[int, ...]) -> Init:
        return ONES
