"""Token-choice top-k routing.

Paper: Shazeer et al. 2017, section 2.1 (arXiv 1701.06538). `score_over = all` is the order of Switch and of Mixtral's
training code, `chosen` that of MomentumSMoE and litgpt. `expert_bias` and `num_groups` are DeepSeek-V3's, section 2.1.2
(arXiv 2412.19437). Axes: T tokens, D d_model, E experts, G groups, K top_k.

    logits = gate x (+ bias);  scores = softmax or sigmoid of logits
    experts = the top_k of scores (+ expert_bias), within the token's best groups
    weights = routed_scale * scores of those experts, renormalised
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Literal

from moedsl.lazy import F, torch
from moedsl.ops import plain
from moedsl.ops.base import Cost, Op, Param, Problem, Sizes, field
from moedsl.ops.init._shared import ZEROS, Initialiser, bias_start, weight_start
from moedsl.ops.numerics import float32_linear
from moedsl.ops.records import Routing
from moedsl.ops.registry import register
from moedsl.ops.routers._shared import jittered, too_many_chosen

TINY = 1e-20
"""Keeps the renormalisation of vanishing sigmoid scores finite."""


@register("router", "topk")
class TopK(Op):
    """Each token is sent to the `top_k` experts that score it highest."""

    top_k: int = field(2, ge=1, effect="numerics", description="Experts per token.")
    score: Literal["softmax", "sigmoid"] = field("softmax", effect="numerics", description="From logits to scores.")
    score_over: Literal["all", "chosen"] = field(
        "all", effect="numerics", description="Whether the softmax is taken over all experts or over the chosen ones."
    )
    renormalize: bool = field(True, effect="numerics", description="Make a token's weights sum to 1.")
    routed_scale: float = field(1.0, gt=0, effect="numerics", description="Factor on all weights.")
    bias: bool = field(False, effect="params", description="Add a learned bias to the logits.")
    expert_bias: bool = field(
        False,
        effect="params",
        description="Keep a balancing term per expert that affects the choice and never the weights.",
    )
    num_groups: int = field(1, ge=1, effect="numerics", description="Groups of equal size that experts are split into.")
    top_groups: int | None = field(
        None, ge=1, effect="numerics", description="Groups that a token may choose from; left out, all."
    )
    group_score: Literal["top2_sum", "max"] = field(
        "top2_sum", effect="numerics", description="What a group is ranked by: its two best scores, or its best."
    )
    jitter: float = field(
        0.0, ge=0, lt=1, effect="training", description="Multiply the router's input by 1 ± this, in training."
    )
    gate_noise: float = field(
        0.0, ge=0, effect="training", description="Standard deviation of noise added to the logits, in training."
    )
    init: Initialiser | None = field(
        None, component="init", effect="init", description="How the gate starts; the bias then starts at zero."
    )

    paper = "Shazeer et al. 2017, section 2.1, arXiv 1701.06538"
    examples: ClassVar = (
        {"num_groups": 2, "top_groups": 1},
        {"num_groups": 2, "top_groups": 1, "group_score": "max", "score": "sigmoid", "expert_bias": True},
        {"score": "sigmoid", "renormalize": False, "routed_scale": 2.5},
    )
    rejects: ClassVar = (
        ({"top_k": 9}, {"num_experts": 8}, "E0601"),
        ({"num_groups": 3}, {"num_experts": 8}, "E0603"),
        ({"num_groups": 2, "top_groups": 3}, {"num_experts": 8}, "E0604"),
        ({"top_k": 3, "num_groups": 4, "top_groups": 1}, {"num_experts": 8}, "E0605"),
    )

    def sizes(self, given: Sizes) -> dict[str, int]:
        return {"top_k": self.top_k}

    def parameters(self, sizes: Sizes) -> dict[str, Param]:
        start = weight_start(self.init, (sizes["num_experts"], sizes["d_model"]))
        params = {"gate": Param(axes=("num_experts", "d_model"), init=start)}
        if self.bias:
            params["bias"] = Param(axes=("num_experts",), init=bias_start(self.init, sizes["d_model"]))
        if self.expert_bias:
            params["expert_bias"] = Param(axes=("num_experts",), init=ZEROS, trainable=False)
        return params

    def problems(self, sizes: Sizes) -> Iterable[Problem]:
        yield from too_many_chosen(self.top_k, sizes)
        num_experts, num_groups = sizes["num_experts"], self.num_groups
        within = (self.top_groups or num_groups) * (num_experts // num_groups)
        if num_experts % num_groups:
            yield Problem(
                code="E0603",
                message=f"`num_experts = {num_experts}` does not split into `num_groups = {num_groups}` of equal size",
                field="num_groups",
                help="choose a `num_groups` that divides `num_experts`",
                other="num_experts",
            )
        elif self.top_groups is not None and self.top_groups > num_groups:
            yield Problem(
                code="E0604",
                message=f"`top_groups = {self.top_groups}` asks for more groups than `num_groups = {num_groups}`",
                field="top_groups",
                help="lower `top_groups`, or raise `num_groups`",
            )
        elif within < self.top_k <= num_experts:
            yield Problem(
                code="E0605",
                message=f"`top_k = {self.top_k}` asks for more experts than the {within} that a token's groups hold",
                field="top_k",
                help=f"lower `top_k` to {within}, or raise `top_groups`",
                other="num_experts",
            )

    def cost(self, sizes: Sizes, seq: int) -> Cost:
        return Cost(flops=2.0 * sizes["d_model"] * sizes["num_experts"])

    def forward(self, p: Any, x_TD: Any) -> Routing:
        logits_TE = float32_linear(jittered(p, x_TD, self.jitter), p.gate, p.bias if self.bias else None)
        choice_TE = self._noisy(p, logits_TE)
        scores_TE = choice_TE.softmax(-1) if self.score == "softmax" else choice_TE.sigmoid()
        experts_TK = self._ranked(p, scores_TE, choice_TE).topk(self.top_k, dim=-1).indices
        weights_TK = self.routed_scale * self._weights(choice_TE, scores_TE, experts_TK)
        return Routing(experts_TK, weights_TK.to(x_TD.dtype), logits_TE, scores_TE)

    def _noisy(self, p: Any, logits_TE: Any) -> Any:
        if p.training and self.gate_noise > 0:
            return logits_TE + self.gate_noise * torch.randn_like(logits_TE)
        return logits_TE

    def _ranked(self, p: Any, scores_TE: Any, choice_TE: Any) -> Any:
        """What experts are chosen by; logits where their order is that of the scores, because they saturate later."""
        limited = self.top_groups is not None and self.top_groups < self.num_groups
        if not self.expert_bias and not limited:
            return choice_TE
        ranked_TE = scores_TE + p.expert_bias if self.expert_bias else scores_TE
        return self._within_groups(ranked_TE) if limited else ranked_TE

    def _within_groups(self, ranked_TE: Any) -> Any:
        grouped = ranked_TE.unflatten(-1, (self.num_groups, -1))
        best = min(2 if self.group_score == "top2_sum" else 1, grouped.shape[-1])
        worth_TG = grouped.topk(best, dim=-1).values.sum(-1)
        chosen = worth_TG.topk(self.top_groups, dim=-1).indices
        open_TG = torch.zeros_like(worth_TG, dtype=torch.bool).scatter(-1, chosen, True)
        return grouped.masked_fill(~open_TG[..., None], float("-inf")).flatten(-2)

    def _weights(self, choice_TE: Any, scores_TE: Any, experts_TK: Any) -> Any:
        if self.score_over == "chosen" and self.score == "softmax":
            return F.softmax(choice_TE.gather(-1, experts_TK), dim=-1)
        weights_TK = scores_TE.gather(-1, experts_TK)
        return weights_TK / weights_TK.sum(-1, keepdim=True).clamp_min(TINY) if self.renormalize else weights_TK

    def reference(self, p: dict[str, Any], x_TD: list[list[float]]) -> list[list[float]]:
        """Dense weights [T][E], zero for experts not chosen, one token at a time."""
        return [self._token(p, plain.affine(p["gate"], x_D, p.get("bias"))) for x_D in x_TD]

    def _token(self, p: dict[str, Any], logits: list[float]) -> list[float]:
        scores = plain.softmax(logits) if self.score == "softmax" else [plain.sigmoid(v) for v in logits]
        ranking = plain.add(scores, p["expert_bias"]) if self.expert_bias else scores
        chosen = [e for e in plain.largest(ranking, len(ranking)) if self._is_open(ranking, e)][: self.top_k]
        weights = [scores[e] for e in chosen]
        if self.score_over == "chosen" and self.score == "softmax":
            weights = plain.softmax([logits[e] for e in chosen])
        elif self.renormalize:
            weights = [w / sum(weights) for w in weights]
        return [self.routed_scale * weights[chosen.index(e)] if e in chosen else 0.0 for e in range(len(logits))]

    def _is_open(self, ranking: list[float], expert: int) -> bool:
        """Whether the expert's group is among the token's best."""
        size = len(ranking) // self.num_groups
        best = 2 if self.group_score == "top2_sum" else 1
        worth = [sum(sorted(group)[-best:]) for group in plain.slices(ranking, size)]
        return expert // size in plain.largest(worth, self.top_groups or self.num_groups)
