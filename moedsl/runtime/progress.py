"""What a run shows while it works: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

_LINE_EVERY = 10.0
"""Seconds between plain lines."""


class Watcher(Protocol):
    """Whoever is told how a run goes."""

    def preparing(self, what: str, done: int, total: int) -> None:
        """The data is being prepared."""
        ...

    def training(self, step: int, steps: int, shown: Mapping[str, Any]) -> None:
        """Steps were done; `shown` has loss, tokens_per_second and, with experts, balance."""
        ...

    def note(self, text: str) -> None:
        """Something worth a line of its own."""
        ...


class Silent:
    """Shows nothing."""

    def preparing(self, what: str, done: int, total: int) -> None:
        """Ignore it."""

    def training(self, step: int, steps: int, shown: Mapping[str, Any]) -> None:
        """Ignore it."""

    def note(self, text: str) -> None:
        """Ignore it."""


class Lines:
    """A plain line now and then."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next = 0.0
        self._started: tuple[float, int] | None = None

    def preparing(self, what: str, done: int, total: int) -> None:
        """Only the beginning of each thing."""
        if done == 0 or self._due():
            self.note(f"{what} {done / max(1, total):.0%}" if done else what)

    def training(self, step: int, steps: int, shown: Mapping[str, Any]) -> None:
        """At most every few seconds, and at the end."""
        now = time.monotonic()
        self._started = self._started or (now, step)
        if step == steps or self._due():
            self.note(f"step {step}/{steps}  {describe(shown)}{self._left(now, step, steps)}")

    def _left(self, now: float, step: int, steps: int) -> str:
        assert self._started is not None, "set before the first line"
        begun, first = self._started
        return f"  ETA {(now - begun) / (step - first) * (steps - step):.0f} s" if step > first else ""

    def note(self, text: str) -> None:
        """Print it."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _due(self) -> bool:
        if time.monotonic() < self._next:
            return False
        self._next = time.monotonic() + _LINE_EVERY
        return True


class Bar:
    """A progress bar with loss, speed, time left and expert balance. Use it as a context manager."""

    def __init__(self, console: Console) -> None:
        columns = (
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TextColumn("{task.fields[shown]}", markup=False),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        self._progress = Progress(*columns, console=console, expand=True, refresh_per_second=4)
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Bar:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def preparing(self, what: str, done: int, total: int) -> None:
        """One bar for each thing."""
        self._update(what, done, total, "")

    def training(self, step: int, steps: int, shown: Mapping[str, Any]) -> None:
        """The bar of the run."""
        self._update("training", step, steps, describe(shown))

    def note(self, text: str) -> None:
        """Print it above the bar."""
        self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _update(self, name: str, done: int, total: int, shown: str) -> None:
        if name not in self._tasks:
            for other in self._tasks.values():
                self._progress.update(other, visible=False)
            self._tasks[name] = self._progress.add_task(name, total=total, completed=done, shown=shown)
        self._progress.update(self._tasks[name], completed=done, total=total, shown=shown)


def describe(shown: Mapping[str, Any]) -> str:
    """`loss 2.31  12,034 tok/s  balance 96%`."""
    words = [f"loss {shown['loss']:.3f}", f"{shown['tokens_per_second']:,.0f} tok/s"]
    if "balance" in shown:
        words.append(f"balance {shown['balance']:.0%}")
    return "  ".join(words)
