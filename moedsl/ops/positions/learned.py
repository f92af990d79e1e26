"""Learned absolute positions.

Paper: Gehring et al. 2017, section 3.1 (arXiv 1705.03122), as in GPT-2. Axes: B batch, S sequence, D d_model.

    y_s = x_s + table[position of s]
"""

from __future__ import annotations

from typing import Any

from moedsl.lazy import F
from moedsl.ops import plain
from moedsl.ops.base import Init, Op, Param, Sizes, field
from moedsl.ops.init._shared import Initialiser
from moedsl.ops.registry import register


@register("position", "learned")
class Learned(Op):
    """Adds a learned row for each position; nothing beyond `max_positions` can be represented."""

    max_positions: int = field(ge=1, effect="params", unit="tokens", description="Longest sequence.")
    init: Initialiser | None = field(
        None, component="init", effect="init", description="How the table starts; left out, normal(std = 0.02)."
    )

    paper = "Gehring et al. 2017, section 3.1, arXiv 1705.03122"
    uses = frozenset({"positions"})

    def sizes(self, given: Sizes) -> dict[str, int]:
        return {"max_positions": self.max_positions}

    def parameters(self, sizes: Sizes) -> dict[str, Param]:
        shape = (sizes["max_positions"], sizes["d_model"])
        start = self.init.resolve(shape) if self.init else Init(rule="normal", scale=0.02)
        return {"table": Param(axes=("max_positions", "d_model"), init=start)}

    def forward(self, p: Any, x_BSD: Any, positions_S: Any) -> Any:
        return x_BSD + F.embedding(positions_S, p.table)

    def reference(self, p: dict[str, Any], x_BSD: list[list[list[float]]], positions_S: list[int]) -> list[Any]:
        """One position at a time."""
        return [
            [plain.add(x_D, p["table"][place]) for x_D, place in zip(sequence, positions_S, strict=True)]
            for sequence in x_BSD
        ]
