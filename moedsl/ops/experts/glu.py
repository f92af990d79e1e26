"""Experts whose hidden layer is gated.

Paper: Jiang et al. 2024, section 2.1 (arXiv 2401.04088); Shazeer 2020 (arXiv 2002.05202). Axes: R rows, D d_model,
F d_ff, E experts, C capacity. `w_in` packs the gate's rows first, then those of what it gates.

    gate, up = split(W_in[e] x + b_in[e]);  y = W_out[e] drop(act(gate) * up) + b_out[e]
"""

from __future__ import annotations

from typing import Any

from moedsl.lazy import F
from moedsl.ops import plain
from moedsl.ops.base import Cost, Op, Param, Sizes, field
from moedsl.ops.experts._shared import expert_linear, rows_per_token
from moedsl.ops.init._shared import ZEROS, Initialiser, weight_start
from moedsl.ops.numerics import activate
from moedsl.ops.plain import Activation
from moedsl.ops.records import Slots
from moedsl.ops.registry import register


@register("experts", "glu")
class GluExperts(Op):
    """A bank of gated experts (SwiGLU by default), as in Mixtral and what followed it."""

    num_experts: int = field(ge=1, effect="params", description="How many experts there are.")
    d_ff: int = field(ge=1, effect="params", description="Width of each expert's hidden layer, after gating.")
    act: Activation = field("silu", effect="numerics", description="Activation of the gate.")
    bias: bool = field(False, effect="params", description="Add learned biases, which start at zero.")
    dropout: float = field(0.0, ge=0, lt=1, effect="training", description="Dropout on the hidden layer, in training.")
    init: Initialiser | None = field(
        None, component="init", effect="init", description="How weights start; left out, each like a linear layer."
    )

    paper = "Jiang et al. 2024, section 2.1, arXiv 2401.04088"

    def sizes(self, given: Sizes) -> dict[str, int]:
        return {"num_experts": self.num_experts, "d_ff": self.d_ff, "gated_d_ff": 2 * self.d_ff}

    def parameters(self, sizes: Sizes) -> dict[str, Param]:
        d_model, share = sizes["d_model"], sizes["top_k"] / self.num_experts
        w_in = weight_start(self.init, (self.num_experts, 2 * self.d_ff, d_model))
        w_out = weight_start(self.init, (self.num_experts, d_model, self.d_ff))
        params = {
            "w_in": Param(axes=("num_experts", "gated_d_ff", "d_model"), init=w_in, per_token=share),
            "w_out": Param(axes=("num_experts", "d_model", "d_ff"), init=w_out, per_token=share),
        }
        if self.bias:
            params["b_in"] = Param(axes=("num_experts", "gated_d_ff"), init=ZEROS, per_token=share)
            params["b_out"] = Param(axes=("num_experts", "d_model"), init=ZEROS, per_token=share)
        return params

    def cost(self, sizes: Sizes, seq: int) -> Cost:
        return Cost(flops=6.0 * sizes["d_model"] * self.d_ff * rows_per_token(sizes, seq))

    def forward(self, p: Any, slots: Slots) -> Any:
        gate, up = expert_linear(slots.x, p.w_in, p.b_in if self.bias else None, slots.ends_E).chunk(2, dim=-1)
        hidden = F.dropout(activate(self.act, gate) * up, self.dropout, training=p.training)
        return expert_linear(hidden, p.w_out, p.b_out if self.bias else None, slots.ends_E)

    def reference(self, p: dict[str, Any], expert: int, x_D: list[float]) -> list[float]:
        """One row through one expert."""
        b_in, b_out = (p["b_in"][expert], p["b_out"][expert]) if self.bias else (None, None)
        packed = plain.affine(p["w_in"][expert], x_D, b_in)
        gate, up = packed[: self.d_ff], packed[self.d_ff :]
        hidden = [plain.activation(self.act, g) * u for g, u in zip(gate, up, strict=True)]
        return plain.affine(p["w_out"][expert], hidden, b_out)
