"""A cold `moedsl check` against a cold import of torch: what the torch-free front end is for."""

from __future__ import annotations

from collections.abc import Iterator

from moedsl.bench.measure import Result, largest_spec, moedsl, python, ratio


def run() -> Iterator[Result]:
    """Fresh processes, in turn."""
    spec = str(largest_spec())
    yield ratio(
        "cold `moedsl check` by `import torch`",
        lambda: moedsl("check", spec),
        lambda: python("-c", "import torch"),
        limit=0.25,
        detail=spec,
    )
