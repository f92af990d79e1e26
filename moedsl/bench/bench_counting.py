"""Counting a model that no laptop could hold: Mixtral 8x7B, from its spec alone."""

from __future__ import annotations

import json
from collections.abc import Iterator

from moedsl.bench.measure import SPECS, Result, moedsl

PARAMETERS = 46_702_792_704
MEGABYTES = 300


def run() -> Iterator[Result]:
    """In a fresh process, so that its peak memory is all there is."""
    process = moedsl("cost", str(SPECS / "mixtral_8x7b.moe"), "--format", "json")
    total = json.loads(process.output)["models"][0]["total_params"]
    assert total == PARAMETERS, f"mixtral_8x7b counts {total:,} parameters, not {PARAMETERS:,}"
    detail = f"{total:,} parameters in {process.seconds:.2f} s"
    yield Result(name="memory to count mixtral_8x7b", value=process.peak_mb, limit=MEGABYTES, unit="MB", detail=detail)
