"""What every optimizer is: fields that become a torch optimizer once the parameters are known."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from moedsl.ops.base import Op, field

Share = Annotated[float, Field(ge=0, lt=1)]


class Optimizer(Op):
    """Base of optimizers."""

    lr: float = field(1e-3, gt=0, effect="training", description="Learning rate, before the schedule's factor.")
    decay_on: Literal["matrices", "all"] = field(
        "matrices",
        effect="training",
        description="What weight decay pulls at: weight matrices only, or norms, biases and embeddings too.",
    )

    def build(self, decayed: list[Any], undecayed: list[Any]) -> Any:
        """A torch optimizer for parameters with and without weight decay."""
        raise NotImplementedError(self.keyword)


class AdamFields(Optimizer):
    """Fields that Adam and AdamW share."""

    betas: tuple[Share, Share] = field(
        (0.9, 0.999), effect="training", description="Decay of the averages of the gradient and of its square."
    )
    eps: float = field(1e-8, gt=0, effect="training", description="Added to the denominator.")
    weight_decay: float = field(0.0, ge=0, effect="training", description="Strength of weight decay.")

    def groups(self, decayed: list[Any], undecayed: list[Any]) -> list[dict[str, Any]]:
        """Parameter groups as torch takes them, without empty ones."""
        groups = [
            {"params": decayed, "weight_decay": self.weight_decay},
            {"params": undecayed, "weight_decay": 0.0},
        ]
        return [g for g in groups if g["params"]]
