"""The order in which blocks are read: a shuffle that is computed one number at a time.

A permutation of a corpus larger than memory would not fit into memory either. A Feistel network on a block's number is
a bijection whatever its round function is, and numbers that fall outside the range go through it again.
"""

from __future__ import annotations

import hashlib

import numpy as np

_ROUNDS = 4
_MIX = np.uint64(0x9E3779B97F4A7C15)


def seed_of(*parts: int) -> int:
    """A 63-bit seed from a run's seed and whatever tells one use of it from another."""
    text = ":".join(map(str, parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def shuffled(index: np.ndarray, *, count: int, seed: int) -> np.ndarray:
    """Where each of these numbers stands in a shuffle of `range(count)`."""
    half = max(1, ((count - 1).bit_length() + 1) // 2)
    keys = [np.uint64(seed_of(seed, turn)) for turn in range(_ROUNDS)]
    values = _feistel(index.astype(np.uint64), half, keys)
    while (outside := values >= count).any():
        values[outside] = _feistel(values[outside], half, keys)
    return values.astype(np.int64)


def _feistel(values: np.ndarray, half: int, keys: list[np.uint64]) -> np.ndarray:
    width, mask = np.uint64(half), np.uint64((1 << half) - 1)
    left, right = values >> width, values & mask
    for key in keys:
        left, right = right, left ^ (_hash(right ^ key) & mask)
    return (left << width) | right


def _hash(values: np.ndarray) -> np.ndarray:
    """Mix 64 bits: multiplications wrap around on purpose."""
    values = (values ^ (values >> np.uint64(30))) * _MIX
    values = (values ^ (values >> np.uint64(27))) * _MIX
    return values ^ (values >> np.uint64(31))
