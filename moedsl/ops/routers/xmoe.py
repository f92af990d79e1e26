"""Routing by similarity in a small space.

Paper: Chi et al. 2022, X-MoE, section 3 (arXiv 2204.09179), in the form that FastMoE-based code uses: the token is
projected and not normalised. Axes: T tokens, D d_model, E experts, K top_k, P router_dim.

    logits[t, e] = (projection x_t) . embedding_e / |embedding_e|;  weights = softmax over the top_k of logits
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from moedsl.lazy import F
from moedsl.ops import plain
from moedsl.ops.base import Cost, Init, Op, Param, Problem, Sizes, field
from moedsl.ops.init._shared import Initialiser, weight_start
from moedsl.ops.numerics import at_least_float32, float32_linear
from moedsl.ops.records import Routing
from moedsl.ops.registry import register
from moedsl.ops.routers._shared import dense_softmax_over_chosen, softmax_over_chosen, too_many_chosen


@register("router", "xmoe")
class XMoe(Op):
    """Each token is compared with the experts in few dimensions, which keeps tokens from collapsing."""

    top_k: int = field(2, ge=1, effect="numerics", description="Experts per token.")
    router_dim: int = field(
        8, ge=1, effect="params", description="Dimensions in which tokens and experts are compared."
    )
    init: Initialiser | None = field(
        None, component="init", effect="init", description="How the projection starts; embeddings are normal(std = 1)."
    )

    paper = "Chi et al. 2022, section 3, arXiv 2204.09179"
    rejects: ClassVar = (({"top_k": 9}, {"num_experts": 8}, "E0601"),)

    def sizes(self, given: Sizes) -> dict[str, int]:
        return {"top_k": self.top_k, "router_dim": self.router_dim}

    def parameters(self, sizes: Sizes) -> dict[str, Param]:
        start = weight_start(self.init, (self.router_dim, sizes["d_model"]))
        return {
            "projection": Param(axes=("router_dim", "d_model"), init=start),
            "expert_embedding": Param(axes=("num_experts", "router_dim"), init=Init(rule="normal", scale=1.0)),
        }

    def problems(self, sizes: Sizes) -> Iterable[Problem]:
        yield from too_many_chosen(self.top_k, sizes)

    def cost(self, sizes: Sizes, seq: int) -> Cost:
        return Cost(flops=2.0 * self.router_dim * (sizes["d_model"] + sizes["num_experts"]))

    def forward(self, p: Any, x_TD: Any) -> Routing:
        directions_EP = F.normalize(at_least_float32(p.expert_embedding), dim=-1)
        logits_TE = float32_linear(float32_linear(x_TD, p.projection), directions_EP)
        return softmax_over_chosen(logits_TE, logits_TE, self.top_k, x_TD)

    def reference(self, p: dict[str, Any], x_TD: list[list[float]]) -> list[list[float]]:
        """Dense weights [T][E], one token at a time."""
        directions = [plain.unit(row) for row in p["expert_embedding"]]
        return [
            dense_softmax_over_chosen(plain.matvec(directions, plain.matvec(p["projection"], x_D)), self.top_k)
            for x_D in x_TD
        ]
