"""Load balancing loss.

Paper: Fedus et al. 2022, equations 4-6 (arXiv 2101.03961), for any top_k. Axes: T tokens, K top_k, E experts.

    loss = weight * E * sum over e of load_e * probability_e
    load_e = assignments to e / (T K);  probability_e = sum over t of softmax(logits_t / temperature)_e / T

With the defaults a uniform router gives `weight`. Two other normalisations are in use: Mixtral's training code counts
`load_per = token` (uniform: K), MomentumSMoE's `probability_per = assignment` (uniform: 1/K).
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from moedsl.lazy import torch
from moedsl.ops import plain
from moedsl.ops.base import Op, field
from moedsl.ops.numerics import at_least_float32
from moedsl.ops.records import Routing
from moedsl.ops.registry import register


@register("loss", "load_balance")
class LoadBalance(Op):
    """Pushes routers towards using all experts alike: the product of how often and how gladly each is chosen."""

    weight: float = field(0.01, ge=0, effect="training", description="Factor on the loss.")
    load_per: Literal["assignment", "token"] = field(
        "assignment",
        effect="training",
        description="What an expert's count is divided by: T*K assignments or T tokens.",
    )
    probability_per: Literal["token", "assignment"] = field(
        "token", effect="training", description="What summed probabilities are divided by: T tokens or T*K assignments."
    )
    temperature: float = field(1.0, gt=0, effect="training", description="Logits are divided by this.")

    paper = "Fedus et al. 2022, equations 4-6, arXiv 2101.03961"
    examples: ClassVar = ({"load_per": "token", "temperature": 0.3},)

    def forward(self, p: Any, routing: Routing) -> Any:
        logits_TE = at_least_float32(routing.logits_TE)
        (num_tokens, num_experts), top_k = logits_TE.shape, routing.experts_TK.shape[-1]
        chosen_R = routing.experts_TK.flatten()
        counts_E = logits_TE.new_zeros(num_experts).scatter_add(
            0, chosen_R, torch.ones_like(chosen_R, dtype=logits_TE.dtype)
        )
        load_E = counts_E / self._divisor(self.load_per, num_tokens, top_k)
        summed_E = (logits_TE / self.temperature).softmax(-1).sum(0)
        probability_E = summed_E / self._divisor(self.probability_per, num_tokens, top_k)
        return self.weight * num_experts * (load_E * probability_E).sum()

    def _divisor(self, per: str, num_tokens: int, top_k: int) -> int:
        return num_tokens * top_k if per == "assignment" else num_tokens

    def reference(self, p: dict[str, Any], routing: dict[str, Any]) -> float:
        """Counted and summed one by one."""
        logits_TE, chosen = routing["logits_TE"], [e for row in routing["experts_TK"] for e in row]
        tokens, assignments = len(logits_TE), len(chosen)
        loads_over = assignments if self.load_per == "assignment" else tokens
        probabilities_over = assignments if self.probability_per == "assignment" else tokens
        scores_TE = [plain.softmax(plain.scale(row, 1.0 / self.temperature)) for row in logits_TE]
        total = 0.0
        for e in range(len(logits_TE[0])):
            total += chosen.count(e) / loads_over * sum(row[e] for row in scores_TE) / probabilities_over
        return self.weight * len(logits_TE[0]) * total
