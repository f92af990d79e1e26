"""What dispatches share: fetching each assignment's result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Expert = Callable[[int, list[float]], list[float]]
"""Applies the expert of that number to a row; for references."""


def gather_rows(y: Any, row_TK: Any) -> Any:
    """`y_TKD`: for each assignment the row of `y_RD` or `y_ECD` that holds its result."""
    rows = y if y.dim() == 2 else y.flatten(0, 1)
    return rows.index_select(0, row_TK.flatten()).unflatten(0, row_TK.shape)
