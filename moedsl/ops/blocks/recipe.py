"""How a model is trained: data, tokenizer, optimizer, schedule and the loop's own numbers.

A recipe never touches the model: it has its own digest, and compiling or diffing a model does not read it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal

from moedsl.ops.base import Problem, Sizes, field
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
        "auto", effect="execution", description="Whether layers run through torch.compile; auto does so on a GPU."
    )
    recompute: bool = field(False, effect="execution", description="Recompute each layer's activations in backward.")
    deterministic: bool = field(
        True, effect="execution", description="On a GPU, prefer slower operations that give the same bits each time."
    )
    carry_cache: bool = field(
        False, effect="training", description="Keep caches from one block to the next (segment recurrence)."
    )
    log_every: int = field(10, ge=1, effect="execution", unit="steps", description="Write metrics this often.")
    eval_every: int = field(100, ge=1, effect="execution", unit="steps", description="Evaluate this often.")
    eval_blocks: int = field(64, ge=1, effect="execution", description="Held-out blocks per evaluation.")
    save_every: int = field(100, ge=1, effect="execution", unit="steps", description="Save a checkpoint this often.")
    keep: int = field(2, ge=1, effect="execution", unit="checkpoints", description="How many checkpoints are kept.")

    slots: ClassVar[dict[str, Slot]] = {
        "data": Slot(kind="data", required=True),
        "tokenizer": Slot(kind="tokenizer", default="bytes"),
        "optimizer": Slot(kind="optimizer", default="adamw"),
        "schedule": Slot(kind="schedule", default="constant"),
    }
    rejects: ClassVar = (({"batch_size": 10, "accumulate": 4}, {"vocab_size": 256}, "E1010"),)

    def problems(self, sizes: Sizes) -> Iterable[Problem]:
        """What the recipe's own numbers refuse, given the sizes of the model it trains."""
        if self.batch_size % self.accumulate:
            yield Problem(
                code="E1010",
                message=f"`batch_size = {self.batch_size}` does not split into `accumulate = {self.accumulate}` parts",
                field="accumulate",
                help="make `batch_size` a multiple of `accumulate`",
                other="batch_size",
            )
        if "vocab_size" not in sizes:
            yield Problem(
                code="E1008",
                message="a recipe trains language models, and this model reads or writes no tokens",
                help="give the model `embed token { … }` and `head lm { … }`",
            )
        longest = sizes.get("max_positions")
        if longest is not None and not self.carry_cache and self.block_size > longest:
            yield Problem(
                code="E1009",
                message=f"`block_size = {self.block_size}` is longer than the model's {longest} positions",
                field="block_size",
                help=f"lower `block_size` to {longest}, or raise `max_positions`",
                other="max_positions",
            )
