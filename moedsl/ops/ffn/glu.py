"""A gated linear unit as feed-forward layer.

Paper: Shazeer 2020, equation 6 (arXiv 2002.05202): SwiGLU for `silu`, GEGLU for `gelu`. Axes: T tokens, D d_model,
F d_ff. `w_in` packs the gate's rows first, then those of what it gates.

    gate, up = split(W_in x + b_in);  y = W_out drop(act(gate) * up) + b_out
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


@register("ffn", "glu")
class Glu(Op):
    """A dense feed-forward layer whose hidden layer is gated; half as large again as an `mlp` of the same `d_ff`."""

    d_ff: int = field(ge=1, effect="params", description="Width of the hidden layer, after gating.")
    act: Activation = field("silu", effect="numerics", description="Activation of the gate.")
    bias: bool = field(False, effect="params", description="Add learned biases.")
    dropout: float = field(0.0, ge=0, lt=1, effect="training", description="Dropout on the hidden layer, in training.")
    init: Initialiser | None = field(
        None, component="init", effect="init", description="How weights start; biases then start at zero."
    )

    paper = "Shazeer 2020, equation 6, arXiv 2002.05202"

    def sizes(self, given: Sizes) -> dict[str, int]:
        return {"d_ff": self.d_ff, "gated_d_ff": 2 * self.d_ff}

    def parameters(self, sizes: Sizes) -> dict[str, Param]:
        d_model, d_ff = sizes["d_model"], sizes["d_ff"]
        params = {
            "w_in": Param(axes=("gated_d_ff", "d_model"), init=weight_start(self.init, (2 * d_ff, d_model))),
            "w_out": Param(axes=("d_model", "d_ff"), init=weight_start(self.init, (d_model, d_ff))),
        }
        if self.bias:
            params["b_in"] = Param(axes=("gated_d_ff",), init=bias_start(self.init, d_model))
            params["b_out"] = Param(axes=("d_model",), init=bias_start(self.init, d_ff))
        return params

    def cost(self, sizes: Sizes, seq: int) -> Cost:
        return Cost(flops=6.0 * sizes["d_model"] * self.d_ff)

    def forward(self, p: Any, x_TD: Any) -> Any:
        gate_TF, up_TF = F.linear(x_TD, p.w_in, p.b_in if self.bias else None).chunk(2, dim=-1)
        hidden_TF = F.dropout(activate(self.act, gate_TF) * up_TF, self.dropout, training=p.training)
        return F.linear(hidden_TF, p.w_out, p.b_out if self.bias else None)

    def reference(self, p: dict[str, Any], x_TD: list[list[float]]) -> list[list[float]]:
        """One token at a time."""
        rows = []
        for x_D in x_TD:
            packed = plain.affine(p["w_in"], x_D, p.get("b_in"))
            gate, up = packed[: self.d_ff], packed[self.d_ff :]
            hidden = [plain.activation(self.act, g) * u for g, u in zip(gate, up, strict=True)]
            rows.append(plain.affine(p["w_out"], hidden, p.get("b_out")))
        return rows
