"""Top-k routing with softly capped logits.

Paper: Gemma 2, Riviere et al. 2024, section 2 (arXiv 2408.00118), whose cap on attention and output logits this applies
to a router. Axes: T tokens, D d_model, E experts, K top_k.

    logits = cap * tanh(gate x / cap);  scores = softmax(logits);  the top_k, their scores renormalised
"""

from __future__ import annotations

from collections.abc import Iterable
from math import tanh
from typing import Any, ClassVar

from moedsl.lazy import torch
from moedsl.ops import plain
from moedsl.ops.base import Cost, Init, Op, Param, Problem, Sizes, field
from moedsl.ops.records import Routing
from moedsl.ops.registry import register


@register("router", "softcap")
class Softcap(Op):
    """Each token is sent to its best experts, none of which can outweigh the others without bound."""

    top_k: int = field(2, ge=1, effect="numerics", description="Experts per token.")
    cap: float = field(5.0, gt=0, effect="numerics", description="No logit is larger than this.")

    paper = "Riviere et al. 2024, section 2, arXiv 2408.00118"
    rejects: ClassVar = (({"top_k": 9}, {"num_experts": 8}, "E0601"),)

    def sizes(self, given: Sizes) -> dict[str, int]:
        return {"top_k": self.top_k}

    def parameters(self, sizes: Sizes) -> dict[str, Param]:
        return {"gate": Param(axes=("num_experts", "d_model"), init=Init(rule="normal", scale=0.02))}

    def problems(self, sizes: Sizes) -> Iterable[Problem]:
        if self.top_k > sizes["num_experts"]:
            yield Problem(
                code="E0601",
                message=f"`top_k = {self.top_k}` asks for more experts than the {sizes['num_experts']} there are",
                field="top_k",
                help="lower `top_k`, or raise `num_experts`",
                other="num_experts",
            )

    def cost(self, sizes: Sizes, seq: int) -> Cost:
        return Cost(flops=2.0 * sizes["d_model"] * sizes["num_experts"])

    def forward(self, p: Any, x_TD: Any) -> Routing:
        logits_TE = self.cap * torch.tanh(x_TD @ p.gate.t() / self.cap)
        scores_TE = logits_TE.softmax(-1)
        weights_TK, experts_TK = scores_TE.topk(self.top_k, dim=-1)
        return Routing(experts_TK, weights_TK / weights_TK.sum(-1, keepdim=True), logits_TE, scores_TE)

    def reference(self, p: dict[str, Any], x_TD: list[list[float]]) -> list[list[float]]:
        """Dense weights [T][E], one token at a time."""
        rows = []
        for x_D in x_TD:
            scores = plain.softmax([self.cap * tanh(plain.dot(gate_D, x_D) / self.cap) for gate_D in p["gate"]])
            chosen = plain.largest(scores, self.top_k)
            total = sum(scores[e] for e in chosen)
            rows.append([score / total if e in chosen else 0.0 for e, score in enumerate(scores)])
        return rows
