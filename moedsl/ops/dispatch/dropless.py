"""Dispatch without a limit: every assignment is computed.

Paper: Gale et al. 2022, MegaBlocks, section 3 (arXiv 2211.15841). Axes: T tokens, K top_k, R = T*K rows, E experts.

    x_RD = tokens of all assignments, sorted by expert;  u_t = sum over k of weights[t, k] * y[row of (t, k)]
"""

from __future__ import annotations

from typing import Any

from moedsl.lazy import torch
from moedsl.ops import plain
from moedsl.ops.base import Op
from moedsl.ops.dispatch._shared import Expert, counts, inverse, weighted_rows
from moedsl.ops.records import Routing, Slots
from moedsl.ops.registry import register


@register("dispatch", "dropless")
class Dropless(Op):
    """Sorts assignments by expert, so that each expert works on one run of rows of any length."""

    paper = "Gale et al. 2022, section 3, arXiv 2211.15841"

    def forward(self, p: Any, x_TD: Any, routing: Routing) -> Slots:
        top_k, num_experts = routing.experts_TK.shape[-1], routing.logits_TE.shape[-1]
        experts_R = routing.experts_TK.flatten()
        order_R = experts_R.argsort(stable=True)
        ends_E = counts(experts_R, num_experts).cumsum(0).to(torch.int32)
        row_TK = inverse(order_R).view_as(routing.experts_TK)
        return Slots(x_TD.index_select(0, order_R // top_k), ends_E, row_TK, None)

    def combine(self, p: Any, y_RD: Any, slots: Slots, routing: Routing, x_TD: Any) -> Any:
        """Each token's weighted sum, its experts in order of rank: the same on every run."""
        return weighted_rows(y_RD, slots.row_TK, routing.weights_TK)

    def reference(self, p: dict[str, Any], x_TD: list[Any], routing: dict[str, Any], expert: Expert) -> list[Any]:
        """The mixture, one token at a time."""
        tokens = zip(x_TD, routing["experts_TK"], routing["weights_TK"], strict=True)
        return [plain.weighted_sum(weights, [expert(e, x_D) for e in experts]) for x_D, experts, weights in tokens]
