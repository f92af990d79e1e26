"""Token-choice top-k routing.

Paper: Shazeer et al. 2017, section 2.1 (arXiv 1701.06538); `score_over = all` is the order of Switch and Mixtral's
training code, `chosen` that of MomentumSMoE and litgpt. Axes: T tokens, D d_model, E experts, K top_k.

    logits = gate x (+ bias);  experts = the top_k of logits (+ expert_bias);  weights = score(logits), renormalised
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Literal

from moedsl.lazy import F, torch
from moedsl.ops import plain
from moedsl.ops.base import Cost, Init, Op, Param, Problem, Sizes, field
from moedsl.ops.init._shared import Initialiser, fan_in_uniform
from moedsl.ops.numerics import float32_linear
from moedsl.ops.records import Routing
from moedsl.ops.registry import register


@register("router", "topk")
class TopK(Op):
    """Each token is sent to the `top_k` experts that score it highest."""

    top_k: int = field(2, ge=1, effect="numerics", description="Experts per token.")
    score: Literal["softmax", "sigmoid"] = field("softmax", effect="numerics", description="From logits to scores.")
    score_over: Literal["all", "chosen"] = field(
        "all", effect="numerics", description="Whether scores are taken over all experts or over the chosen ones."
    )
    renormalize: bool = field(True, effect="numerics", description="Make a token's weights sum to 1.")
    bias: bool = field(False, effect="params", description="Add a learned bias to the logits.")
    expert_bias: bool = field(
        False,
        effect="params",
        description="Keep a balancing term per expert that affects the choice and never the weights.",
    )
    jitter: float = field(
        0.0, ge=0, lt=1, effect="training", description="Multiply the router's input by 1 ± this, in training."
    )
    gate_noise: float = field(
        0.0, ge=0, effect="training", description="Standard deviation of noise added to the logits, in training."
    )
    init: Initialiser | None = field(None, component="init", effect="init", description="How the gate starts.")

    paper = "Shazeer et al. 2017, section 2.1, arXiv 1701.06538"
    rejects: ClassVar = (({"top_k": 9}, {"num_experts": 8}, "E0601"),)

    def sizes(self, given: Sizes) -> dict[str, int]:
        return {"top_k": self.top_k}

    def parameters(self, sizes: Sizes) -> dict[str, Param]:
        start = self.init.resolve((sizes["num_experts"], sizes["d_model"])) if self.init else None
        uniform = fan_in_uniform(sizes["d_model"])
        params = {"gate": Param(axes=("num_experts", "d_model"), init=start or uniform)}
        if self.bias:
            params["bias"] = Param(axes=("num_experts",), init=uniform)
        if self.expert_bias:
            params["expert_bias"] = Param(
                axes=("num_experts",), init=Init(rule="constant", scale=0.0), trainable=False
            )
        return params

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
        if p.training and self.jitter > 0:
            x_TD = x_TD * torch.empty_like(x_TD).uniform_(1 - self.jitter, 1 + self.jitter)
        logits_TE = float32_linear(x_TD, p.gate, p.bias if self.bias else None)
        choice_TE = self._noisy(p, logits_TE)
        scores_TE = choice_TE.softmax(-1) if self.score == "softmax" else choice_TE.sigmoid()
        ranked_TE = scores_TE + p.expert_bias if self.expert_bias else choice_TE
        experts_TK = ranked_TE.topk(self.top_k, dim=-1).indices
        weights_TK = self._weights(choice_TE, scores_TE, experts_TK)
        return Routing(experts_TK, weights_TK.to(x_TD.dtype), logits_TE, scores_TE)

    def _noisy(self, p: Any, logits_TE: Any) -> Any:
        if p.training and self.gate_noise > 0:
            return logits_TE + self.gate_noise * torch.randn_like(logits_TE)
        return logits_TE

    def _weights(self, choice_TE: Any, scores_TE: Any, experts_TK: Any) -> Any:
        if self.score_over == "chosen" and self.score == "softmax":
            return F.softmax(choice_TE.gather(-1, experts_TK), dim=-1)
        weights_TK = scores_TE.gather(-1, experts_TK)
        return weights_TK / weights_TK.sum(-1, keepdim=True) if self.renormalize else weights_TK

    def reference(self, p: dict[str, Any], x_TD: list[list[float]]) -> list[list[float]]:
        """Dense weights [T][E], zero for experts not chosen, one token at a time."""
        rows = []
        for token in x_TD:
            logits = [plain.dot(row, token) for row in p["gate"]]
            if self.bias:
                logits = plain.add(logits, p["bias"])
            scores = plain.softmax(logits) if self.score == "softmax" else [plain.sigmoid(v) for v in logits]
            ranking = plain.add(scores, p["expert_bias"]) if self.expert_bias else logits
            chosen = plain.largest(ranking, self.top_k)
            if self.score_over == "chosen" and self.score == "softmax":
                weights = plain.softmax([logits[e] for e in chosen])
            else:
                weights = [scores[e] for e in chosen]
                if self.renormalize:
                    weights = [w / sum(weights) for w in weights]
            rows.append([weights[chosen.index(e)] if e in chosen else 0.0 for e in range(len(logits))])
        return rows
