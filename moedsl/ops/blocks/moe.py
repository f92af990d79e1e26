"""A mixture of experts: router, dispatch, experts, and how the result joins the stream."""

from __future__ import annotations

from typing import ClassVar

from moedsl.ops.base import field
from moedsl.ops.blocks._slots import BlockOp, Slot
from moedsl.ops.registry import register


@register("block", "moe")
class MoeBlock(BlockOp):
    """A mixture of experts as a sublayer.

    A `norm` in here gives the mixture a residual connection of its own inside the layer's (the double wrapping of
    MomentumSMoE's language models); `momentum` replaces the addition of the innermost one.
    """

    dropout: float = field(
        0.0,
        ge=0,
        lt=1,
        effect="training",
        description="Dropout on the mixture before it joins the stream, in training.",
    )

    slots: ClassVar[dict[str, Slot]] = {
        "norm": Slot(kind="norm"),
        "router": Slot(kind="router", required=True),
        "dispatch": Slot(kind="dispatch", default="dropless"),
        "experts": Slot(kind="experts", required=True),
        "shared": Slot(kind="ffn"),
        "momentum": Slot(kind="momentum"),
        "loss": Slot(kind="loss", many=True),
    }
