"""Two linear maps with an activation between them.

Paper: Vaswani et al. 2017, equation 2 (arXiv 1706.03762). Axes: T tokens, D d_model, F d_ff.

    y = W_out drop(act(W_in x + b_in)) + b_out
"""

from __future__ import annotations

from typing import Any

from moedsl.lazy import F
from moedsl.ops import plain
from moedsl.ops.base import Cost, Op, Param, Sizes, field
from moedsl.ops.init._shared import Initialiser, bias_start, weight_start
from moedsl.ops.numerics import activate
from moedsl.ops.plain import Activation
from moedsl.ops.registry import register


@register("ffn", "mlp")
class Mlp(Op):
    """A dense feed-forward layer with one hidden layer; `ffn glu` is its gated neighbour."""

    d_ff: int = field(ge=1, effect="params", description="Width of the hidden layer.")
    act: Activation = field("relu", effect="numerics", description="Activation of the hidden layer.")
    bias: bool = field(True, effect="params", description="Add learned biases.")
    dropout: float = field(0.0, ge=0, lt=1, effect="training", description="Dropout on the hidden layer, in training.")
    init: Initialiser | None = field(
        None, component="init", effect="init", description="How weights start; biases then start at zero."
    )

    paper = "Vaswani et al. 2017, equation 2, arXiv 1706.03762"

    def sizes(self, given: Sizes) -> dict[str, int]:
        return {"d_ff": self.d_ff}

    def parameters(self, sizes: Sizes) -> dict[str, Param]:
        d_model, d_ff = sizes["d_model"], sizes["d_ff"]
        params = {
            "w_in": Param(axes=("d_ff", "d_model"), init=weight_start(self.init, (d_ff, d_model))),
            "w_out": Param(axes=("d_model", "d_ff"), init=weight_start(self.init, (d_model, d_ff))),
        }
        if self.bias:
            params["b_in"] = Param(axes=("d_ff",), init=bias_start(self.init, d_model))
            params["b_out"] = Param(axes=("d_model",), init=bias_start(self.init, d_ff))
        return params

    def cost(self, sizes: Sizes, seq: int) -> Cost:
        return Cost(flops=4.0 * sizes["d_model"] * self.d_ff)

    def forward(self, p: Any, x_TD: Any) -> Any:
        hidden_TF = activate(self.act, F.linear(x_TD, p.w_in, p.b_in if self.bias else None))
        hidden_TF = F.dropout(hidden_TF, self.dropout, training=p.training)
        return F.linear(hidden_TF, p.w_out, p.b_out if self.bias else None)

    def reference(self, p: dict[str, Any], x_TD: list[list[float]]) -> list[list[float]]:
        """One token at a time."""
        rows = []
        for x_D in x_TD:
            hidden = plain.affine(p["w_in"], x_D, p.get("b_in"))
            rows.append(plain.affine(p["w_out"], [plain.activation(self.act, h) for h in hidden], p.get("b_out")))
        return rows
