"""Carries while a stack is wired: who wrote a channel last, and what its first reader gets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from moedsl.checker.bind import Bound
from moedsl.diagnostics import Report
from moedsl.ir.graph import Use, Value
from moedsl.ops.base import Carry, Op, Sizes


@dataclass(frozen=True, slots=True)
class _State:
    """What the next reader of a channel gets."""

    value: Value
    sizes: Mapping[str, int]
    """What its writer saw; nothing for a start value, which takes the reader's shape."""


@dataclass(slots=True)
class Carries:
    """The channels of the stack being wired. They end with the stack: another one has other tokens."""

    report: Report
    _current: dict[str, _State] = field(default_factory=dict)
    _read: set[str] = field(default_factory=set)
    """Channels that some op of the stack reads; nobody writes the others."""

    def open(self, stack: Bound) -> Iterator[str]:
        """Channels that some layer reads before any writes them, and that start with zeros."""
        self._read = {channel for bound in _walk(stack) for channel in bound.op.reads()}
        written: set[str] = set()
        for bound in _walk(stack):
            for channel, carry in bound.op.reads().items():
                if channel not in written and carry.start == "zeros":
                    written.add(channel)
                    yield channel
            written.update(bound.op.writes())

    def start(self, channel: str, value: Value) -> None:
        """Give a channel its zeros."""
        self._current[channel] = _State(value, {})

    def close(self) -> None:
        """End all channels with their stack."""
        self._current.clear()
        self._read.clear()

    def are_read(self, *channels: str) -> bool:
        """Whether some op of the stack reads one of these."""
        return not self._read.isdisjoint(channels)

    def read(self, bound: Bound, path: str, sizes: Sizes) -> tuple[Use, ...]:
        """What the op gets of each channel it reads, by keyword."""
        uses = []
        for channel, carry in bound.op.reads().items():
            state = self._current.get(channel)
            if state is None:
                self._missing(bound, channel, path)
                continue
            self._compare(bound, channel, path, _sized(carry, sizes), state)
            uses.append(Use(value=state.value, role="carry", keyword=channel))
        return tuple(uses)

    def write(self, op: Op, node: str, sizes: Sizes) -> tuple[str, ...]:
        """Make the node the last writer of those channels it writes that some op reads; their names."""
        channels = tuple(channel for channel in op.writes() if channel in self._read)
        self._current.update((c, _State(Value(node=node, port=c), dict(sizes))) for c in channels)
        return channels

    def _compare(self, bound: Bound, channel: str, path: str, expected: Mapping[str, int], state: _State) -> None:
        """Refuse a state whose writer has other sizes than its reader."""
        op, writer = bound.op, state.value.node
        for size, wanted in expected.items():
            given = state.sizes.get(size, wanted)
            if given != wanted:
                self.report.add(
                    "E0502",
                    f"`{op.kind} {op.keyword}` reads the carry `{channel}` with `{size} = {wanted}`, "
                    f"and `{writer}` leaves it with {given}",
                    bound.block.keyword_span or bound.block.span,
                    help=f"give both layers the same `{size}`",
                    note=op.reads()[channel].description or None,
                    path=path,
                )
                return

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


def _sized(carry: Carry, sizes: Sizes) -> dict[str, int]:
    """The named sizes on which a writer and a reader of the carry must agree."""
    names = (*(axis for axis in carry.shape if isinstance(axis, str)), *carry.agree)
    return {name: sizes[name] for name in names if name in sizes}


def _walk(bound: Bound) -> Iterator[Bound]:
    for child in bound.children:
        yield child
        yield from _walk(child)
