"""What dispatches share: finding and summing each token's rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moedsl.lazy import F, torch

Expert = Callable[[int, list[float]], list[float]]
"""Applies the expert of that number to a row; for references."""


def counts(experts_R: Any, num_experts: int) -> Any:
    """How many assignments each expert has."""
    return experts_R.new_zeros(num_experts).scatter_add(0, experts_R, torch.ones_like(experts_R))


def inverse(order_R: Any) -> Any:
    """The permutation that undoes `order_R`."""
    return torch.zeros_like(order_R).scatter(0, order_R, torch.arange(order_R.shape[0], device=order_R.device))


def weighted_rows(y_RD: Any, row_TK: Any, weights_TK: Any) -> Any:
    """`u_t = sum over k of weights[t, k] * y[row[t, k]]`, without holding the rows of all assignments at once."""
    if torch.compiler.is_exporting() or torch._C._are_functorch_transforms_active():
        # embedding_bag has no rule for vmap and forward-mode derivatives, and other runtimes know plain gathers better
        return (gather_rows(y_RD, row_TK) * weights_TK[..., None]).sum(1)
    return F.embedding_bag(row_TK, y_RD, per_sample_weights=weights_TK.to(y_RD.dtype), mode="sum")


def grid_rows(y_ECD: Any) -> Any:
    """The slots of all experts one after another, `[E*C, D]`."""
    if torch.compiler.is_exporting():  # a view guards on C being 1, which torch.export takes for a limit on T
        return torch.cat(y_ECD.unbind(0))
    return y_ECD.flatten(0, 1)


def gather_rows(y_RD: Any, row_TK: Any) -> Any:
    """`y_TKD`: for each assignment the row that holds its result."""
    return y_RD.index_select(0, row_TK.flatten()).unflatten(0, row_TK.shape)
