"""Token embedding: one row of a table per token.

Axes: B batch, S sequence, V vocab_size, D d_model.

    x = scale * table[token]
"""

from __future__ import annotations

from typing import Any, ClassVar

from moedsl.lazy import F
from moedsl.ops import plain
from moedsl.ops.base import Init, Param, Sizes, field
from moedsl.ops.embeddings._shared import Embedding
from moedsl.ops.init._shared import Initialiser
from moedsl.ops.registry import register


@register("embedding", "token")
class Token(Embedding):
    """Looks each token up in a learned table."""

    vocab_size: int = field(ge=1, effect="interface", unit="tokens", description="How many tokens there are.")
    scale: float = field(
        1.0, effect="numerics", description="Multiply the rows by this; some models use sqrt(d_model)."
    )
    init: Initialiser | None = field(
        None, component="init", effect="init", description="How the table starts; left out, normal(std = 0.02)."
    )

    examples: ClassVar = ({"scale": 3.0},)

    def sizes(self, given: Sizes) -> dict[str, int]:
        return {"vocab_size": self.vocab_size}

    def parameters(self, sizes: Sizes) -> dict[str, Param]:
        shape = (sizes["vocab_size"], sizes["d_model"])
        start = self.init.resolve(shape) if self.init else Init(rule="normal", scale=0.02)
        return {"table": Param(axes=("vocab_size", "d_model"), init=start)}

    def forward(self, p: Any, tokens_BS: Any) -> Any:
        x_BSD = F.embedding(tokens_BS, p.table)
        return x_BSD if self.scale == 1.0 else x_BSD * self.scale

    def reference(self, p: dict[str, Any], tokens_BS: list[list[int]]) -> list[list[list[float]]]:
        """A row for every token."""
        return [[plain.scale(p["table"][token], self.scale) for token in sequence] for sequence in tokens_BS]
