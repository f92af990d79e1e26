"""A whole model: what comes in, stacks of layers, what comes out."""

from __future__ import annotations

from typing import ClassVar

from moedsl.ops.base import Sizes, field
from moedsl.ops.blocks._slots import BlockOp, Slot
from moedsl.ops.registry import register


@register("block", "model")
class ModelBlock(BlockOp):
    """The outermost block. Slots stand in the order: embed, position, stacks, norm, head."""

    d_model: int = field(ge=1, effect="params", description="Width of the residual stream.")
    version: str = field("", effect="cosmetic", description="The author's version of this model.")

    slots: ClassVar[dict[str, Slot]] = {
        "embed": Slot(kind="embedding", default="features"),
        "position": Slot(kind="position"),
        "layer": Slot(kind="block", many=True, named=True),
        "stack": Slot(kind="block", many=True, named=True, required=True),
        "norm": Slot(kind="norm"),
        "head": Slot(kind="head"),
    }

    def sizes(self, given: Sizes) -> dict[str, int]:
        return {"d_model": self.d_model}
