"""Segment-recurrent attention whose queries are stretched along channels that change between layers.

Paper: Nielsen et al. 2024, Elliptical Attention (arXiv 2406.13770), as its Switch- and GLaM-style language models use
it. Axes: B batch, S sequence, D d_model, H heads, N head size, W span. c, q and r are those of `window`, v and v' the
values of all rows of c here and in the attention before.

    m_i = mean over rows of |v[row, i] - v'[row, i]|;  m <- m / max over i of m_i
    y = the attention of `window` with queries q * m, also where they meet r

`scope = prefix` takes the mean over the W rows that a position sees and its own. Rows from before the first token are
zeros in both layers, and rows of the mean.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Literal

from moedsl.lazy import F
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
from moedsl.ops.attention._shared import split_heads
from moedsl.ops.attention.window import Window
from moedsl.ops.base import Carry, Problem, Scope, Sizes, field
from moedsl.ops.registry import register


@register("attention", "elliptical_window")
class EllipticalWindow(Window):
    """Attends like `window`, and weighs channels by how much the values moved since the layer below."""

    statistic: Literal["mean", "median"] = field(
        "mean", effect="numerics", description="How changes of rows become one metric."
    )
    normalize: Normalize = field(
        "max", effect="numerics", description="What a head's metric is divided by: its largest channel, or the mean."
    )
    floor: float = field(
        1e-12, gt=0, effect="numerics", description="Below this, layers count as equal and the metric is 1."
    )
    scope: Literal["sequence", "prefix"] = field(
        "sequence",
        effect="numerics",
        description="Over which rows the metric runs: all of the call and the cache, or those that a position sees.",
    )

    paper = "Nielsen et al. 2024, arXiv 2406.13770"
    examples: ClassVar = (
        {"span": 9, "num_heads": 4},
        {"span": 2, "scope": "prefix"},
    )
    rejects: ClassVar = (
        *Window.rejects,
        ({"statistic": "median", "scope": "prefix", "span": 2}, {"d_model": 8}, "E0606"),
    )

    def problems(self, sizes: Sizes) -> Iterable[Problem]:
        yield from super().problems(sizes)
        yield from no_running_median(self.statistic, self.scope)

    def writes(self) -> dict[str, Carry]:
        return {**super().writes(), "metric": METRIC}

    def reads(self) -> dict[str, Carry]:
        return required(self.writes(), "values")

    def reach(self) -> Scope:
        return self.scope

    def forward(self, p: Any, x_BSD: Any, *, values: Any = None, cache: tuple[Any] | None = None) -> Any:
        k, v, cache = self._keys_and_values(p, x_BSD, cache)
        q = split_heads(F.linear(x_BSD, p.w_q), self.num_heads)
        metric = normalized(self._statistic(change(v, values)), self.normalize, self.floor)
        return self._attend(p, q * metric.to(q.dtype), k, v), {"values": v, "metric": metric}, cache

    def _statistic(self, change_BHLN: Any) -> Any:
        if self.statistic == "median":
            return change_BHLN.median(2, keepdim=True).values
        if self.scope == "sequence":
            return change_BHLN.mean(2, keepdim=True)
        line = change_BHLN.flatten(0, 1).mT
        return F.avg_pool1d(line, self.span + 1, stride=1).mT.unflatten(0, change_BHLN.shape[:2])

    def reference(self, p: dict[str, Any], x_BSD: list[Any], values: Any = ()) -> list[Any]:
        """One sequence, one query, one head at a time."""
        return [self._sequence(p, x, self._plain_metric(p, x, below)) for x, below in zip(x_BSD, values, strict=True)]

    def _plain_metric(self, p: dict[str, Any], x_SD: list[list[float]], below: Any) -> Any:
        """`[S][H][N]`."""
        rows = [[0.0] * len(x_SD[0])] * self.span + x_SD
        size = len(x_SD[0]) // self.num_heads
        v = [plain.slices(plain.matvec(p["w_v"], row), size) for row in rows]
        metric: list[list[list[float]]] = [[] for _ in x_SD]
        for h in range(self.num_heads):
            pairs = [zip(v[j][h], below[h][j], strict=True) for j in range(len(rows))]
            moved = [[abs(a - b) for a, b in pair] for pair in pairs]
            for i in range(len(x_SD)):
                seen = moved[i : i + self.span + 1] if self.scope == "prefix" else moved
                metric[i].append(plain_normalized(plain_statistic(seen, self.statistic), self.normalize, self.floor))
        return metric
