"""Dropout on what joins the stream.

Paper: Srivastava et al. 2014, section 4 (JMLR 15).
"""

from __future__ import annotations

from typing import Any

from moedsl.lazy import F
from moedsl.ops.base import Op, field
from moedsl.ops.registry import register


@register("wiring", "dropout")
class Dropout(Op):
    """Each entry is zero with this probability in training, and scaled up so that its mean stays."""

    rate: float = field(ge=0, lt=1, effect="training", description="The probability.")

    def forward(self, p: Any, x_TD: Any) -> Any:
        return F.dropout(x_TD, self.rate, training=p.training)

    def reference(self, p: Any, x_TD: list[list[float]]) -> list[list[float]]:
        """Outside training nothing changes."""
        return x_TD
