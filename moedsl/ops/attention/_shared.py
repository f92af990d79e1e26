"""What attentions share: splitting heads, rotary positions, and plain-Python attention for references."""

from __future__ import annotations

from collections.abc import Iterable
from math import cos, sin
from typing import Any

from moedsl.lazy import torch
from moedsl.ops import plain
from moedsl.ops.base import Problem, Sizes
from moedsl.ops.numerics import at_least_float32


def even_heads(num_heads: int, sizes: Sizes, *, help: str) -> Iterable[Problem]:
    """The problem of heads that do not split the width evenly."""
    if sizes["d_model"] % num_heads:
        yield Problem(
            code="E0401",
            message=f"`d_model = {sizes['d_model']}` does not split evenly over `num_heads = {num_heads}`",
            field="num_heads",
            help=help,
            other="d_model",
        )


def split_heads(x: Any, num_heads: int) -> Any:
    """`x_BHSN` from `[B, S, H*N]`: heads are contiguous slices of the features."""
    return x.unflatten(-1, (num_heads, -1)).transpose(1, 2)


def join_heads(x_BHSN: Any) -> Any:
    """`[B, S, H*N]` from `x_BHSN`."""
    return x_BHSN.transpose(1, 2).flatten(2)


def rotate(x_BHSN: Any, positions_S: Any, base: float) -> Any:
    """Rotary positions: channel i of the first half turns with channel i of the second half (RoFormer, equation 34)."""
    size = x_BHSN.shape[-1]
    exact = at_least_float32(x_BHSN).dtype
    even = torch.arange(0, size, 2, device=x_BHSN.device, dtype=exact)
    angles = positions_S.to(exact)[:, None] * base ** (-even / size)
    cosine, sine = angles.cos().to(x_BHSN.dtype), angles.sin().to(x_BHSN.dtype)
    first, second = x_BHSN.chunk(2, dim=-1)
    return torch.cat((first * cosine - second * sine, second * cosine + first * sine), dim=-1)


def rotated(x_N: list[float], position: int, base: float) -> list[float]:
    """One head's vector at one position, for references."""
    half = len(x_N) // 2
    angles = [position / base ** (2 * i / len(x_N)) for i in range(half)]
    first = [x_N[i] * cos(a) - x_N[half + i] * sin(a) for i, a in enumerate(angles)]
    second = [x_N[half + i] * cos(a) + x_N[i] * sin(a) for i, a in enumerate(angles)]
    return first + second


def attend(query: list[float], keys: list[list[float]], values: list[list[float]], scale: float) -> list[float]:
    """One query's weighted sum of values, for references."""
    weights = plain.softmax([plain.dot(query, key) * scale for key in keys])
    return plain.weighted_sum(weights, values)
