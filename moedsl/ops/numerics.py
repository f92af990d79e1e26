"""Tensor helpers that ops of several kinds share."""

from __future__ import annotations

from typing import Any

from moedsl.lazy import F, torch


def at_least_float32(x: Any) -> Any:
    """The tensor in float32, or as it is when it is more precise."""
    return x if x.dtype == torch.float64 else x.float()


def promote(x: Any, like: Any) -> Any:
    """A parameter in the precision of the tensor that it meets."""
    return x.to(like.dtype)


def autocasts(x: Any) -> bool:
    """Whether autocast is on for the device of this tensor."""
    device = x.device.type
    return torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)


def float32_linear(x: Any, weight: Any, bias: Any = None) -> Any:
    """`x W^T + b` in float32 or better, also under autocast: routing must not depend on bfloat16 rounding."""
    x, weight = at_least_float32(x), at_least_float32(weight)
    bias = None if bias is None else at_least_float32(bias)
    if not autocasts(x):
        return F.linear(x, weight, bias)
    with torch.autocast(x.device.type, enabled=False):
        return F.linear(x, weight, bias)


def grouped_linear(x_RD: Any, weight_EFD: Any, ends_E: Any) -> Any:
    """`x W_e^T` for rows sorted by expert; expert e's rows end at `ends_E[e]`. Follows autocast like a linear layer."""
    if autocasts(x_RD):
        dtype = torch.get_autocast_dtype(x_RD.device.type)
        x_RD, weight_EFD = x_RD.to(dtype), weight_EFD.to(dtype)
    return torch.ops.moedsl.grouped_linear(x_RD, weight_EFD, ends_E)


def activate(name: str, x: Any) -> Any:
    """Apply the activation of that name: relu, silu, gelu (exact), gelu_tanh."""
    if name == "gelu_tanh":
        return F.gelu(x, approximate="tanh")
    return {"relu": F.relu, "silu": F.silu, "gelu": F.gelu}[name](x)
