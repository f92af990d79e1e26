"""What dispatches share: fetching each assignment's result, and the reference of a mixture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moedsl.ops import plain

Expert = Callable[[int, list[float]], list[float]]
"""Applies the expert of that number to a row."""


def gather_rows(y: Any, row_TK: Any) -> Any:
    """`y_TKD`: for each assignment the row of `y_RD` or `y_ECD` that holds its result."""
    rows = y if y.dim() == 2 else y.flatten(0, 1)
    return rows.index_select(0, row_TK.flatten()).unflatten(0, row_TK.shape)


def mixture(x_D: list[float], experts_K: list[int], weights_K: list[float], expert: Expert) -> list[float]:
    """One token's weighted sum of its experts' results; all zeros without experts."""
    return plain.weighted_sum([0.0, *weights_K], [x_D, *(expert(e, x_D) for e in experts_K)])
