"""How we measure: two things in turn, in one run, so that a busy machine slows both and the ratio stays."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

SPECS = Path("specs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One number and what it is measured against."""

    name: str
    value: float
    limit: float | None = None
    """The most it may be; none for a number that is only reported."""
    unit: str = "x"
    spread: tuple[float, float] | None = None
    """The quartiles, where it was measured several times."""
    detail: str = ""

    @property
    def holds(self) -> bool:
        """Whether the number is within its limit."""
        return self.limit is None or self.value <= self.limit

    def __str__(self) -> str:
        spread = f" ({_number(self.spread[0])} to {_number(self.spread[1])})" if self.spread else ""
        limit = "" if self.limit is None else f"{'at most' if self.holds else 'OVER'} {_number(self.limit)}"
        return f"{self.name:<44} {_number(self.value):>9} {self.unit:<3} {limit:<14}{spread} {self.detail}".rstrip()


_LAUNCH = """
import os, sys, time
start = time.perf_counter()
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(pid, 0)
print()
print(time.perf_counter() - start, usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""
"""Starts a command from a small process: a child counts the memory of what it was forked from as its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """What a finished process used."""

    seconds: float
    peak_mb: float
    output: str


def ratio(
    name: str,
    ours: Callable[[], object],
    peer: Callable[[], object],
    *,
    pairs: int = 15,
    limit: float | None = None,
    detail: str = "",
    clock: Callable[[], float] = time.perf_counter,
) -> Result:
    """The median over pairs of the time of `ours` by the time of `peer`, each pair run one right after the other.

    Args:
        name: What it is called in the report.
        ours: What we promise something about.
        peer: What it is compared with.
        pairs: How many pairs; which of the two goes first alternates. One pair before them is thrown away.
        limit: The most the ratio may be.
        detail: What else the reader should know.
        clock: `time.process_time` for work in one thread of this process: it does not count what others use.
    """
    ratios = [_pair(ours, peer, clock, ours_first=i % 2 == 0) for i in range(pairs + 1)][1:]
    low, _, high = quantiles(ratios, n=4)
    return Result(name=name, value=median(ratios), limit=limit, spread=(low, high), detail=detail)


def _pair(
    ours: Callable[[], object], peer: Callable[[], object], clock: Callable[[], float], *, ours_first: bool
) -> float:
    first, second = (ours, peer) if ours_first else (peer, ours)
    took = seconds(first, clock), seconds(second, clock)
    return took[0] / took[1] if ours_first else took[1] / took[0]


def seconds(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """How long a call takes."""
    start = clock()
    work()
    return clock() - start


def python(*arguments: str) -> Process:
    """Run a fresh interpreter to its end."""
    command = [sys.executable, *arguments]
    launch = [sys.executable, "-S", "-c", _LAUNCH, *command]
    done = subprocess.run(launch, capture_output=True, text=True, check=False, env=_with_bytecode())
    if done.returncode:
        raise subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)
    output, _, figures = done.stdout.rstrip().rpartition("\n")
    took, peak = figures.split()
    scale = 2**20 if sys.platform == "darwin" else 2**10
    return Process(seconds=float(took), peak_mb=int(peak) / scale, output=output)


def _with_bytecode() -> dict[str, str]:
    """The environment, in which Python may keep the bytecode that an installed package has."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def moedsl(*arguments: str) -> Process:
    """Run one command of ours in a fresh interpreter."""
    return python("-m", "moedsl", *arguments)


def largest_spec() -> Path:
    """The file in `specs/` with the most text."""
    return max(sorted(SPECS.glob("*.moe")), key=lambda path: path.stat().st_size)


def machine() -> str:
    """The machine in one line."""
    cores = os.cpu_count() or 1
    return (
        f"{_processor()}, {cores} cores, {_memory():.0f} GiB, {platform.system()}, Python {platform.python_version()}"
    )


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def _memory() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
