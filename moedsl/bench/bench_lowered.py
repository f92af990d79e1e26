"""A lowered model against the same layers written by hand: what the generated code costs in eager mode."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch

from moedsl.bench.handwritten import PEER_SPEC, Peer
from moedsl.bench.measure import Result, ratio
from moedsl.runtime.compile import compile

LIMIT = 1.03


def run() -> Iterator[Result]:
    """Both hold the same weights and give the same logits; one thread, so that a busy machine slows both alike."""
    torch.set_num_threads(1)
    lowered, peer = compile(PEER_SPEC), Peer()
    peer.load_state_dict(lowered.state_dict())
    tokens = torch.randint(0, 1024, (4, 128))
    torch.testing.assert_close(lowered(tokens).logits, peer(tokens)[0])
    detail = "4 layers, d_model 256, 8 experts, top 2, 4 x 128 tokens"
    for name, work in (("forward", _forward), ("forward and backward", _forward_backward)):
        yield ratio(
            f"lowered by hand-written, {name}",
            work(lambda: lowered(tokens).logits),
            work(lambda: peer(tokens)[0]),
            pairs=40,
            limit=LIMIT,
            detail=detail,
        )


def _forward(logits: Callable[[], torch.Tensor]) -> Callable[[], Any]:
    return torch.no_grad()(logits)


def _forward_backward(logits: Callable[[], torch.Tensor]) -> Callable[[], Any]:
    return lambda: logits().sum().backward()
