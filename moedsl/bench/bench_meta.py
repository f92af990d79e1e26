"""Building a model that no laptop could hold: Mixtral 8x7B on the meta device."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from moedsl.bench.bench_counting import PARAMETERS
from moedsl.bench.measure import SPECS, Result, seconds
from moedsl.runtime.compile import compile


def run() -> Iterator[Result]:
    """From the spec's text to modules with shapes and no memory."""
    built: list[torch.nn.Module] = []
    took = seconds(lambda: built.append(compile(SPECS / "mixtral_8x7b.moe", device="meta")))
    total = sum(p.numel() for p in built[0].parameters())
    assert total == PARAMETERS, f"the built model has {total:,} parameters, not {PARAMETERS:,}"
    yield Result(name="build mixtral_8x7b on meta", value=took, limit=10.0, unit="s", detail=f"{total:,} parameters")
