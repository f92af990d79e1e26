"""Dispatch into a grid of fixed size: every expert takes at most C assignments.

Papers: Lepikhin et al. 2021, GShard, section 2.2 (arXiv 2006.16668); Riquelme et al. 2021, V-MoE, section 2
(arXiv 2106.05974) for `priority = choice`. Axes: T tokens, K top_k, E experts, C capacity, D d_model.

    C = ceil(capacity_factor T K / E), rounded up to a multiple of `round_to`
    x_ECD = the first C assignments of each expert, padded with zeros
    u_t = sum over k of weights[t, k] * (y of its slot, or what `dropped` says)

The factor counts to six decimals. C is computed in whole numbers: a float would fix it to one T under torch.export.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import Any, ClassVar, Literal

from moedsl.lazy import torch
from moedsl.ops import plain
from moedsl.ops.base import Op, Scope, Sizes, field
from moedsl.ops.dispatch._shared import Expert, counts, gather_rows, grid_rows, inverse
from moedsl.ops.numerics import MILLION, slots_per_expert
from moedsl.ops.records import Routing, Slots
from moedsl.ops.registry import register


@register("dispatch", "capacity")
class Capacity(Op):
    """Gives each expert the same number of slots and drops assignments that find none.

    With `priority = token` a token's slots depend on the tokens before it, in its sequence and in earlier sequences of
    the batch, so no future is seen, but a decoder fed one token at a time drops fewer than one fed the whole sequence.
    """

    capacity_factor: float = field(
        1.25, gt=0, effect="numerics", description="Slots per expert, as a multiple of an even share of assignments."
    )
    eval_capacity_factor: float | None = field(
        None, gt=0, effect="numerics", description="The same outside training; left out, `capacity_factor`."
    )
    round_to: int = field(
        1, ge=1, effect="numerics", description="Round the slots per expert up to a multiple of this."
    )
    priority: Literal["token", "choice"] = field(
        "token",
        effect="numerics",
        description="Who comes first: earlier tokens with all choices, or first choices of all tokens.",
    )
    dropped: Literal["zero", "passthrough"] = field(
        "zero", effect="numerics", description="What a dropped assignment gives: nothing, or the token itself."
    )

    paper = "Lepikhin et al. 2021, section 2.2, arXiv 2006.16668"
    examples: ClassVar = (
        {"capacity_factor": 0.5, "dropped": "passthrough"},
        {"capacity_factor": 0.5, "priority": "choice"},
        {"eval_capacity_factor": 0.3, "round_to": 2},
    )

    def reach(self) -> Scope:
        return "prefix" if self.priority == "token" else "batch"

    def sizes(self, given: Sizes) -> dict[str, int]:
        """What the experts' cost depends on, in training."""
        return {"capacity_millionths": round(self.capacity_factor * MILLION), "capacity_step": self.round_to}

    def capacity(self, num_assignments: int, num_experts: int, *, training: bool) -> int:
        """Slots per expert."""
        factor = self.capacity_factor if training else self.eval_capacity_factor or self.capacity_factor
        return slots_per_expert(num_assignments, num_experts, millionths=round(factor * MILLION), step=self.round_to)

    def forward(self, p: Any, x_TD: Any, routing: Routing) -> Slots:
        num_experts, experts_TK = routing.logits_TE.shape[-1], routing.experts_TK
        capacity = self.capacity(experts_TK.shape[0] * experts_TK.shape[1], num_experts, training=p.training)
        queue_R = (experts_TK.t() if self.priority == "choice" else experts_TK).flatten()
        order_R, counts_E = queue_R.argsort(stable=True), counts(queue_R, num_experts)
        ends_E = counts_E.cumsum(0)
        starts_E = ends_E - counts_E
        x_ECD = self._grid(x_TD, order_R, starts_E, ends_E, capacity)
        rank_R = inverse(order_R) - starts_E.index_select(0, queue_R)
        row_R = queue_R * capacity + rank_R.clamp_max(capacity - 1)
        return Slots(x_ECD, None, self._by_token(row_R, experts_TK), self._by_token(rank_R < capacity, experts_TK))

    def _grid(self, x_TD: Any, order_R: Any, starts_E: Any, ends_E: Any, capacity: int) -> Any:
        """Each expert's run of the sorted assignments, cut or padded to its slots."""
        place_EC = starts_E[:, None] + torch.arange(capacity, device=x_TD.device)
        assignment_EC = order_R[place_EC.clamp_max(order_R.shape[0] - 1)]
        num_tokens = x_TD.shape[0]
        top_k = order_R.shape[0] // num_tokens
        token_EC = assignment_EC % num_tokens if self.priority == "choice" else assignment_EC // top_k
        return torch.where((place_EC < ends_E[:, None])[..., None], x_TD[token_EC], 0.0)

    def _by_token(self, queued_R: Any, like_TK: Any) -> Any:
        """From the order of the queue back to `[T, K]`."""
        if self.priority == "choice":
            return queued_R.unflatten(0, like_TK.t().shape).t()
        return queued_R.unflatten(0, like_TK.shape)

    def combine(self, p: Any, y_ECD: Any, slots: Slots, routing: Routing, x_TD: Any) -> Any:
        """Each token's weighted sum, with `dropped`'s answer where it found no slot."""
        instead = x_TD[:, None] if self.dropped == "passthrough" else 0.0
        y_TKD = torch.where(slots.kept_TK[..., None], gather_rows(grid_rows(y_ECD), slots.row_TK), instead)
        return (y_TKD * routing.weights_TK[..., None]).sum(1)

    def reference(self, p: dict[str, Any], x_TD: list[Any], routing: dict[str, Any], expert: Expert) -> list[Any]:
        """The mixture, one token at a time, outside training."""
        kept, rows = self._kept(routing), []
        for t, x_D in enumerate(x_TD):
            instead = x_D if self.dropped == "passthrough" else [0.0] * len(x_D)
            chosen = routing["experts_TK"][t]
            answers = [expert(e, x_D) if (t, k) in kept else instead for k, e in enumerate(chosen)]
            rows.append(plain.weighted_sum(routing["weights_TK"][t], answers))
        return rows

    def _kept(self, routing: dict[str, Any]) -> set[tuple[int, int]]:
        """Assignments (t, k) that find a slot as they queue up one by one."""
        experts_TK, num_experts = routing["experts_TK"], len(routing["logits_TE"][0])
        queue = [(t, k) for t, chosen in enumerate(experts_TK) for k in range(len(chosen))]
        if self.priority == "choice":
            queue.sort(key=lambda assignment: (assignment[1], assignment[0]))
        factor = self.eval_capacity_factor or self.capacity_factor
        slots = ceil(ceil(Fraction(str(factor)) * len(queue) / num_experts) / self.round_to) * self.round_to
        taken, kept = [0] * num_experts, set()
        for t, k in queue:
            taken[experts_TK[t][k]] += 1
            if taken[experts_TK[t][k]] <= slots:
                kept.add((t, k))
        return kept
