"""Routing by similarity to an embedding of each expert.

Paper: Dai et al. 2022, StableMoE, section 3.1 (arXiv 2204.08396), in the form that FastMoE-based code uses: only the
experts' side is normalised. Axes: T tokens, D d_model, E experts, K top_k.

    logits[t, e] = x_t . embedding_e / |embedding_e|;  weights = softmax over the top_k of logits
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from moedsl.lazy import F
from moedsl.ops import plain
from moedsl.ops.base import Cost, Init, Op, Param, Problem, Sizes, field
from moedsl.ops.init._shared import Initialiser
from moedsl.ops.numerics import at_least_float32, float32_linear
from moedsl.ops.records import Routing
from moedsl.ops.registry import register
from moedsl.ops.routers._shared import dense_softmax_over_chosen, softmax_over_chosen, too_many_chosen


@register("router", "stablemoe")
class StableMoe(Op):
    """Each token is sent to the experts whose directions it follows most; `xmoe` compares in fewer dimensions."""

    top_k: int = field(2, ge=1, effect="numerics", description="Experts per token.")
    init: Initialiser | None = field(
        None, component="init", effect="init", description="How embeddings start; left out, normal(std = 1)."
    )

    paper = "Dai et al. 2022, section 3.1, arXiv 2204.08396"
    rejects: ClassVar = (({"top_k": 9}, {"num_experts": 8}, "E0601"),)

    def sizes(self, given: Sizes) -> dict[str, int]:
        return {"top_k": self.top_k}

    def parameters(self, sizes: Sizes) -> dict[str, Param]:
        shape = (sizes["num_experts"], sizes["d_model"])
        start = self.init.resolve(shape) if self.init else Init(rule="normal", scale=1.0)
        return {"expert_embedding": Param(axes=("num_experts", "d_model"), init=start)}

    def problems(self, sizes: Sizes) -> Iterable[Problem]:
        yield from too_many_chosen(self.top_k, sizes)

    def cost(self, sizes: Sizes, seq: int) -> Cost:
        return Cost(flops=2.0 * sizes["d_model"] * sizes["num_experts"])

    def forward(self, p: Any, x_TD: Any) -> Routing:
        directions_ED = F.normalize(at_least_float32(p.expert_embedding), dim=-1)
        logits_TE = float32_linear(x_TD, directions_ED)
        return softmax_over_chosen(logits_TE, logits_TE, self.top_k, x_TD)

    def reference(self, p: dict[str, Any], x_TD: list[list[float]]) -> list[list[float]]:
        """Dense weights [T][E], one token at a time."""
        directions = [plain.unit(row) for row in p["expert_embedding"]]
        return [dense_softmax_over_chosen(plain.matvec(directions, x_D), self.top_k) for x_D in x_TD]
