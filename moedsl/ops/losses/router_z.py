"""Router z-loss.

Paper: Zoph et al. 2022, ST-MoE, equation 5 (arXiv 2202.08906). Axes: T tokens, E experts.

    loss = weight * mean over t of (log sum over e of exp(logits_te))^2
"""

from __future__ import annotations

from math import exp, log
from typing import Any

from moedsl.ops.base import Op, field
from moedsl.ops.numerics import at_least_float32
from moedsl.ops.records import Routing
from moedsl.ops.registry import register


@register("loss", "router_z")
class RouterZ(Op):
    """Keeps the router's logits small, against rounding and instability."""

    weight: float = field(0.001, ge=0, effect="training", description="Factor on the loss.")

    paper = "Zoph et al. 2022, equation 5, arXiv 2202.08906"

    def forward(self, p: Any, routing: Routing) -> Any:
        return self.weight * at_least_float32(routing.logits_TE).logsumexp(-1).square().mean()

    def reference(self, p: dict[str, Any], routing: dict[str, Any]) -> float:
        """One token at a time."""
        sizes = [log(sum(exp(v) for v in logits_E)) for logits_E in routing["logits_TE"]]
        return self.weight * sum(size**2 for size in sizes) / len(sizes)
