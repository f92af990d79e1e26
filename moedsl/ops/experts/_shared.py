"""What all banks of experts share: one linear layer per expert, on either layout of slots."""

from __future__ import annotations

from typing import Any

from moedsl.lazy import torch
from moedsl.ops.base import Sizes
from moedsl.ops.numerics import expert_of_rows, grouped_linear, slots_per_expert


def rows_per_token(sizes: Sizes, seq: int) -> float:
    """Rows that experts compute for one token: its assignments, or its share of the grid of `dispatch capacity`."""
    top_k, num_experts = sizes["top_k"], sizes["num_experts"]
    if "capacity_millionths" not in sizes:
        return top_k
    millionths, step = sizes["capacity_millionths"], sizes["capacity_step"]
    return num_experts * slots_per_expert(seq * top_k, num_experts, millionths=millionths, step=step) / seq


def expert_linear(x: Any, weight_EFD: Any, bias_EF: Any, ends_E: Any) -> Any:
    """Each expert's layer on its own rows: sorted rows `x_RD`, or a padded grid `x_ECD` where `ends_E` is none."""
    if ends_E is None:
        y_ECF = torch.bmm(x, weight_EFD.transpose(1, 2))
        return y_ECF if bias_EF is None else y_ECF + bias_EF[:, None].to(y_ECF.dtype)
    y_RF = grouped_linear(x, weight_EFD, ends_E)
    return y_RF if bias_EF is None else y_RF + bias_EF.to(y_RF.dtype).index_select(0, expert_of_rows(x, ends_E))
