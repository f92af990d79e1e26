"""Tensor helpers that ops of several kinds share."""

from __future__ import annotations

from typing import Any

from moedsl.lazy import F, torch


def at_least_float32(x: Any) -> Any:
    """The tensor in float32, or as it is when it is more precise."""
    return x if x.dtype == torch.float64 else x.float()


def float32_linear(x: Any, weight: Any, bias: Any = None) -> Any:
    """`x W^T + b` in float32 or better, also under autocast: routing must not depend on bfloat16 rounding."""
    with torch.autocast(x.device.type, enabled=False):
        bias = None if bias is None else at_least_float32(bias)
        return F.linear(at_least_float32(x), at_least_float32(weight), bias)


def activate(name: str, x: Any) -> Any:
    """Apply the activation of that name: relu, silu, gelu (exact), gelu_tanh."""
    if name == "gelu_tanh":
        return F.gelu(x, approximate="tanh")
    return {"relu": F.relu, "silu": F.silu, "gelu": F.gelu}[name](x)
