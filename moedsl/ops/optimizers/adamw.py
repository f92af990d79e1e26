"""Adam with decoupled weight decay.

Paper: Loshchilov and Hutter 2019, algorithm 2 (arXiv 1711.05101).
"""

from __future__ import annotations

from typing import Any

from moedsl.lazy import torch
from moedsl.ops.base import field
from moedsl.ops.optimizers._shared import AdamFields
from moedsl.ops.registry import register


@register("optimizer", "adamw")
class AdamW(AdamFields):
    """Adam whose weight decay shrinks the weights directly rather than through the gradient."""

    weight_decay: float = field(0.01, ge=0, effect="training", description="Strength of weight decay.")

    paper = "Loshchilov and Hutter 2019, algorithm 2, arXiv 1711.05101"

    def build(self, decayed: list[Any], undecayed: list[Any]) -> Any:
        groups = self.groups(decayed, undecayed)
        return torch.optim.AdamW(groups, lr=self.lr, betas=self.betas, eps=self.eps, fused=True)
