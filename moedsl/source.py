"""Text of one file and places in it.

A `Span` is a pair of character offsets and the file they belong to, so one message can point into two files. Lines and
columns are computed when somebody asks: most spans are never shown.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple


class Position(NamedTuple):
    """A place that a person can find: 1-based line, 1-based column in characters."""

    line: int
    column: int


@dataclass(eq=False, kw_only=True)
class SourceFile:
    """A text and the name to show for it."""

    path: str
    """What messages print: as the user wrote it, `<stdin>`, or `<text>`."""
    text: str
    """The whole text with `\\n` line ends; a byte-order mark is already removed."""

    @cached_property
    def _starts(self) -> list[int]:
        starts, at = [0], self.text.find("\n")
        while at >= 0:
            starts.append(at + 1)
            at = self.text.find("\n", at + 1)
        return starts

    def position(self, offset: int) -> Position:
        """Line and column of a character offset."""
        line = bisect_right(self._starts, offset) - 1
        return Position(line + 1, offset - self._starts[line] + 1)

    def utf16_column(self, offset: int) -> int:
        """0-based column in UTF-16 units, as editors count."""
        start = self._starts[bisect_right(self._starts, offset) - 1]
        return len(self.text[start:offset].encode("utf-16-le")) // 2

    def line(self, number: int) -> str:
        """The text of a 1-based line, without its end."""
        start = self._starts[number - 1]
        end = self.text.find("\n", start)
        return self.text[start:] if end < 0 else self.text[start:end]

    @property
    def num_lines(self) -> int:
        """How many lines the text has."""
        return len(self._starts)

    def span(self, start: int, end: int) -> Span:
        """The span from one character offset up to another."""
        return Span(file=self, start=start, end=end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Part of a file: characters `start` up to `end`."""

    file: SourceFile = field(repr=False)
    start: int
    end: int

    @property
    def text(self) -> str:
        """The characters themselves."""
        return self.file.text[self.start : self.end]

    @property
    def position(self) -> Position:
        """Where it starts."""
        return self.file.position(self.start)

    @property
    def end_position(self) -> Position:
        """Where it ends: one past the last character."""
        return self.file.position(self.end)

    def to(self, other: Span) -> Span:
        """From the start of this span to the end of another one in the same file."""
        return Span(file=self.file, start=self.start, end=other.end)

    def __str__(self) -> str:
        return f"{self.file.path}:{self.position.line}:{self.position.column}"
