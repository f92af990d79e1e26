"""How a model is trained: data, tokenizer, optimizer, schedule and the loop's own numbers.

A recipe never touches the model: it has its own digest, and compiling or diffing a model does not read it.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from moedsl.ops.base import field
from moedsl.ops.blocks._slots import BlockOp, Slot
from moedsl.ops.registry import register


@register("block", "recipe")
class RecipeBlock(BlockOp):
    """One training run."""

    steps: int = field(1000, ge=1, effect="training", description="Optimizer updates.")
    batch_size: int = field(16, ge=1, effect="training", unit="sequences", description="Sequences per update.")
    block_size: int = field(256, ge=2, effect="training", unit="tokens", description="Tokens per sequence.")
    accumulate: int = field(1, ge=1, effect="training", description="Parts a batch is split into, one after another.")
    clip: float | None = field(1.0, gt=0, effect="training", description="Largest gradient norm; none to leave it.")
    seed: int = field(0, ge=0, effect="training", description="Seed of initialisation, data order and dropout.")
    precision: Literal["float32", "bfloat16", "float64"] = field(
        "float32", effect="training", description="bfloat16 runs under autocast with float32 weights."
    )
    compile: Literal["auto", "on", "off"] = field(
        "auto", effect="execution", description="Whether layers run through torch.compile; auto where it pays."
    )
    recompute: bool = field(False, effect="execution", description="Recompute each layer's activations in backward.")
    carry_cache: bool = field(
        False, effect="training", description="Keep caches from one block to the next (segment recurrence)."
    )
    eval_every: int = field(100, ge=1, effect="execution", unit="steps", description="Evaluate this often.")
    eval_blocks: int = field(16, ge=1, effect="execution", description="Blocks per evaluation.")
    save_every: int = field(100, ge=1, effect="execution", unit="steps", description="Save a checkpoint this often.")

    slots: ClassVar[dict[str, Slot]] = {
        "data": Slot(kind="data", required=True),
        "tokenizer": Slot(kind="tokenizer", default="bytes"),
        "optimizer": Slot(kind="optimizer", default="adamw"),
        "schedule": Slot(kind="schedule", default="constant"),
    }
