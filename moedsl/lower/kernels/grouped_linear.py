"""Linear layers of many experts in one call: `torch.ops.moedsl.grouped_linear(x_RD, weight_EFD, ends_E)`.

Rows of `x_RD` are sorted by expert; expert e owns the rows from `ends_E[e - 1]` up to `ends_E[e]`; the last end is R.

    grouped_linear:  y_RF = x_r W_e^T              for every row r of expert e
    grouped_outer:   w_EFD = sum over r of g_r x_r^T

The gradient of each is made of the other, so any order of derivative works. `F.grouped_mm` cannot be called
directly: its shape function refuses all but bfloat16, which breaks torch.compile and torch.export for other types, and
it has no float64. Here it runs inside the operator, on the devices and types that have a fused kernel; elsewhere each
expert is one matrix product.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula


@torch.library.custom_op("moedsl::grouped_linear", mutates_args=())
def grouped_linear(x_RD: Tensor, weight_EFD: Tensor, ends_E: Tensor) -> Tensor:
    """Apply each expert's weight to its own rows."""
    if _has_fused_kernel(x_RD, x_RD.shape[1], weight_EFD.shape[1]):
        return F.grouped_mm(x_RD.contiguous(), weight_EFD.transpose(1, 2), offs=ends_E)
    y_RF = x_RD.new_empty(x_RD.shape[0], weight_EFD.shape[1])
    for (start, end), weight_FD in zip(_segments(ends_E), weight_EFD.unbind(0), strict=True):
        torch.mm(x_RD[start:end], weight_FD.t(), out=y_RF[start:end])
    return y_RF


@torch.library.custom_op("moedsl::grouped_outer", mutates_args=())
def grouped_outer(grad_RF: Tensor, x_RD: Tensor, ends_E: Tensor) -> Tensor:
    """For each expert, the sum over its rows of outer products; zero for an expert without rows."""
    if _has_fused_kernel(x_RD, x_RD.shape[1], grad_RF.shape[1]):
        return F.grouped_mm(grad_RF.contiguous().t(), x_RD.contiguous(), offs=ends_E)
    weight_EFD = x_RD.new_empty(ends_E.shape[0], grad_RF.shape[1], x_RD.shape[1])
    for (start, end), weight_FD in zip(_segments(ends_E), weight_EFD.unbind(0), strict=True):
        torch.mm(grad_RF[start:end].t(), x_RD[start:end], out=weight_FD)
    return weight_EFD


def _segments(ends_E: Tensor) -> list[tuple[int, int]]:
    return list(pairwise([0, *ends_E.tolist()]))


def _has_fused_kernel(x: Tensor, *widths: int) -> bool:
    """Whether `grouped_mm` runs without a round trip to the host: bfloat16 on Hopper or later, rows on 16 bytes."""
    if x.device.type != "cuda" or x.dtype != torch.bfloat16:
        return False
    return torch.cuda.get_device_capability(x.device) >= (9, 0) and all(width % 8 == 0 for width in widths)


@grouped_linear.register_fake
def _(x_RD: Tensor, weight_EFD: Tensor, ends_E: Tensor) -> Tensor:
    return x_RD.new_empty(x_RD.shape[0], weight_EFD.shape[1])


@grouped_outer.register_fake
def _(grad_RF: Tensor, x_RD: Tensor, ends_E: Tensor) -> Tensor:
    return x_RD.new_empty(ends_E.shape[0], grad_RF.shape[1], x_RD.shape[1])


def _keep_inputs(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _linear_backward(ctx: Any, grad_RF: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
    x_RD, weight_EFD, ends_E = ctx.saved_tensors
    needs_x, needs_weight, _ = ctx.needs_input_grad
    return (
        torch.ops.moedsl.grouped_linear(grad_RF, weight_EFD.transpose(1, 2), ends_E) if needs_x else None,
        torch.ops.moedsl.grouped_outer(grad_RF, x_RD, ends_E) if needs_weight else None,
        None,
    )


def _outer_backward(ctx: Any, grad_EFD: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
    grad_RF, x_RD, ends_E = ctx.saved_tensors
    needs_grad, needs_x, _ = ctx.needs_input_grad
    return (
        torch.ops.moedsl.grouped_linear(x_RD, grad_EFD, ends_E) if needs_grad else None,
        torch.ops.moedsl.grouped_linear(grad_RF, grad_EFD.transpose(1, 2), ends_E) if needs_x else None,
        None,
    )


grouped_linear.register_autograd(_linear_backward, setup_context=_keep_inputs)
grouped_outer.register_autograd(_outer_backward, setup_context=_keep_inputs)


@register_flop_formula(torch.ops.moedsl.grouped_linear)
def _(x_shape: tuple[int, int], weight_shape: tuple[int, int, int], ends_shape: object, **_: object) -> int:
    return 2 * x_shape[0] * weight_shape[1] * weight_shape[2]


@register_flop_formula(torch.ops.moedsl.grouped_outer)
def _(grad_shape: tuple[int, int], x_shape: tuple[int, int], ends_shape: object, **_: object) -> int:
    return 2 * x_shape[0] * x_shape[1] * grad_shape[1]
