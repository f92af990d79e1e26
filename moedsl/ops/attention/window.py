"""Segment-recurrent attention over a window of relative positions.

Papers: Sukhbaatar et al. 2019, section 2 (arXiv 1905.07799) with a fixed span, as MomentumSMoE's language models use
it; the relative keys are Shaw et al. 2018 (arXiv 1803.02155). Axes: B batch, S sequence, D d_model, H heads, N head
size, W span.

    c = [cache; x];  q = W_q x, k = W_k c, v = W_v c
    score(i, j) = q_i . (k_{i+j} + r_j) / sqrt(N),  j = 0 (oldest) .. W - 1
    y_i = W_o sum over j of softmax over j of score(i, j) v_{i+j};  next cache = the last W rows of c, detached

A position sees the W positions before it and never itself. Rows from before the first token are zeros that take their
share of the softmax. r is one tensor for all layers and heads of the stack.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt
from typing import Any, ClassVar

from moedsl.lazy import F, torch
from moedsl.ops import plain
from moedsl.ops.attention._shared import even_heads, join_heads, split_heads
from moedsl.ops.base import Cache, Carry, Cost, Init, Op, Param, Problem, Scope, Sizes, field
from moedsl.ops.init._shared import Initialiser, weight_start
from moedsl.ops.registry import register


@register("attention", "window")
class Window(Op):
    """Each position takes a weighted mean of the `span` values before it, also from the segment before."""

    num_heads: int = field(ge=1, effect="numerics", description="Heads, which split `d_model` evenly.")
    span: int = field(ge=1, effect="params", unit="tokens", description="How many earlier positions one sees.")
    dropout: float = field(0.0, ge=0, lt=1, effect="training", description="Dropout on the weights, in training.")
    init: Initialiser | None = field(
        None,
        component="init",
        effect="init",
        description="How the projections start; relative keys are normal(std = 1).",
    )

    paper = "Sukhbaatar et al. 2019, section 2, arXiv 1905.07799"
    uses = frozenset({"cache"})
    examples: ClassVar = (
        {"span": 9, "num_heads": 4},
        {"span": 2},
    )
    rejects: ClassVar = (({"num_heads": 3, "span": 2}, {"d_model": 8}, "E0401"),)

    def sizes(self, given: Sizes) -> dict[str, int]:
        return {"num_heads": self.num_heads, "span": self.span, "head_dim": given["d_model"] // self.num_heads}

    def parameters(self, sizes: Sizes) -> dict[str, Param]:
        start = weight_start(self.init, (sizes["d_model"], sizes["d_model"]))
        square = Param(axes=("d_model", "d_model"), init=start)
        relative = Param(axes=("head_dim", "span"), init=Init(rule="normal", scale=1.0), shared=True)
        return {"w_q": square, "w_k": square, "w_v": square, "w_o": square, "relative_key": relative}

    def problems(self, sizes: Sizes) -> Iterable[Problem]:
        yield from even_heads(self.num_heads, sizes, help="choose a `num_heads` that divides `d_model`")

    def writes(self) -> dict[str, Carry]:
        """The values of cached rows and of this call's, `span` more than its positions."""
        return {
            "values": Carry(shape=("B", "num_heads", "L", "head_dim"), description="Values of the attention before.")
        }

    def caches(self, sizes: Sizes) -> tuple[Cache, ...]:
        return (Cache(shape=("B", "span", "d_model")),)

    def cost(self, sizes: Sizes, seq: int) -> Cost:
        """Scores and sums are computed for the whole band's rectangle, `seq + span - 1` keys per query."""
        d_model = sizes["d_model"]
        keys = seq + self.span - 1
        flops = 8.0 * d_model**2 + 4.0 * keys * d_model + 2.0 * self.span * d_model
        return Cost(flops=flops, cache_values=float(self.span * d_model))

    def reach(self) -> Scope:
        return "prefix"

    def forward(self, p: Any, x_BSD: Any, *, cache: tuple[Any] | None = None) -> Any:
        k, v, cache = self._keys_and_values(p, x_BSD, cache)
        q = split_heads(F.linear(x_BSD, p.w_q), self.num_heads)
        return self._attend(p, q, k, v), {"values": v}, cache

    def _attend(self, p: Any, q: Any, k: Any, v: Any) -> Any:
        scores_BHSW = band(q @ k.transpose(-1, -2), self.span) + q @ p.relative_key.to(q.dtype)
        weights_BHSW = (scores_BHSW / sqrt(q.shape[-1])).softmax(-1)
        weights_BHSW = F.dropout(weights_BHSW, self.dropout, training=p.training)
        y_BHSN = rectangle(weights_BHSW).to(v.dtype) @ v[:, :, :-1]
        return F.linear(join_heads(y_BHSN), p.w_o)

    def _keys_and_values(self, p: Any, x_BSD: Any, cache: tuple[Any] | None) -> tuple[Any, Any, Any]:
        """Keys of all rows but the last, which no query sees. Zero rows have zero keys, so they need no product."""
        if cache is None:
            k, v = (F.pad(F.linear(x_BSD, w), (0, 0, self.span, end)) for w, end in ((p.w_k, -1), (p.w_v, 0)))
            return split_heads(k, self.num_heads), split_heads(v, self.num_heads), None
        rows = torch.cat((cache[0], x_BSD), dim=1)
        k, v = F.linear(rows[:, :-1], p.w_k), F.linear(rows, p.w_v)
        return split_heads(k, self.num_heads), split_heads(v, self.num_heads), (rows[:, -self.span :].detach(),)

    def reference(self, p: dict[str, Any], x_BSD: list[Any]) -> list[Any]:
        """One sequence, one query, one head at a time."""
        return [self._sequence(p, x_SD) for x_SD in x_BSD]

    def _sequence(self, p: dict[str, Any], x_SD: list[Any], metric: Any = None) -> list[list[float]]:
        rows = [[0.0] * len(x_SD[0])] * self.span + x_SD
        size = len(x_SD[0]) // self.num_heads
        relative = list(zip(*p["relative_key"], strict=True))
        out = []
        for i, x_D in enumerate(x_SD):
            seen = rows[i : i + self.span]
            q, k, v = (
                [plain.slices(plain.matvec(p[name], row), size) for row in part]
                for name, part in (("w_q", [x_D]), ("w_k", seen), ("w_v", seen))
            )
            if metric is not None:
                q = [[plain.times(*pair) for pair in zip(q[0], metric[i], strict=True)]]
            heads = []
            for h in range(self.num_heads):
                scores = [plain.dot(q[0][h], plain.add(key[h], relative[j])) / sqrt(size) for j, key in enumerate(k)]
                heads += plain.weighted_sum(plain.softmax(scores), [value[h] for value in v])
            out.append(plain.matvec(p["w_o"], heads))
        return out


def band(scores: Any, width: int) -> Any:
    """`[..., i, j] = scores[..., i, i + j]` for j below `width`: the band of a rectangle, its rows aligned.

    The rectangle has one column more than `width` for each row after the first. Read as one line and cut into rows one
    longer, row i starts i entries later.
    """
    num_rows, num_columns = scores.shape[-2:]
    line = F.pad(scores.flatten(-2), (0, num_rows))
    return line.unflatten(-1, (num_rows, num_columns + 1))[..., :width]


def rectangle(aligned: Any) -> Any:
    """The inverse of `band`, zero outside the band."""
    num_rows, width = aligned.shape[-2:]
    line = F.pad(aligned, (0, num_rows)).flatten(-2)
    return line[..., : line.shape[-1] - num_rows].unflatten(-1, (num_rows, num_rows + width - 1))
