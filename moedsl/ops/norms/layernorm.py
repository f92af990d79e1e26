"""Layer normalisation.

Paper: Ba et al. 2016, section 3 (arXiv 1607.06450). Axes: B batch, S sequence, D d_model.

    y = (x - mean(x)) / sqrt(var(x) + eps) * weight + bias,  population variance over D
"""

from __future__ import annotations

from math import sqrt
from typing import Any

from moedsl.lazy import F
from moedsl.ops.base import Param, Sizes, field
from moedsl.ops.init._shared import ONES, ZEROS
from moedsl.ops.norms._shared import Norm
from moedsl.ops.numerics import at_least_float32, promote
from moedsl.ops.registry import register


@register("norm", "layernorm")
class LayerNorm(Norm):
    """Centres and rescales each position; statistics in float32 or better."""

    eps: float = field(1e-5, gt=0, effect="numerics", description="Added to the variance.")
    bias: bool = field(True, effect="params", description="Add a learned bias.")

    paper = "Ba et al. 2016, section 3, arXiv 1607.06450"

    def parameters(self, sizes: Sizes) -> dict[str, Param]:
        params = {"weight": Param(axes=("d_model",), init=ONES)}
        return {**params, "bias": Param(axes=("d_model",), init=ZEROS)} if self.bias else params

    def forward(self, p: Any, x_BSD: Any) -> Any:
        x = at_least_float32(x_BSD)
        y = F.layer_norm(x, x.shape[-1:], promote(p.weight, x), promote(p.bias, x) if self.bias else None, self.eps)
        return y.to(x_BSD.dtype)

    def reference(self, p: dict[str, Any], x_BSD: list[list[list[float]]]) -> list[list[list[float]]]:
        """One position at a time."""
        return [[self._normalised(p, x_D) for x_D in sequence] for sequence in x_BSD]

    def _normalised(self, p: dict[str, Any], x_D: list[float]) -> list[float]:
        mean = sum(x_D) / len(x_D)
        spread = sqrt(sum((x - mean) ** 2 for x in x_D) / len(x_D) + self.eps)
        bias = p["bias"] if self.bias else [0.0] * len(x_D)
        return [(x - mean) / spread * w + b for x, w, b in zip(x_D, p["weight"], bias, strict=True)]
