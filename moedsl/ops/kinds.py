"""The kinds of op, and what `forward` of each takes and returns.

A kind is a contract; an op is one file in the kind's folder. `p` comes first in every call, carries and context come by
keyword. An op that writes carries returns `(result, {name: state})`, one that uses `cache` returns `(result, cache)`,
one that does both returns `(result, {name: state}, cache)`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of op."""

    folder: str
    """Where its ops live, below `moedsl/ops`."""
    plural: str
    """For messages."""
    takes: str
    returns: str
    summary: str


KINDS: dict[str, Kind] = {
    "embedding": Kind(
        folder="embeddings",
        plural="embeddings",
        takes="tokens_BS",
        returns="x_BSD",
        summary="Turns what comes in into the residual stream.",
    ),
    "position": Kind(
        folder="positions",
        plural="positions",
        takes="x_BSD, positions_S",
        returns="x_BSD",
        summary="Adds where a token stands to the stream.",
    ),
    "norm": Kind(folder="norms", plural="norms", takes="x_BSD", returns="x_BSD", summary="Rescales each position."),
    "attention": Kind(
        folder="attention",
        plural="attentions",
        takes="x_BSD",
        returns="y_BSD",
        summary="Mixes positions.",
    ),
    "ffn": Kind(
        folder="ffn",
        plural="feed-forward layers",
        takes="x_BSD or x_TD",
        returns="the same shape",
        summary="Transforms each position with dense weights; also the shared experts of a MoE.",
    ),
    "router": Kind(
        folder="routers",
        plural="routers",
        takes="x_TD",
        returns="Routing(experts_TK int, weights_TK, logits_TE, scores_TE)",
        summary="Decides which experts a token uses, and how much of each.",
    ),
    "dispatch": Kind(
        folder="dispatch",
        plural="dispatches",
        takes="x_TD, routing; `combine` takes y_RD, slots, routing, x_TD",
        returns="Slots(x_RD or x_ECD, counts_E, …); `combine` returns u_TD",
        summary="Moves tokens to their experts, and combines what comes back.",
    ),
    "experts": Kind(
        folder="experts",
        plural="experts",
        takes="slots",
        returns="y_RD or y_ECD, shaped like the slots' x",
        summary="The bank of routed experts, weights packed over the first axis.",
    ),
    "momentum": Kind(
        folder="momentum",
        plural="momenta",
        takes="x_BSD, u_BSD, velocity=…; with `shifts_input`, `lookahead` takes x_BSD and the carries",
        returns="(x_BSD, {velocity: …})",
        summary="Replaces the residual addition by a step with a velocity carried through depth.",
    ),
    "merging": Kind(
        folder="merging",
        plural="mergings",
        takes="x_BSD, routing, experts' weights",
        returns="y_BSD",
        summary="Merges experts into one before they are applied.",
    ),
    "loss": Kind(
        folder="losses",
        plural="losses",
        takes="routing",
        returns="a scalar, already weighted",
        summary="An auxiliary loss of a router: returned, never stored.",
    ),
    "head": Kind(
        folder="heads",
        plural="heads",
        takes="x_BSD",
        returns="logits_BSV",
        summary="Turns the stream into what comes out.",
    ),
    "init": Kind(
        folder="init",
        plural="initialisations",
        takes="shape",
        returns="Init",
        summary="How parameters start; a value, written `init = normal(std = 0.02)`.",
    ),
    "wiring": Kind(
        folder="wiring",
        plural="wirings",
        takes="values",
        returns="values",
        summary="Plumbing that the builder adds: additions, reshapes, zero states. Not written by users.",
    ),
    "data": Kind(
        folder="data", plural="data sources", takes="-", returns="-", summary="Where a recipe's text comes from."
    ),
    "tokenizer": Kind(
        folder="tokenizers", plural="tokenizers", takes="-", returns="-", summary="How text becomes token ids."
    ),
    "optimizer": Kind(
        folder="optimizers", plural="optimizers", takes="-", returns="-", summary="How parameters are updated."
    ),
    "schedule": Kind(
        folder="schedules", plural="schedules", takes="step", returns="factor", summary="How the learning rate moves."
    ),
    "block": Kind(
        folder="blocks",
        plural="blocks",
        takes="-",
        returns="-",
        summary="What holds ops: model, stack, layer, moe, recipe; their own fields and slots.",
    ),
}
