"""Attention whose queries are stretched along channels that change between layers.

Paper: Nielsen et al. 2024, Elliptical Attention (arXiv 2406.13770), in the form of its code. Axes: B batch, S sequence,
D d_model, H heads, N head size. v' are the values of the attention before, head by head.

    m_i = mean over positions s of |v[s, i] - v'[s, i]|;  m <- m / max over i of m_i
    y = the attention of `softmax` with queries q * m

Only queries change, so any kernel for attention serves. The metric is a constant to the gradient. `statistic = median`
takes the lower median instead, `quotient` divides each change by |q - q'| + quotient_eps. `scope = prefix` takes the
mean over positions up to the query's own. Some of the paper's models use `scale = 1.0` here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Literal

from moedsl.ops import plain
from moedsl.ops.attention._ellipse import (
    METRIC,
    Normalize,
    change,
    no_running_median,
    normalized,
    plain_normalized,
    plain_statistic,
    required,
)
from moedsl.ops.attention.softmax import Softmax
from moedsl.ops.base import Cache, Carry, Cost, Problem, Scope, Sizes, field
from moedsl.ops.numerics import at_least_float32
from moedsl.ops.registry import register


@register("attention", "elliptical")
class Elliptical(Softmax):
    """Weighs channels by how much the values moved since the layer below, which resists outliers.

    The first attention of a stack has no layer below and is another kind.
    """

    statistic: Literal["mean", "median", "quotient"] = field(
        "mean", effect="numerics", description="How changes of positions become one metric."
    )
    quotient_eps: float = field(
        0.5, gt=0, effect="numerics", description="Added to the change of queries that `quotient` divides by."
    )
    normalize: Normalize = field(
        "max", effect="numerics", description="What a head's metric is divided by: its largest channel, or the mean."
    )
    floor: float = field(
        1e-12, gt=0, effect="numerics", description="Below this, layers count as equal and the metric is 1."
    )
    scope: Literal["sequence", "prefix"] = field(
        "sequence", effect="numerics", description="Over which positions the metric runs; the paper's code says all."
    )

    paper = "Nielsen et al. 2024, arXiv 2406.13770"
    examples: ClassVar = (
        {"causal": True, "scope": "prefix", "position": "rotary", "num_kv_heads": 1},
        {"causal": True, "scope": "prefix", "statistic": "quotient", "window": 3, "scale": 1.0},
        {"statistic": "quotient", "num_kv_heads": 1, "normalize": "mean"},
        {"head_dim": 6, "num_heads": 4, "num_kv_heads": 2, "bias": True},
    )
    rejects: ClassVar = (
        *Softmax.rejects,
        ({"statistic": "median", "scope": "prefix"}, {"d_model": 8}, "E0606"),
    )

    def problems(self, sizes: Sizes) -> Iterable[Problem]:
        yield from super().problems(sizes)
        yield from no_running_median(self.statistic, self.scope)

    def writes(self) -> dict[str, Carry]:
        return {**super().writes(), "metric": METRIC}

    def reads(self) -> dict[str, Carry]:
        channels = ("values", "queries") if self.statistic == "quotient" else ("values",)
        return required(self.writes(), *channels)

    def caches(self, sizes: Sizes) -> tuple[Cache, ...]:
        """The sum of changes so far, behind what attention keeps; a metric of whole calls has nothing to continue."""
        if self.scope != "prefix" or not self.causal:
            return ()
        return (*super().caches(sizes), Cache(shape=("B", "num_heads", "head_dim")))

    def cost(self, sizes: Sizes, seq: int) -> Cost:
        attention = super().cost(sizes, seq)
        kept = attention.cache_values + sizes["query_dim"] if self.caches(sizes) else 0.0
        return Cost(flops=attention.flops, cache_values=kept)

    def reach(self) -> Scope:
        return "prefix" if self.causal and self.scope == "prefix" else "sequence"

    def forward(
        self, p: Any, x_BSD: Any, *, positions_S: Any, values: Any = None, queries: Any = None, cache: Any = None
    ) -> Any:
        q, k, v = self._project(p, x_BSD, positions_S)
        metric, total = self._metric(q, v, queries, values, positions_S, None if cache is None else cache[2])
        y_BSD, kept = self._attend(p, q * metric.to(q.dtype), k, v, None if cache is None else cache[:2])
        written = {"values": v, "queries": q, "metric": metric}
        return y_BSD, written, None if kept is None else (*kept, total)

    def _metric(self, q: Any, v: Any, queries: Any, values: Any, positions_S: Any, before: Any) -> tuple[Any, Any]:
        """`m_BHSN`, or `m_BH1N` where all positions share it, and the sum of changes up to the last position."""
        change_BHSN = change(v, values).repeat_interleave(self.num_heads // self.kv_heads, dim=1)
        if self.statistic == "quotient":
            change_BHSN = change_BHSN / (change(q, queries) + self.quotient_eps)
        if self.scope == "sequence":
            metric = change_BHSN.median(2, keepdim=True).values if self.statistic == "median" else None
            metric = change_BHSN.mean(2, keepdim=True) if metric is None else metric
            return normalized(metric, self.normalize, self.floor), None
        sums_BHSN = change_BHSN.cumsum(2)
        if before is not None:
            sums_BHSN = sums_BHSN + at_least_float32(before)[:, :, None]
        mean_BHSN = sums_BHSN / (positions_S + 1)[:, None]
        return normalized(mean_BHSN, self.normalize, self.floor), sums_BHSN[:, :, -1]

    def reference(
        self, p: dict[str, Any], x_BSD: list[Any], positions_S: list[int], values: Any = (), queries: Any = ()
    ) -> list[Any]:
        """One sequence, one head, one query at a time."""
        rows = []
        for b, x_SD in enumerate(x_BSD):
            below = (values[b], queries[b] if queries else None)
            rows.append(self._sequence(p, x_SD, positions_S, self._plain_metric(p, x_SD, positions_S, *below)))
        return rows

    def _plain_metric(self, p: dict[str, Any], x_SD: Any, positions_S: list[int], values: Any, queries: Any) -> Any:
        """`[S][H][N]`."""
        size = len(p["w_q"]) // self.num_heads
        places = range(len(x_SD))
        v = [plain.slices(plain.affine(p["w_v"], x, p.get("b_v")), size) for x in x_SD]
        q = [self._turned(p, "q", x, s) for x, s in zip(x_SD, positions_S, strict=True)]
        metric: list[list[list[float]]] = [[] for _ in places]
        for h in range(self.num_heads):
            g = h * self.kv_heads // self.num_heads
            moved = [[abs(a - b) for a, b in zip(v[s][g], values[g][s], strict=True)] for s in places]
            if queries is not None:
                turned = [[abs(a - b) for a, b in zip(q[s][h], queries[h][s], strict=True)] for s in places]
                pairs = [zip(*rows, strict=True) for rows in zip(moved, turned, strict=True)]
                moved = [[a / (b + self.quotient_eps) for a, b in row] for row in pairs]
            for s in places:
                seen = moved[: s + 1] if self.scope == "prefix" else moved
                metric[s].append(plain_normalized(plain_statistic(seen, self.statistic), self.normalize, self.floor))
        return metric
