"""Batches as a pure function of the step: the step is the only state that resuming needs.

`ShuffledBlocks` reads blocks in a fresh shuffle each epoch. `ParallelRows` reads on where each row stopped, for models
whose caches carry the past from one block to the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch

from moedsl.runtime.order import seed_of, shuffled


class Batch(NamedTuple):
    """What goes in and what should come out: the same tokens, one later."""

    inputs_BS: torch.Tensor
    targets_BS: torch.Tensor


class Batches(Protocol):
    """A training set."""

    def batch(self, step: int) -> Batch:
        """The batch of update `step` = 1, 2, …, on the CPU."""
        ...

    def starts_over(self, step: int) -> bool:
        """Whether the rows of this batch do not continue those of the one before."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShuffledBlocks:
    """Every block once an epoch, in an order that the seed and the epoch decide."""

    tokens: np.ndarray
    block_size: int
    batch_size: int
    seed: int

    @property
    def num_blocks(self) -> int:
        """How many blocks an epoch has."""
        return (len(self.tokens) - 1) // self.block_size

    def batch(self, step: int) -> Batch:
        """The next `batch_size` blocks."""
        epochs, within = np.divmod(np.arange((step - 1) * self.batch_size, step * self.batch_size), self.num_blocks)
        blocks = np.empty_like(within)
        for epoch in np.unique(epochs):
            mine = epochs == epoch
            blocks[mine] = shuffled(within[mine], count=self.num_blocks, seed=seed_of(self.seed, int(epoch)))
        return gather(self.tokens, blocks * self.block_size, self.block_size)

    def starts_over(self, step: int) -> bool:
        """Blocks never continue each other."""
        return True


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ParallelRows:
    """The corpus cut into `batch_size` rows that are read from left to right, again and again."""

    tokens: np.ndarray
    block_size: int
    batch_size: int

    @property
    def row_length(self) -> int:
        """Tokens per row."""
        return len(self.tokens) // self.batch_size

    @property
    def num_blocks(self) -> int:
        """Blocks per row."""
        return (self.row_length - 1) // self.block_size

    def batch(self, step: int) -> Batch:
        """The next block of each row."""
        column = (step - 1) % self.num_blocks * self.block_size
        return gather(self.tokens, np.arange(self.batch_size) * self.row_length + column, self.block_size)

    def starts_over(self, step: int) -> bool:
        """At the left end of the rows."""
        return (step - 1) % self.num_blocks == 0


def held_out(tokens: np.ndarray, *, block_size: int, batch_size: int, limit: int | None) -> Iterator[Batch]:
    """At most `limit` blocks, spread evenly over the text, in batches; the last batch may be smaller."""
    available = (len(tokens) - 1) // block_size
    count = available if limit is None else min(limit, available)
    starts = np.arange(count) * available // count * block_size
    for first in range(0, count, batch_size):
        yield gather(tokens, starts[first : first + batch_size], block_size)


def gather(tokens: np.ndarray, starts_B: np.ndarray, block_size: int) -> Batch:
    """The blocks that start at these tokens."""
    window = tokens[starts_B[:, None] + np.arange(block_size + 1)].astype(np.int64)
    rows = torch.from_numpy(window)
    return Batch(rows[:, :-1], rows[:, 1:])
