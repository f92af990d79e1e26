"""Importance loss: the squared coefficient of variation of what experts receive.

Papers: Shazeer et al. 2017, equation 6 (arXiv 1701.06538) for `of = weights`; Riquelme et al. 2021, appendix A
(arXiv 2106.05974) for `of = scores`. Axes: T tokens, E experts.

    importance_e = sum over t of amount_te;  loss = weight * var(importance) / mean(importance)^2, population variance
"""

from __future__ import annotations

from typing import Any, Literal

from moedsl.ops.base import Op, field
from moedsl.ops.numerics import at_least_float32
from moedsl.ops.records import Routing
from moedsl.ops.registry import register


@register("loss", "importance")
class Importance(Op):
    """Pushes experts towards equal total weight; `load_balance` also counts how often each is chosen."""

    weight: float = field(0.01, ge=0, effect="training", description="Factor on the loss.")
    of: Literal["scores", "weights"] = field(
        "scores", effect="training", description="What is summed: scores of all experts, or weights of the chosen ones."
    )

    paper = "Shazeer et al. 2017, equation 6, arXiv 1701.06538"

    def forward(self, p: Any, routing: Routing) -> Any:
        amounts_TE = at_least_float32(routing.scores_TE)
        if self.of == "weights":
            weights_TK = routing.weights_TK.to(amounts_TE.dtype)
            amounts_TE = amounts_TE.new_zeros(amounts_TE.shape).scatter(-1, routing.experts_TK, weights_TK)
        importance_E = amounts_TE.sum(0)
        return self.weight * importance_E.var(correction=0) / importance_E.mean().square()

    def reference(self, p: dict[str, Any], routing: dict[str, Any]) -> float:
        """Summed one by one."""
        num_experts = len(routing["scores_TE"][0])
        importance = [sum(row[e] for row in routing["scores_TE"]) for e in range(num_experts)]
        if self.of == "weights":
            importance = [0.0] * num_experts
            for experts, weights in zip(routing["experts_TK"], routing["weights_TK"], strict=True):
                for e, w in zip(experts, weights, strict=True):
                    importance[e] += w
        mean = sum(importance) / num_experts
        return self.weight * sum((i - mean) ** 2 for i in importance) / num_experts / mean**2
