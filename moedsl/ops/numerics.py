"""Tensor helpers that ops of several kinds share."""

from __future__ import annotations

from typing import Any

from moedsl.lazy import F, torch

MILLION = 1_000_000
"""Capacity factors count to six decimals."""


def slots_per_expert(num_assignments: int, num_experts: int, *, millionths: int, step: int) -> int:
    """How many assignments each expert takes at a capacity factor, rounded up, in whole numbers only."""
    even = MILLION * num_experts
    slots = (num_assignments * millionths + even - 1) // even
    return (slots + step - 1) // step * step


def at_least_float32(x: Any) -> Any:
    """The tensor in float32, or as it is when it is more precise."""
    return x if x.dtype == torch.float64 else x.float()


def promote(x: Any, like: Any) -> Any:
    """A parameter in the precision of the tensor that it meets."""
    return x.to(like.dtype)


def autocasts(x: Any) -> bool:
    """Whether autocast is on for the device of this tensor."""
    device = x.device.type
    return device != "meta" and torch.is_autocast_enabled(device)


def float32_linear(x: Any, weight: Any, bias: Any = None) -> Any:
    """`x W^T + b` in float32 or better, also under autocast: routing must not depend on bfloat16 rounding."""
    x, weight = at_least_float32(x), at_least_float32(weight)
    bias = None if bias is None else at_least_float32(bias)
    if not autocasts(x):
        return F.linear(x, weight, bias)
    with torch.autocast(x.device.type, enabled=False):
        return F.linear(x, weight, bias)


def float32_matmul(a: Any, b: Any) -> Any:
    """`a @ b` in float32 or better, also under autocast, for statistics that must not be rounded."""
    a, b = at_least_float32(a), at_least_float32(b)
    if not autocasts(a):
        return a @ b
    with torch.autocast(a.device.type, enabled=False):
        return a @ b


def grouped_linear(x_RD: Any, weight_EFD: Any, ends_E: Any) -> Any:
    """`x W_e^T` for rows sorted by expert; expert e's rows end at `ends_E[e]`. Follows autocast like a linear layer."""
    if autocasts(x_RD):
        dtype = torch.get_autocast_dtype(x_RD.device.type)
        x_RD, weight_EFD = x_RD.to(dtype), weight_EFD.to(dtype)
    if torch._C._are_functorch_transforms_active():
        return _every_expert_linear(x_RD, weight_EFD, ends_E)
    return torch.ops.moedsl.grouped_linear(x_RD, weight_EFD, ends_E)


def expert_of_rows(x_RD: Any, ends_E: Any) -> Any:
    """For rows sorted by expert, whose row each one is."""
    rows_R = torch.arange(x_RD.shape[0], device=ends_E.device, dtype=ends_E.dtype)
    if torch._C._are_functorch_transforms_active():  # under vmap, searchsorted warns about the layout that vmap chose
        return (rows_R[:, None] >= ends_E).sum(-1)
    return torch.searchsorted(ends_E, rows_R, right=True)


def _every_expert_linear(x_RD: Any, weight_EFD: Any, ends_E: Any) -> Any:
    """The same under torch.func, which custom operators with gradients do not support: all rows meet all experts."""
    owner_R1 = expert_of_rows(x_RD, ends_E)[:, None]
    results = [F.linear(x_RD, weight_FD) for weight_FD in weight_EFD.unbind(0)]
    return sum(torch.where(owner_R1 == e, y_RF, 0.0) for e, y_RF in enumerate(results))


def activate(name: str, x: Any) -> Any:
    """Apply the activation of that name: relu, silu, gelu (exact), gelu_tanh."""
    if name == "gelu_tanh":
        return F.gelu(x, approximate="tanh")
    return {"relu": F.relu, "silu": F.silu, "gelu": F.gelu}[name](x)
