"""Where the tokens of this call stand in their sequence: after everything that is cached."""

from __future__ import annotations

from typing import Any

from moedsl.lazy import torch
from moedsl.ops.base import Cache, Op, Sizes
from moedsl.ops.registry import register


@register("wiring", "positions")
class Positions(Op):
    """`offset, offset + 1, …`, one for each of the S new tokens; the cache is the offset."""

    uses = frozenset({"cache"})

    def caches(self, sizes: Sizes) -> tuple[Cache, ...]:
        return (Cache(shape=(), dtype="int"),)

    def forward(self, p: Any, x_BS: Any, *, cache: tuple[Any] | None = None) -> tuple[Any, tuple[Any] | None]:
        positions_S = torch.arange(x_BS.shape[1], device=x_BS.device)
        if cache is None:
            return positions_S, None
        return positions_S + cache[0], (cache[0] + x_BS.shape[1],)

    def reference(self, p: Any, x_BS: list[list[int]], offset: int = 0) -> list[int]:
        """Counted one by one."""
        return [offset + i for i in range(len(x_BS[0]))]
