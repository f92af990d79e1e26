"""Carries while a stack is wired: who wrote a channel last, and what its first reader gets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from moedsl.checker.bind import Bound
from moedsl.diagnostics import Report
from moedsl.ir.graph import Use, Value


@dataclass(slots=True)
class Carries:
    """The channels of the stack being wired. They end with the stack: another one has other tokens."""

    report: Report
    _current: dict[str, Value] = field(default_factory=dict)
    """What the next reader of each channel gets."""

    def open(self, stack: Bound) -> Iterator[str]:
        """Channels that some layer reads before any writes them, and that start with zeros."""
        written: set[str] = set()
        for bound in _walk(stack):
            for channel, carry in bound.op.reads().items():
                if channel not in written and carry.start == "zeros":
                    written.add(channel)
                    yield channel
            written.update(bound.op.writes())

    def start(self, channel: str, value: Value) -> None:
        """Give a channel its zeros."""
        self._current[channel] = value

    def close(self) -> None:
        """End all channels with their stack."""
        self._current.clear()

    def read(self, bound: Bound, path: str) -> tuple[Use, ...]:
        """What the op gets of each channel it reads, by keyword."""
        uses = []
        for channel in bound.op.reads():
            if channel in self._current:
                uses.append(Use(value=self._current[channel], role="carry", keyword=channel))
            else:
                self._missing(bound, channel, path)
        return tuple(uses)

    def write(self, bound: Bound, node: str) -> tuple[str, ...]:
        """Make the node the last writer of what it writes; the channels' names."""
        channels = tuple(bound.op.writes())
        self._current.update((c, Value(node=node, port=c)) for c in channels)
        return channels

    def _missing(self, bound: Bound, channel: str, path: str) -> None:
        op = bound.op
        self.report.add(
            "E0501",
            f"`{op.kind} {op.keyword}` reads the carry `{channel}`, which no earlier layer writes",
            bound.block.keyword_span or bound.block.span,
            help="start at a later layer, behind one that writes it",
            note=op.reads()[channel].description or None,
            path=path,
        )


def _walk(bound: Bound) -> Iterator[Bound]:
    for child in bound.children:
        yield child
        yield from _walk(child)
