"""Carries while a stack is wired: who wrote a channel last, and what its first reader gets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from moedsl.checker.bind import Bound
from moedsl.diagnostics import Label, Report
from moedsl.ir.graph import Use, Value
from moedsl.ops.base import Carry
from moedsl.source import Span
from moedsl.types import Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class _Current:
    value: Value
    shape: Shape
    span: Span | None


@dataclass(slots=True)
class Carries:
    """The channels of the stack being wired. They end with the stack: another one has other tokens."""

    report: Report
    _current: dict[str, _Current] = field(default_factory=dict)

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
        self._current[channel] = _Current(value=value, shape=(), span=None)

    def close(self) -> None:
        """End all channels with their stack."""
        self._current.clear()

    def read(self, bound: Bound, sizes: Mapping[str, int], path: str) -> tuple[Use, ...]:
        """What the op gets of each channel it reads, by keyword."""
        uses = []
        for channel, carry in bound.op.reads().items():
            current = self._current.get(channel)
            if current is None:
                self._missing(bound, channel, path)
                continue
            shape = _resolve(carry, sizes)
            if current.shape and current.shape != shape:
                self._reshaped(bound, channel, current, shape, path)
            uses.append(Use(value=current.value, role="carry", keyword=channel))
        return tuple(uses)

    def write(self, bound: Bound, node: str, sizes: Mapping[str, int]) -> tuple[str, ...]:
        """Make the node the last writer of what it writes; the channels' names."""
        for channel, carry in bound.op.writes().items():
            self._current[channel] = _Current(
                value=Value(node=node, port=channel),
                shape=_resolve(carry, sizes),
                span=bound.block.keyword_span or bound.block.span,
            )
        return tuple(bound.op.writes())

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

    def _reshaped(self, bound: Bound, channel: str, current: _Current, shape: Shape, path: str) -> None:
        labels = (Label(span=current.span, text=f"writes {_shown(current.shape)}"),) if current.span else ()
        self.report.add(
            "E0502",
            f"the carry `{channel}` changes its shape from {_shown(current.shape)} to {_shown(shape)}",
            bound.block.keyword_span or bound.block.span,
            labels=labels,
            help="give both layers the same sizes, or keep the reader behind a writer of its own shape",
            path=path,
        )


def _walk(bound: Bound) -> Iterator[Bound]:
    for child in bound.children:
        yield child
        yield from _walk(child)


def _resolve(carry: Carry, sizes: Mapping[str, int]) -> Shape:
    return tuple(sizes.get(axis, axis) if isinstance(axis, str) else axis for axis in carry.shape)


def _shown(shape: Shape) -> str:
    return "[" + ", ".join(str(a) for a in shape) + "]"
