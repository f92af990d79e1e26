"""Projections that cases hold as one array, its rows in the order of its name: queries, keys, values."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

FUSED = re.compile(r"(?P<node>.*/)(?P<parts>(query_)?key_value)/(?P<what>weight|bias)")


def split(arrays: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The arrays, each fused one as its parts."""
    return {
        part: rows
        for name, array in arrays.items()
        for part, rows in zip(parts(name), array.chunk(len(parts(name))), strict=True)
    }


def joined(arrays: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The other way round: what is wanted, from parts."""
    found = {name: [arrays[part] for part in parts(name) if part in arrays] for name in wanted}
    return {name: torch.cat(rows) for name, rows in found.items() if len(rows) == len(parts(name))}


def parts(name: str) -> tuple[str, ...]:
    """What the parts of a fused array would be called; any other array has one part, itself."""
    match = FUSED.fullmatch(name)
    if match is None:
        return (name,)
    return tuple(f"{match['node']}{part}/{match['what']}" for part in match["parts"].split("_"))
