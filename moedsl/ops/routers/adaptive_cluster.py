"""Routing after features are weighed by how tightly the token's cluster holds them.

Paper: Nielsen et al. 2025, Tight Clusters Make Specialized Experts (arXiv 2502.15315), in the form of its code. Axes:
B batch, S sequence, T tokens, D d_model, E experts, K top_k, P router_dim. Clusters are the experts that the previous
mixture chose: c(t) is the first of token t, z(t) are all of them with weights a(t).

    s[k, q] = mean over t with c(t) = k of |x[t, q] - mean[k, q]|;  r[k, q] = 1 / (s[k, q] + eps)
    w = min(r, clip * mean of r), rescaled;  scale_t = w[c(t)], or sum over j of a_j(t) w[z_j(t)]
    logits = base router of scale_t * x_t;  the rest is `topk`

`dispersion` replaces s. Clusters beyond the last one that any token chose do not exist; others without tokens have
s = 0, like those with one, and then outweigh all others: `small_clusters = neutral` leaves both kinds out. The weights
are constants to the gradient. `scope = prefix` takes them over the sequence so far, as a running statistic: each
deviation is about the mean as it stood when its token came. It holds numbers for every token, cluster and feature.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import exp, log, sqrt
from typing import Any, ClassVar, Literal

from moedsl.lazy import F, torch
from moedsl.ops import plain
from moedsl.ops.base import Cache, Carry, Cost, Init, Param, Problem, Scope, Sizes, field
from moedsl.ops.init._shared import ZEROS, weight_start
from moedsl.ops.numerics import at_least_float32, float32_linear
from moedsl.ops.records import Routing
from moedsl.ops.registry import register
from moedsl.ops.routers._clusters import Dispersion, Past, Spread, running, whole
from moedsl.ops.routers._shared import jittered
from moedsl.ops.routers.topk import TopK

HOTTEST = log(100.0)
"""What a cosine router's temperature is cut at."""


@register("router", "adaptive_cluster")
class AdaptiveCluster(TopK):
    """Judges a token by the features in which the tokens that shared its last expert agree.

    The first mixture of a stack has no clusters yet and takes another router.
    """

    base: Literal["embedding", "linear", "xmoe", "cosine"] = field(
        "embedding",
        effect="params",
        description="What judges the weighed token: a direction per expert, a gate, or either in `router_dim`.",
    )
    router_dim: int = field(
        8, ge=1, effect="params", description="Dimensions of `xmoe` and `cosine`; other bases take the whole width."
    )
    dispersion: Dispersion = field(
        "mad",
        effect="numerics",
        description="How a feature's spread in a cluster is measured: mean absolute deviation, variance, or pairs.",
    )
    eps: float = field(1e-4, gt=0, effect="numerics", description="Added to the spread before it divides.")
    clip: float | None = field(
        10.0, gt=0, effect="numerics", description="Cut weights at this multiple of their mean; none cuts nothing."
    )
    rescale: Literal["cluster_mean", "mean_before_clip", "mean_after_clip", "none"] = field(
        "cluster_mean",
        effect="numerics",
        description="What weights are divided by: each feature's mean over clusters, or the mean of all.",
    )
    label: Literal["top1", "mixed"] = field(
        "top1", effect="numerics", description="A token's weights: of its best expert's cluster, or mixed over all."
    )
    expert_input: Literal["raw", "scaled"] = field(
        "raw", effect="numerics", description="Whether experts get tokens as they are or weighed."
    )
    scope: Literal["batch", "sequence", "prefix"] = field(
        "batch", effect="numerics", description="Over which tokens the statistics run; the paper's code says batch."
    )
    small_clusters: Literal["keep", "neutral"] = field(
        "keep",
        effect="numerics",
        description="Clusters of fewer than two tokens: weigh 1/eps as in the paper's code, or 1 and in no mean.",
    )
    score_over: Literal["all", "chosen"] = field(
        "chosen",
        effect="numerics",
        description="Whether the softmax is taken over all experts or over the chosen ones.",
    )

    paper = "Nielsen et al. 2025, arXiv 2502.15315"
    uses = frozenset({"cache"})
    examples: ClassVar = (
        {"base": "linear", "bias": True, "rescale": "mean_before_clip", "clip": 1.5, "expert_input": "scaled"},
        {"scope": "prefix", "dispersion": "variance", "label": "mixed"},
        {"scope": "prefix", "small_clusters": "neutral", "eps": 0.35, "rescale": "mean_after_clip"},
        {"scope": "sequence", "dispersion": "pairwise", "clip": None, "rescale": "none"},
        {"num_groups": 2, "top_groups": 1, "base": "cosine"},
    )
    rejects: ClassVar = (
        *TopK.rejects,
        ({"dispersion": "pairwise", "scope": "prefix"}, {"num_experts": 8, "d_model": 8}, "E0606"),
    )

    @property
    def scales_tokens(self) -> bool:
        """Whether experts get the tokens weighed."""
        return self.expert_input == "scaled"

    @property
    def is_narrow(self) -> bool:
        """Whether tokens and experts are compared in `router_dim`."""
        return self.base in ("xmoe", "cosine")

    def sizes(self, given: Sizes) -> dict[str, int]:
        return {"top_k": self.top_k, **({"router_dim": self.router_dim} if self.is_narrow else {})}

    def parameters(self, sizes: Sizes) -> dict[str, Param]:
        given = super().parameters(sizes)
        if self.base != "linear":
            given.pop("gate")
        return {**self._base_parameters(sizes), **given}

    def _base_parameters(self, sizes: Sizes) -> dict[str, Param]:
        """Of bases other than a gate. Only directions of embeddings count; their length slows learning down."""
        d_model = sizes["d_model"]
        if self.base == "linear":
            return {}
        if self.base == "embedding":
            start = self.init.resolve((sizes["num_experts"], d_model)) if self.init else _of_length(1.5, d_model)
            return {"expert_embedding": Param(axes=("num_experts", "d_model"), init=start)}
        start = weight_start(self.init, (self.router_dim, d_model))
        params = {
            "projection": Param(axes=("router_dim", "d_model"), init=start),
            "expert_embedding": Param(axes=("num_experts", "router_dim"), init=_of_length(1.5, self.router_dim)),
        }
        if self.base == "cosine":
            params["projection_bias"] = Param(axes=("router_dim",), init=ZEROS)
            params["temperature"] = Param(axes=(), init=Init(rule="constant", scale=log(2.0)))
        return params

    def problems(self, sizes: Sizes) -> Iterable[Problem]:
        yield from super().problems(sizes)
        if self.scope == "prefix" and self.dispersion == "pairwise":
            yield Problem(
                code="E0606",
                message="`dispersion = pairwise` compares each token with all before it, which `prefix` does not keep",
                field="dispersion",
                help="measure `mad` or `variance`, or let `scope` be `sequence` or `batch`",
            )

    def reads(self) -> dict[str, Carry]:
        choice = Carry(
            shape=("B", "S", "K"),
            dtype="int",
            start="required",
            agree=("num_experts",),
            description="The experts that the previous mixture chose, which are this one's clusters.",
        )
        weights = Carry(shape=("B", "S", "K"), start="required", description="Their weights.")
        return {"route": choice, **({"route_weights": weights} if self.label == "mixed" else {})}

    def caches(self, sizes: Sizes) -> tuple[Cache, ...]:
        """Of the running statistic; see `Past`. They stay in float32 or better, whatever they start as."""
        if self.scope != "prefix":
            return ()
        sums = Cache(shape=("B", "num_experts", "d_model"))
        return (Cache(shape=("B", "num_experts")), Cache(shape=("B",), dtype="int"), sums, sums)

    def cost(self, sizes: Sizes, seq: int) -> Cost:
        d_model, num_experts = sizes["d_model"], sizes["num_experts"]
        width = d_model + num_experts if self.is_narrow else d_model
        logits = 2.0 * width * (self.router_dim if self.is_narrow else num_experts)
        if self.scope == "prefix":
            return Cost(flops=logits, cache_values=num_experts * (2.0 * d_model + 1) + 1)
        sums = 1 if self.dispersion == "pairwise" else 2
        return Cost(flops=logits + 2.0 * sums * num_experts * d_model)

    def reach(self) -> Scope:
        return self.scope

    def forward(self, p: Any, x_TD: Any, *, route: Any = None, route_weights: Any = None, cache: Any = None) -> Any:
        num_experts = p.expert_embedding.shape[0] if self.base != "linear" else p.gate.shape[0]
        weights, cache = self._weights_of_clusters(at_least_float32(x_TD.detach()), route, num_experts, cache)
        scale_TD = self._scale(weights, route, route_weights).flatten(0, 1)
        logits_TE = self._logits(p, jittered(p, at_least_float32(x_TD) * scale_TD, self.jitter))
        choice_TE = self._noisy(p, logits_TE)
        scores_TE = choice_TE.softmax(-1) if self.score == "softmax" else choice_TE.sigmoid()
        experts_TK = self._ranked(p, scores_TE, choice_TE).topk(self.top_k, dim=-1).indices
        weights_TK = self.routed_scale * self._weights(choice_TE, scores_TE, experts_TK)
        return Routing(experts_TK, weights_TK.to(x_TD.dtype), logits_TE, scores_TE, scale_TD.to(x_TD.dtype)), cache

    # ---- the weights

    def _weights_of_clusters(self, x_TD: Any, route: Any, num_experts: int, cache: Any) -> tuple[Any, Any]:
        """`w_GNED`, broadcast over the tokens of a group where they share it, and the next cache."""
        x_BSD, label_BS = x_TD.unflatten(0, route.shape[:2]), route[..., 0]
        if self.scope == "prefix":
            past = _past(cache, x_BSD, num_experts)
            spread, sums = running(x_BSD, label_BS, past, self.dispersion)
            highest_BS = route.amax(-1).cummax(1).values.maximum(past.highest_G[:, None])
            following = (spread.count[:, -1], highest_BS[:, -1], *sums)
            return self._weighed(spread, highest_BS), None if cache is None else following
        if self.scope == "batch":
            x_BSD, label_BS, route = x_TD[None], label_BS.flatten()[None], route.flatten()[None]
        spread = whole(x_BSD, label_BS, num_experts, self.dispersion)
        return self._weighed(spread, route.flatten(1).amax(1))[:, None], None

    def _weighed(self, clusters: Spread, highest: Any) -> Any:
        """From spread to weights, `[…, E, D]`: one over it, cut, rescaled; 1 where there is no cluster to speak of."""
        numbers_E = torch.arange(clusters.count.shape[-1], device=highest.device)
        counted = numbers_E <= highest[..., None]
        if self.small_clusters == "neutral":
            counted = counted & (clusters.count >= 2)
        counted = counted[..., None]
        weights = 1 / (clusters.spread + self.eps)
        mean = _mean(weights, counted, (-2, -1))
        if self.clip is not None:
            weights = weights.minimum(self.clip * mean)
        if self.rescale == "cluster_mean":
            mean = _mean(weights, counted, (-2,))
        elif self.rescale == "mean_after_clip":
            mean = _mean(weights, counted, (-2, -1))
        return torch.where(counted, weights if self.rescale == "none" else weights / mean, 1.0)

    def _scale(self, weights_GNED: Any, route: Any, route_weights: Any) -> Any:
        """`[B, S, D]`: each token's own row of the weights, or a mixture of its rows."""
        weights_BSED = weights_GNED.expand(*route.shape[:2], -1, -1)
        chosen = route if self.label == "mixed" else route[..., :1]
        rows_BSKD = weights_BSED.gather(2, chosen[..., None].expand(-1, -1, -1, weights_BSED.shape[-1]))
        if self.label == "top1":
            return rows_BSKD.squeeze(2)
        return (rows_BSKD * route_weights.detach().to(rows_BSKD.dtype)[..., None]).sum(2)

    # ---- the base

    def _logits(self, p: Any, x_TD: Any) -> Any:
        bias = p.bias if self.bias else None
        if self.base == "linear":
            return float32_linear(x_TD, p.gate, bias)
        directions = F.normalize(at_least_float32(p.expert_embedding), dim=-1)
        if self.base == "xmoe":
            x_TD = float32_linear(x_TD, p.projection)
        elif self.base == "cosine":
            x_TD = F.normalize(float32_linear(x_TD, p.projection, p.projection_bias), dim=-1)
            directions = directions * at_least_float32(p.temperature).clamp_max(HOTTEST).exp()
        return float32_linear(x_TD, directions, bias)

    # ---- the same in plain Python

    def reference(self, p: dict[str, Any], x_TD: list[Any], route: Any = (), route_weights: Any = ()) -> list[Any]:
        """Dense weights [T][E], one token at a time."""
        size = len(route[0])
        x_BSD: list[Any] = plain.slices(x_TD, size)
        rows = []
        for b, sequence in enumerate(route):
            for s, chosen in enumerate(sequence):
                seen = [(i, j) for i, other in enumerate(route) for j in range(len(other)) if self._sees(b, s, i, j)]
                weights = self._plain_weights([x_BSD[i][j] for i, j in seen], [route[i][j] for i, j in seen], p)
                shares = route_weights[b][s] if route_weights else [1.0]
                scale = plain.weighted_sum(shares, [weights[k] for k in chosen[: len(shares)]])
                x_D = [x * w for x, w in zip(x_BSD[b][s], scale, strict=True)]
                rows.append(self._token(p, self._plain_logits(p, x_D)))
        return rows

    def _sees(self, b: int, s: int, i: int, j: int) -> bool:
        return {"batch": True, "sequence": i == b, "prefix": i == b and j <= s}[self.scope]

    def _plain_weights(self, tokens: list[Any], route: list[Any], p: dict[str, Any]) -> list[list[float]]:
        num_experts, width = len(p["gate" if self.base == "linear" else "expert_embedding"]), len(tokens[0])
        clusters = [[x for x, z in zip(tokens, route, strict=True) if z[0] == k] for k in range(num_experts)]
        spreads = [[self._plain_spread([x[q] for x in own]) for q in range(width)] for own in clusters]
        last = max(max(z) for z in route)
        least = 2 if self.small_clusters == "neutral" else 0
        counted = [k for k in range(num_experts) if k <= last and len(clusters[k]) >= least]
        weights = {k: [1 / (s + self.eps) for s in spreads[k]] for k in counted}
        mean = _plain_mean(weights)
        if self.clip is not None:
            weights = {k: [min(r, self.clip * mean) for r in row] for k, row in weights.items()}
        by = [{"mean_before_clip": mean, "none": 1.0}.get(self.rescale) or _plain_mean(weights)] * width
        if self.rescale == "cluster_mean":
            by = [sum(row[q] for row in weights.values()) / max(len(weights), 1) for q in range(width)]
        scaled = {k: [r / m for r, m in zip(row, by, strict=True)] for k, row in weights.items()}
        return [scaled.get(k, [1.0] * width) for k in range(num_experts)]

    def _plain_spread(self, values: list[float]) -> float:
        if not values:
            return 0.0
        count = len(values)
        if self.dispersion == "pairwise":
            pairs = [abs(a - b) for i, a in enumerate(values) for b in values[:i]]
            return sum(pairs) / max(len(pairs), 1)
        mean = sum(values) / count
        if self.dispersion == "variance":
            return sum((v - mean) ** 2 for v in values) / count
        if self.scope == "prefix":
            return sum(abs(v - sum(values[: i + 1]) / (i + 1)) for i, v in enumerate(values)) / count
        return sum(abs(v - mean) for v in values) / count

    def _plain_logits(self, p: dict[str, Any], x_D: list[float]) -> list[float]:
        if self.base == "linear":
            return plain.affine(p["gate"], x_D, p.get("bias"))
        directions = [plain.unit(row) for row in p["expert_embedding"]]
        if self.is_narrow:
            x_D = plain.affine(p["projection"], x_D, p.get("projection_bias"))
        if self.base == "cosine":
            x_D = plain.scale(plain.unit(x_D), exp(min(p["temperature"], HOTTEST)))
        return plain.affine(directions, x_D, p.get("bias"))


def _of_length(length: float, width: int) -> Init:
    """Rows of about this length."""
    return Init(rule="normal", scale=length / sqrt(width))


def _past(cache: Any, x_BSD: Any, num_experts: int) -> Past:
    """What is known before the first token of this call."""
    if cache is not None:
        count_BE, highest_B, *sums = cache
        return Past(at_least_float32(count_BE), highest_B, *map(at_least_float32, sums))
    num_sequences, _, width = x_BSD.shape
    sums = x_BSD.new_zeros(num_sequences, num_experts, width)
    none_yet = x_BSD.new_zeros(num_sequences, dtype=torch.int64)
    return Past(x_BSD.new_zeros(num_sequences, num_experts), none_yet, sums, sums)


def _mean(weights: Any, counted: Any, axes: tuple[int, ...]) -> Any:
    """The mean over clusters that count, and over features where `axes` says so."""
    number = counted.sum(-2, keepdim=True).clamp_min(1)
    total = (weights * counted).sum(axes, keepdim=True)
    return total / (number * weights.shape[-1] if -1 in axes else number)


def _plain_mean(weights: dict[int, list[float]]) -> float:
    entries = [r for row in weights.values() for r in row]
    return sum(entries) / max(len(entries), 1)
