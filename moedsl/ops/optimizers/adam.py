"""Adam, with weight decay added to the gradient.

Paper: Kingma and Ba 2015, algorithm 1 (arXiv 1412.6980).
"""

from __future__ import annotations

from typing import Any

from moedsl.lazy import torch
from moedsl.ops.optimizers._shared import AdamFields
from moedsl.ops.registry import register


@register("optimizer", "adam")
class Adam(AdamFields):
    """Steps along averaged gradients, each divided by the root of its averaged square."""

    paper = "Kingma and Ba 2015, algorithm 1, arXiv 1412.6980"

    def build(self, decayed: list[Any], undecayed: list[Any]) -> Any:
        groups = self.groups(decayed, undecayed)
        return torch.optim.Adam(groups, lr=self.lr, betas=self.betas, eps=self.eps, fused=True)
