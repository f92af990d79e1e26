"""The diagonal metric of Elliptical Attention: how much each channel of the values changed since the layer below.

Axes: B batch, H heads, S sequence, N head size. It is taken in float32 or better, and a constant to the gradient.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Literal

from moedsl.lazy import torch
from moedsl.ops.base import Carry, Problem
from moedsl.ops.numerics import at_least_float32

Normalize = Literal["max", "mean", "none"]

METRIC = Carry(shape=("B", "num_heads", "Q", "head_dim"), description="The metric, of each query or of all alike.")


def required(carries: dict[str, Carry], *channels: str) -> dict[str, Carry]:
    """These of the carries that an attention leaves, as one that needs an attention before it reads them."""
    return {channel: replace(carries[channel], start="required") for channel in channels}


def change(values: Any, below: Any) -> Any:
    """`|v - v'|`, detached."""
    return (at_least_float32(values.detach()) - at_least_float32(below.detach())).abs()


def normalized(metric: Any, by: Normalize, floor: float) -> Any:
    """Each head's metric over its largest or its mean channel; ones where even that has not moved."""
    if by == "none":
        return metric
    size = metric.amax(-1, keepdim=True) if by == "max" else metric.mean(-1, keepdim=True)
    return torch.where(size > floor, metric / size.clamp_min(floor), 1.0)


def no_running_median(statistic: str, scope: str) -> Iterable[Problem]:
    """The problem of a median that would have to keep the whole past."""
    if statistic == "median" and scope == "prefix":
        yield Problem(
            code="E0606",
            message="`statistic = median` needs all tokens at once, which `prefix` does not keep",
            field="statistic",
            help="take the `mean`, or let `scope` be `sequence`",
        )


def plain_normalized(metric: list[float], by: Normalize, floor: float) -> list[float]:
    """The same for one head of a reference."""
    size = {"max": max(metric), "mean": sum(metric) / len(metric), "none": 1.0}[by]
    return [m / size for m in metric] if size > floor else [1.0] * len(metric)


def plain_statistic(rows: list[list[float]], statistic: str) -> list[float]:
    """The mean of rows, channel by channel, or their lower median."""
    if statistic == "median":
        return [sorted(channel)[(len(rows) - 1) // 2] for channel in zip(*rows, strict=True)]
    return [sum(channel) / len(rows) for channel in zip(*rows, strict=True)]
