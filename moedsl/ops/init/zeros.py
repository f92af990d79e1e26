"""All zeros."""

from __future__ import annotations

from moedsl.ops.base import Init
from moedsl.ops.init._shared import ZEROS, Initialiser
from moedsl.ops.registry import register


@register("init", "zeros")
class Zeros(Initialiser):
    """Start every entry at 0; for output projections that should leave the stream alone at first."""

    def resolve(self, shape: tuple[int, ...]) -> Init:
        return ZEROS
