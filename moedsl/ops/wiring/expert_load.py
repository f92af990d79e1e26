"""How many assignments each expert got: what balance plots and metrics are made of."""

from __future__ import annotations

from typing import Any

from moedsl.lazy import torch
from moedsl.ops.base import Op, field
from moedsl.ops.records import Routing
from moedsl.ops.registry import register


@register("wiring", "expert_load")
class ExpertLoad(Op):
    """Assignments per expert in this call, int64 [E]."""

    num_experts: int = field(ge=1, effect="execution", description="How many experts there are.")

    def forward(self, p: Any, routing: Routing) -> Any:
        experts_R = routing.experts_TK.flatten()
        return experts_R.new_zeros(self.num_experts).scatter_add(0, experts_R, torch.ones_like(experts_R))

    def reference(self, p: Any, experts_TK: list[list[int]]) -> list[int]:
        """Counted one by one."""
        chosen = [e for token in experts_TK for e in token]
        return [chosen.count(e) for e in range(self.num_experts)]
