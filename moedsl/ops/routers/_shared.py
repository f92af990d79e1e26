"""What token-choice routers share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from moedsl.lazy import F, torch
from moedsl.ops import plain
from moedsl.ops.base import Problem, Sizes
from moedsl.ops.records import Routing


def too_many_chosen(top_k: int, sizes: Sizes) -> Iterable[Problem]:
    """The problem of choosing more experts than there are."""
    if top_k > sizes["num_experts"]:
        yield Problem(
            code="E0601",
            message=f"`top_k = {top_k}` asks for more experts than the {sizes['num_experts']} there are",
            field="top_k",
            help="lower `top_k`, or raise `num_experts`",
            other="num_experts",
        )


def jittered(p: Any, x_TD: Any, jitter: float) -> Any:
    """The router's input times a random factor near 1, in training (Switch Transformer, section 2.3)."""
    if not p.training or jitter == 0:
        return x_TD
    return x_TD * torch.empty_like(x_TD).uniform_(1 - jitter, 1 + jitter)


def softmax_over_chosen(choice_TE: Any, logits_TE: Any, top_k: int, like_TD: Any) -> Routing:
    """The largest `choice_TE` of each token, weighted by a softmax over just those; losses see `logits_TE`."""
    chosen_TK, experts_TK = choice_TE.topk(top_k, dim=-1)
    weights_TK = F.softmax(chosen_TK, dim=-1).to(like_TD.dtype)
    return Routing(experts_TK, weights_TK, logits_TE, choice_TE.softmax(-1))


def dense_softmax_over_chosen(logits_E: list[float], top_k: int) -> list[float]:
    """The same for one token of a reference: a weight for every expert, zero for those not chosen."""
    chosen = plain.largest(logits_E, top_k)
    weights = plain.softmax([logits_E[e] for e in chosen])
    return [weights[chosen.index(e)] if e in chosen else 0.0 for e in range(len(logits_E))]
