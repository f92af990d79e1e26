"""One layer: sublayers in written order, each with a residual connection and a norm."""

from __future__ import annotations

from typing import ClassVar

from moedsl.ops.blocks._slots import BlockOp, Slot
from moedsl.ops.registry import register


@register("block", "layer")
class LayerBlock(BlockOp):
    """Sublayers run in the order written. The `norm` serves every sublayer; its `place` says where."""

    slots: ClassVar[dict[str, Slot]] = {
        "norm": Slot(kind="norm"),
        "attention": Slot(kind="attention"),
        "moe": Slot(kind="block"),
        "ffn": Slot(kind="ffn"),
    }
