"""`python -m moedsl.bench [NAME…]`: run the benchmarks, all or those named, and fail if a promise is broken.

A benchmark is a file `bench_NAME.py` in this folder with a function `run()` that yields `Result`s.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Sequence

import moedsl.bench
from moedsl.bench.measure import SPECS, Result, machine
from moedsl.names import did_you_mean
from moedsl.version import __version__

PREFIX = "bench_"


def main(wanted: Sequence[str]) -> int:
    """Print a line for each number as it comes; 1 if one is over its limit."""
    known = [m.name.removeprefix(PREFIX) for m in pkgutil.iter_modules(moedsl.bench.__path__) if PREFIX in m.name]
    for name in wanted:
        if name not in known:
            print(f"there is no benchmark `{name}`: {did_you_mean(name, known)}", file=sys.stderr)
            return 2
    if not SPECS.is_dir():
        print("run this where `specs/` is: the root of a checkout", file=sys.stderr)
        return 3
    print(f"moedsl {__version__} on {machine()}", flush=True)
    results = [result for name in wanted or known for result in _run(name)]
    return int(not all(result.holds for result in results))


def _run(name: str) -> list[Result]:
    results = []
    for result in importlib.import_module(f"moedsl.bench.{PREFIX}{name}").run():
        print(result, flush=True)
        results.append(result)
    return results


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
