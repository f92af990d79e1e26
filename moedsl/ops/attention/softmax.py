"""Scaled dot-product attention with any number of key-value heads.

Papers: Vaswani et al. 2017, equation 1 (arXiv 1706.03762); grouped queries: Ainslie et al. 2023 (arXiv 2305.13245);
rotary positions: Su et al. 2021, section 3.2 (arXiv 2104.09864). Axes: B batch, S sequence, D d_model, H heads,
N head size, L cached positions.

    q, k, v = W_q x, W_k x, W_v x;  y_i = W_o sum over j of softmax over j of (scale q_i . k_j) v_j

`causal` keeps j <= i, `window` keeps i - j < window (both sides when not causal).
"""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt
from typing import Any, ClassVar, Literal

from moedsl.lazy import F, torch
from moedsl.ops import plain
from moedsl.ops.attention._shared import attend, even_heads, join_heads, rotate, rotated, split_heads
from moedsl.ops.base import Cache, Carry, Cost, Op, Param, Problem, Scope, Sizes, field
from moedsl.ops.init._shared import ONES, Initialiser, bias_start, weight_start
from moedsl.ops.numerics import at_least_float32, promote
from moedsl.ops.registry import register

Heads = tuple[Any, Any, Any]


@register("attention", "softmax")
class Softmax(Op):
    """Each position takes a weighted mean of the values it may see."""

    num_heads: int = field(ge=1, effect="params", description="Query heads.")
    num_kv_heads: int | None = field(
        None,
        ge=1,
        effect="params",
        description="Key and value heads, each serving several query heads; left out, as many.",
    )
    head_dim: int | None = field(
        None, ge=1, effect="params", description="Channels per head; left out, `d_model` split evenly over the heads."
    )
    causal: bool = field(False, inherit=True, effect="numerics", description="Whether a position sees only the past.")
    window: int | None = field(
        None, ge=1, effect="numerics", unit="tokens", description="See only this many positions, one's own included."
    )
    position: Literal["none", "rotary"] = field(
        "none", effect="numerics", description="Turn queries and keys by their position."
    )
    rope_base: float = field(10_000.0, gt=1, effect="numerics", description="Base of the rotary wavelengths.")
    qk_norm: Literal["none", "head", "all"] = field(
        "none",
        effect="params",
        description="Rescale queries and keys to unit mean square, each head by itself or all together.",
    )
    qk_norm_eps: float = field(1e-6, gt=0, effect="numerics", description="Added to that mean square.")
    bias: bool = field(False, effect="params", description="Add learned biases to queries, keys and values.")
    out_bias: bool | None = field(
        None, effect="params", description="Add a learned bias to the result; left out, as `bias` says."
    )
    scale: float | None = field(
        None, gt=0, effect="numerics", description="Factor on the scores; left out, 1 / sqrt(head_dim)."
    )
    dropout: float = field(0.0, ge=0, lt=1, effect="training", description="Dropout on the weights, in training.")
    init: Initialiser | None = field(
        None, component="init", effect="init", description="How weights start; biases then start at zero."
    )

    paper = "Vaswani et al. 2017, equation 1, arXiv 1706.03762"
    uses = frozenset({"positions", "cache"})
    examples: ClassVar = (
        {"num_kv_heads": 1, "causal": True, "position": "rotary", "bias": True},
        {"window": 3, "causal": True, "position": "rotary", "rope_base": 100.0},
        {"window": 2, "qk_norm": "head", "causal": True},
        {"window": 2, "scale": 0.3},
        {"head_dim": 6, "num_heads": 4, "num_kv_heads": 2},
    )
    rejects: ClassVar = (
        ({"num_heads": 3}, {"d_model": 8}, "E0401"),
        ({"num_heads": 4, "num_kv_heads": 3}, {"d_model": 8}, "E0402"),
        ({"num_heads": 8, "position": "rotary"}, {"d_model": 8}, "E0403"),
    )

    @property
    def kv_heads(self) -> int:
        """Key and value heads, also where they were left out."""
        return self.num_kv_heads or self.num_heads

    @property
    def has_out_bias(self) -> bool:
        """Whether the result gets a bias, also where that was left out."""
        return self.bias if self.out_bias is None else self.out_bias

    def sizes(self, given: Sizes) -> dict[str, int]:
        head_dim = self.head_dim or given["d_model"] // self.num_heads
        heads = {"num_heads": self.num_heads, "num_kv_heads": self.kv_heads, "head_dim": head_dim}
        return {**heads, "query_dim": self.num_heads * head_dim, "key_dim": self.kv_heads * head_dim}

    def parameters(self, sizes: Sizes) -> dict[str, Param]:
        rows = {"q": "query_dim", "k": "key_dim", "v": "key_dim", "o": "d_model"}
        columns = {"q": "d_model", "k": "d_model", "v": "d_model", "o": "query_dim"}
        params = {}
        for part, axis in rows.items():
            fan_in = sizes[columns[part]]
            start = weight_start(self.init, (sizes[axis], fan_in))
            params[f"w_{part}"] = Param(axes=(axis, columns[part]), init=start)
            if self.has_out_bias if part == "o" else self.bias:
                params[f"b_{part}"] = Param(axes=(axis,), init=bias_start(self.init, fan_in))
        if self.qk_norm != "none":
            q_axis, k_axis = ("query_dim", "key_dim") if self.qk_norm == "all" else ("head_dim", "head_dim")
            params |= {"q_norm": Param(axes=(q_axis,), init=ONES), "k_norm": Param(axes=(k_axis,), init=ONES)}
        return params

    def problems(self, sizes: Sizes) -> Iterable[Problem]:
        if self.head_dim is None:
            yield from even_heads(self.num_heads, sizes, help="choose a `num_heads` that divides it, or set `head_dim`")
        if self.num_heads % self.kv_heads:
            yield Problem(
                code="E0402",
                message=f"`num_heads = {self.num_heads}` cannot share `num_kv_heads = {self.kv_heads}` evenly",
                field="num_kv_heads",
                help="choose a `num_kv_heads` that divides `num_heads`",
            )
        elif self.position == "rotary" and sizes["head_dim"] % 2:
            yield Problem(
                code="E0403",
                message=f"rotary positions pair up a head's channels, and `head_dim = {sizes['head_dim']}` is odd",
                field="position",
                help="make `head_dim` even, or write `position = none`",
            )

    def writes(self) -> dict[str, Carry]:
        values = Carry(shape=("B", "num_kv_heads", "S", "head_dim"), description="Values of the attention before.")
        queries = Carry(shape=("B", "num_heads", "S", "head_dim"), description="Queries of the attention before.")
        return {"values": values, "queries": queries}

    def caches(self, sizes: Sizes) -> tuple[Cache, ...]:
        if not self.causal:
            return ()
        keys = Cache(shape=("B", "num_kv_heads", "L", "head_dim"))
        return (keys, keys)

    def cost(self, sizes: Sizes, seq: int) -> Cost:
        projections = 4.0 * sizes["d_model"] * (sizes["query_dim"] + sizes["key_dim"])
        kept = min(seq, self.window or seq) if self.causal else 0
        return Cost(flops=projections + 4.0 * seq * sizes["query_dim"], cache_values=2.0 * sizes["key_dim"] * kept)

    def reach(self) -> Scope:
        return "prefix" if self.causal else "sequence"

    def forward(
        self, p: Any, x_BSD: Any, *, positions_S: Any, cache: tuple[Any, Any] | None = None
    ) -> tuple[Any, dict[str, Any], tuple[Any, Any] | None]:
        q, k, v = self._project(p, x_BSD, positions_S)
        y_BSD, cache = self._attend(p, q, k, v, cache)
        return y_BSD, {"values": v, "queries": q}, cache

    def _attend(self, p: Any, q: Any, k: Any, v: Any, cache: tuple[Any, Any] | None) -> tuple[Any, Any]:
        if cache is not None:
            k, v = torch.cat((cache[0], k), dim=2), torch.cat((cache[1], v), dim=2)
        y_BHSN = F.scaled_dot_product_attention(
            q,
            k,
            v,
            attn_mask=self._mask(q.shape[2], k.shape[2], q.device) if self.window or cache is not None else None,
            is_causal=self.causal and cache is None and not self.window,
            dropout_p=self.dropout if p.training else 0.0,
            scale=self.scale,
            enable_gqa=self.kv_heads != self.num_heads,
        )
        y_BSD = F.linear(join_heads(y_BHSN), p.w_o, p.b_o if self.has_out_bias else None)
        return y_BSD, None if cache is None else (self._kept(k), self._kept(v))

    def _project(self, p: Any, x_BSD: Any, positions_S: Any) -> Heads:
        q = F.linear(x_BSD, p.w_q, p.b_q if self.bias else None)
        k = F.linear(x_BSD, p.w_k, p.b_k if self.bias else None)
        v = F.linear(x_BSD, p.w_v, p.b_v if self.bias else None)
        if self.qk_norm == "all":
            q, k = self._unit(q, p.q_norm), self._unit(k, p.k_norm)
        q, k, v = split_heads(q, self.num_heads), split_heads(k, self.kv_heads), split_heads(v, self.kv_heads)
        if self.qk_norm == "head":
            q, k = self._unit(q, p.q_norm), self._unit(k, p.k_norm)
        if self.position == "rotary":
            q, k = rotate(q, positions_S, self.rope_base), rotate(k, positions_S, self.rope_base)
        return q, k, v

    def _unit(self, rows: Any, weight: Any) -> Any:
        x = at_least_float32(rows)
        return F.rms_norm(x, x.shape[-1:], promote(weight, x), self.qk_norm_eps).to(rows.dtype)

    def _mask(self, num_queries: int, num_keys: int, device: Any) -> Any:
        """Which keys each query sees; the last query stands beside the last key."""
        key_L = torch.arange(num_keys, device=device)
        behind_SL = key_L[num_keys - num_queries :, None] - key_L
        visible_SL = behind_SL >= 0 if self.causal else torch.ones_like(behind_SL, dtype=torch.bool)
        return visible_SL if self.window is None else visible_SL & (behind_SL.abs() < self.window)

    def _kept(self, keys: Any) -> Any:
        return keys if self.window is None else keys[:, :, -self.window :]

    def reference(self, p: dict[str, Any], x_BSD: list[Any], positions_S: list[int]) -> list[Any]:
        """One sequence, one head, one query at a time."""
        return [self._sequence(p, x_SD, positions_S) for x_SD in x_BSD]

    def _sequence(self, p: dict[str, Any], x_SD: list[Any], positions_S: list[int], metric: Any = None) -> list[Any]:
        size = len(p["w_q"]) // self.num_heads
        scale = self.scale or 1.0 / sqrt(size)
        q, k = ([self._turned(p, part, x, s) for x, s in zip(x_SD, positions_S, strict=True)] for part in "qk")
        v = [plain.slices(plain.affine(p["w_v"], x, p.get("b_v")), size) for x in x_SD]
        if metric is not None:
            q = [[plain.times(*pair) for pair in zip(*heads, strict=True)] for heads in zip(q, metric, strict=True)]
        rows = []
        for i in range(len(x_SD)):
            seen = [j for j in range(len(x_SD)) if self._sees(i, j)]
            heads = []
            for h in range(self.num_heads):
                g = h * self.kv_heads // self.num_heads
                heads += attend(q[i][h], [k[j][g] for j in seen], [v[j][g] for j in seen], scale)
            rows.append(plain.affine(p["w_o"], heads, p.get("b_o")))
        return rows

    def _turned(self, p: dict[str, Any], part: str, x_D: list[float], position: int) -> list[list[float]]:
        size = len(p["w_q"]) // self.num_heads
        row = plain.affine(p[f"w_{part}"], x_D, p.get(f"b_{part}"))
        if self.qk_norm == "all":
            row = plain.rms_norm(row, p[f"{part}_norm"], self.qk_norm_eps)
        heads = plain.slices(row, size)
        if self.qk_norm == "head":
            heads = [plain.rms_norm(head, p[f"{part}_norm"], self.qk_norm_eps) for head in heads]
        return [rotated(head, position, self.rope_base) for head in heads] if self.position == "rotary" else heads

    def _sees(self, i: int, j: int) -> bool:
        return (not self.causal or j <= i) and (self.window is None or abs(i - j) < self.window)
