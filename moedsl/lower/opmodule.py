"""An op as a leaf module: its parameters, and its tensor function applied to them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from moedsl.ir.graph import Node, ParamSpec
from moedsl.ops.base import Op

FIXED_DTYPES = {"int": torch.int64, "bool": torch.bool}
"""Types that do not follow the precision of the model."""


class OpModule(nn.Module):
    """Calls one function of an op with itself as `p`: parameters and buffers are its attributes."""

    def __init__(self, op: Op, *, call: str = "forward") -> None:
        super().__init__()
        self.op = op
        self.call = call

    def forward(self, *inputs: Any, **context: Any) -> Any:
        return getattr(self.op, self.call)(self, *inputs, **context)

    def extra_repr(self) -> str:
        return repr(self.op) if self.call == "forward" else f"{self.op!r}.{self.call}"


def op_module(node: Node, *, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> OpModule:
    """The module of a node, its tensors allocated and not yet filled. Ties are made by the model."""
    module = OpModule(node.op, call=node.call)
    for spec in node.params:
        name = spec.path.removeprefix(f"{node.name}.")
        tensor = _allocate(spec, device="meta" if spec.tied_to else device, dtype=dtype)
        if spec.trainable:
            module.register_parameter(name, nn.Parameter(tensor))
        else:
            module.register_buffer(name, tensor)
    return module


def _allocate(spec: ParamSpec, *, device: torch.device | str | None, dtype: torch.dtype | None) -> Tensor:
    """Memory for a parameter, not yet filled."""
    return torch.empty(spec.shape, device=device, dtype=FIXED_DTYPES.get(spec.dtype, dtype))
