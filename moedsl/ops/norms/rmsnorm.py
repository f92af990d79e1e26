"""Root mean square normalisation.

Paper: Zhang and Sennrich 2019, equation 4 (arXiv 1910.07467). Axes: B batch, S sequence, D d_model.

    y = x / sqrt(mean(x^2) + eps) * weight
"""

from __future__ import annotations

from typing import Any

from moedsl.lazy import F
from moedsl.ops import plain
from moedsl.ops.base import Param, Sizes, field
from moedsl.ops.init._shared import ONES
from moedsl.ops.norms._shared import Norm
from moedsl.ops.numerics import at_least_float32, promote
from moedsl.ops.registry import register


@register("norm", "rmsnorm")
class RmsNorm(Norm):
    """Rescales each position without centring it; statistics in float32 or better."""

    eps: float = field(1e-5, gt=0, effect="numerics", description="Added to the mean square.")

    paper = "Zhang and Sennrich 2019, equation 4, arXiv 1910.07467"

    def parameters(self, sizes: Sizes) -> dict[str, Param]:
        return {"weight": Param(axes=("d_model",), init=ONES)}

    def forward(self, p: Any, x_BSD: Any) -> Any:
        x = at_least_float32(x_BSD)
        return F.rms_norm(x, x.shape[-1:], promote(p.weight, x), self.eps).to(x_BSD.dtype)

    def reference(self, p: dict[str, Any], x_BSD: list[list[list[float]]]) -> list[list[list[float]]]:
        """One position at a time."""
        return [[plain.rms_norm(x_D, p["weight"], self.eps) for x_D in sequence] for sequence in x_BSD]
