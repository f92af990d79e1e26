"""A stack of layers that share one residual stream."""

from __future__ import annotations

from typing import ClassVar

from moedsl.ops.base import field
from moedsl.ops.blocks._slots import BlockOp, Slot
from moedsl.ops.registry import register


@register("block", "stack")
class StackBlock(BlockOp):
    """Layers in order, written as a pattern: `layers = [sparse, dense] * 6`."""

    causal: bool = field(False, effect="numerics", description="Whether a position sees only itself and earlier ones.")
    faithful: bool = field(
        False,
        effect="numerics",
        description="Accept statistics that let a causal stack see the future, as some papers' code does.",
    )

    slots: ClassVar[dict[str, Slot]] = {"layer": Slot(kind="block", many=True, named=True)}
