"""Carries while a stack is wired: who wrote a channel last, and what its first reader gets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from moedsl.checker.bind import Bound
from moedsl.diagnostics import Report
from moedsl.ir.graph import Use, Value
from moedsl.ops.base import Carry, Op, Sizes


@dataclass(frozen=True, slots=True)
class _State:
    """What the next reader of a channel gets."""

    value: Value
    carry: Carry | None = None
    """As its writer declares it; none for a start value, which takes the reader's shape."""
    sizes: Mapping[str, int] = field(default_factory=dict)
    """What its writer saw."""


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
        self._current[channel] = _State(value)

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
        for channel in bound.op.reads():
            state = self._current.get(channel)
            if state is None:
                self._missing(bound, channel, path)
                continue
            if state.carry is not None:
                self._compare(bound, channel, path, sizes, state)
            uses.append(Use(value=state.value, role="carry", keyword=channel))
        return tuple(uses)

    def write(self, op: Op, node: str, sizes: Sizes) -> tuple[str, ...]:
        """Make the node the last writer of those channels it writes that some op reads; their names."""
        written = {channel: carry for channel, carry in op.writes().items() if channel in self._read}
        for channel, carry in written.items():
            self._current[channel] = _State(Value(node=node, port=channel), carry, dict(sizes))
        return tuple(written)

    def _compare(self, bound: Bound, channel: str, path: str, sizes: Sizes, state: _State) -> None:
        """Refuse a state whose writer has other sizes than its reader."""
        op, wanted = bound.op, bound.op.reads()[channel]
        assert state.carry is not None, channel
        named = (*(axis for axis in wanted.shape if isinstance(axis, str)), *wanted.agree)
        expected, given = _facts(wanted, named, sizes), _facts(state.carry, named, state.sizes)
        unequal = next((name for name in expected if given.get(name, expected[name]) != expected[name]), None)
        if unequal is None:
            return
        self.report.add(
            "E0502",
            f"`{op.kind} {op.keyword}` reads the carry `{channel}` with {unequal} {expected[unequal]}, "
            f"and `{state.value.node}` leaves it with {given[unequal]}",
            bound.block.keyword_span or bound.block.span,
            help="give both layers the same sizes and a kind that fits the other",
            note=wanted.description or None,
            path=path,
        )

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


LENGTHS = {"S": "the call's positions", "L": "the cached positions and the call's"}


def _facts(carry: Carry, named: Iterable[str], sizes: Sizes) -> dict[str, object]:
    """What a carry is on one side, in words: its sizes of these names, and what it has rows for."""
    lengths = [LENGTHS[axis] for axis in carry.shape if isinstance(axis, str) and axis in LENGTHS]
    facts: dict[str, object] = {f"`{name}`": sizes[name] for name in named if name in sizes}
    return {**facts, "rows for": lengths[0]} if lengths else facts


def _walk(bound: Bound) -> Iterator[Bound]:
    for child in bound.children:
        yield child
        yield from _walk(child)
