"""Top-1 routing with the probability as weight.

Paper: Fedus et al. 2022, Switch Transformer, section 2.1-2.2 (arXiv 2101.03961). Axes: T tokens, D d_model, E experts.

    scores = softmax(gate (x * noise));  expert = argmax of scores;  weight = its score
"""

from __future__ import annotations

from typing import Any

from moedsl.ops import plain
from moedsl.ops.base import Cost, Op, Param, Sizes, field
from moedsl.ops.init._shared import Initialiser, weight_start
from moedsl.ops.numerics import float32_linear
from moedsl.ops.records import Routing
from moedsl.ops.registry import register
from moedsl.ops.routers._shared import jittered


@register("router", "switch")
class Switch(Op):
    """Each token is sent to its best expert and weighted by its probability, which keeps the gate trainable."""

    jitter: float = field(
        0.01, ge=0, lt=1, effect="training", description="Multiply the router's input by 1 ± this, in training."
    )
    init: Initialiser | None = field(None, component="init", effect="init", description="How the gate starts.")

    paper = "Fedus et al. 2022, section 2.1, arXiv 2101.03961"

    def sizes(self, given: Sizes) -> dict[str, int]:
        return {"top_k": 1}

    def parameters(self, sizes: Sizes) -> dict[str, Param]:
        start = weight_start(self.init, (sizes["num_experts"], sizes["d_model"]))
        return {"gate": Param(axes=("num_experts", "d_model"), init=start)}

    def cost(self, sizes: Sizes, seq: int) -> Cost:
        return Cost(flops=2.0 * sizes["d_model"] * sizes["num_experts"])

    def forward(self, p: Any, x_TD: Any) -> Routing:
        logits_TE = float32_linear(jittered(p, x_TD, self.jitter), p.gate)
        scores_TE = logits_TE.softmax(-1)
        weights_T1, experts_T1 = scores_TE.max(-1, keepdim=True)
        return Routing(experts_T1, weights_T1.to(x_TD.dtype), logits_TE, scores_TE)

    def reference(self, p: dict[str, Any], x_TD: list[list[float]]) -> list[list[float]]:
        """Dense weights [T][E], one token at a time."""
        rows = []
        for x_D in x_TD:
            scores = plain.softmax(plain.matvec(p["gate"], x_D))
            best = plain.largest(scores, 1)[0]
            rows.append([score if e == best else 0.0 for e, score in enumerate(scores)])
        return rows
