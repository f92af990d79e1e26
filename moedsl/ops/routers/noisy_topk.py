"""Noisy top-k routing: noise whose size each token learns.

Paper: Shazeer et al. 2017, equations 3-5 (arXiv 1701.06538). Axes: T tokens, D d_model, E experts, K top_k.

    choice = gate x + normal * softplus(noise_gate x);  weights = softmax over the top_k of choice

Outside training there is no noise.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from moedsl.lazy import F, torch
from moedsl.ops import plain
from moedsl.ops.base import Cost, Op, Param, Problem, Sizes, field
from moedsl.ops.init._shared import ZEROS, Initialiser, weight_start
from moedsl.ops.numerics import float32_linear
from moedsl.ops.records import Routing
from moedsl.ops.registry import register
from moedsl.ops.routers._shared import dense_softmax_over_chosen, softmax_over_chosen, too_many_chosen


@register("router", "noisy_topk")
class NoisyTopK(Op):
    """Each token is sent to its best experts under noise, so that close ones share the load."""

    top_k: int = field(2, ge=1, effect="numerics", description="Experts per token.")
    init: Initialiser | None = field(
        None, component="init", effect="init", description="How the gate starts; the noise's gate starts at zero."
    )

    paper = "Shazeer et al. 2017, equations 3-5, arXiv 1701.06538"
    rejects: ClassVar = (({"top_k": 9}, {"num_experts": 8}, "E0601"),)

    def sizes(self, given: Sizes) -> dict[str, int]:
        return {"top_k": self.top_k}

    def parameters(self, sizes: Sizes) -> dict[str, Param]:
        axes = ("num_experts", "d_model")
        start = weight_start(self.init, (sizes["num_experts"], sizes["d_model"]))
        return {"gate": Param(axes=axes, init=start), "noise_gate": Param(axes=axes, init=ZEROS)}

    def problems(self, sizes: Sizes) -> Iterable[Problem]:
        yield from too_many_chosen(self.top_k, sizes)

    def cost(self, sizes: Sizes, seq: int) -> Cost:
        return Cost(flops=2.0 * sizes["d_model"] * sizes["num_experts"])

    def forward(self, p: Any, x_TD: Any) -> Routing:
        logits_TE = choice_TE = float32_linear(x_TD, p.gate)
        if p.training:
            spread_TE = F.softplus(float32_linear(x_TD, p.noise_gate))
            choice_TE = logits_TE + torch.randn_like(logits_TE) * spread_TE
        return softmax_over_chosen(choice_TE, logits_TE, self.top_k, x_TD)

    def reference(self, p: dict[str, Any], x_TD: list[list[float]]) -> list[list[float]]:
        """Dense weights [T][E] outside training, one token at a time."""
        return [dense_softmax_over_chosen(plain.matvec(p["gate"], x_D), self.top_k) for x_D in x_TD]
