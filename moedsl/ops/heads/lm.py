"""Language model head: a logit for every token of the vocabulary.

Paper: Press and Wolf 2017 for `tie = embed` (arXiv 1608.05859). Axes: B batch, S sequence, D d_model, V vocab_size.

    logits = W x (+ b)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Literal

from moedsl.lazy import F
from moedsl.ops import plain
from moedsl.ops.base import Cost, Op, Param, Problem, Sizes, field
from moedsl.ops.init._shared import Initialiser, bias_start, weight_start
from moedsl.ops.registry import register


@register("head", "lm")
class Lm(Op):
    """Scores every token; the loss takes the softmax."""

    vocab_size: int | None = field(
        None,
        ge=1,
        effect="interface",
        unit="tokens",
        description="How many tokens it scores; left out, the embedding's.",
    )
    tie: Literal["none", "embed"] = field(
        "none", effect="params", description="Use the table of the embedding as the weight, or one of its own."
    )
    bias: bool = field(False, effect="params", description="Add a learned bias.")
    init: Initialiser | None = field(
        None, component="init", effect="init", description="How the weight starts; the bias then starts at zero."
    )

    paper = "Press and Wolf 2017, section 2, arXiv 1608.05859"
    rejects: ClassVar = (({}, {"d_model": 8}, "E0405"),)

    def sizes(self, given: Sizes) -> dict[str, int]:
        return {} if self.vocab_size is None else {"vocab_size": self.vocab_size}

    def parameters(self, sizes: Sizes) -> dict[str, Param]:
        start = weight_start(self.init, (sizes["vocab_size"], sizes["d_model"]))
        tied = "embed.table" if self.tie == "embed" else None
        params = {"weight": Param(axes=("vocab_size", "d_model"), init=start, tied_to=tied)}
        if self.bias:
            params["bias"] = Param(axes=("vocab_size",), init=bias_start(self.init, sizes["d_model"]))
        return params

    def problems(self, sizes: Sizes) -> Iterable[Problem]:
        if "vocab_size" not in sizes:
            yield Problem(
                code="E0405",
                message="the head does not know how many tokens to score: the model's embedding has no vocabulary",
                field="vocab_size",
                help="set `vocab_size` in the head",
            )

    def cost(self, sizes: Sizes, seq: int) -> Cost:
        return Cost(flops=2.0 * sizes["d_model"] * sizes["vocab_size"])

    def forward(self, p: Any, x_BSD: Any) -> Any:
        return F.linear(x_BSD, p.weight, p.bias if self.bias else None)

    def reference(self, p: dict[str, Any], x_BSD: list[list[list[float]]]) -> list[list[list[float]]]:
        """One position at a time."""
        return [[plain.affine(p["weight"], x_D, p.get("bias")) for x_D in sequence] for sequence in x_BSD]
