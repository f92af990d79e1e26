"""Diagnostics with the source they speak of, for people.

The source stands as it was written, with the place marked by `^` and further places by `-`; below it come the note,
the help, the fixes with the lines they would leave, and where to read more.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from moedsl.codes import slug
from moedsl.diagnostics import Diagnostic, Fix
from moedsl.render.plain import columns, visible
from moedsl.source import Span

MIN_WIDTH = 40
_STYLES = {"error": "1;31", "warning": "1;33", "mark": "1;31", "label": "1;34", "frame": "1;34", "bold": "1"}


def render_text(diagnostics: Iterable[Diagnostic], color: bool, width: int) -> str:
    """All diagnostics, with an empty line between them.

    Args:
        diagnostics: What was found, in the order to show.
        color: Whether to use a terminal's colours.
        width: How many columns there are; long lines of source are cut around the place, prose is wrapped.
    """
    messages = (_Message(diagnostic, color=color, width=max(width, MIN_WIDTH)) for diagnostic in diagnostics)
    return "\n\n".join("\n".join(message.lines()) for message in messages)


class _Mark(NamedTuple):
    span: Span
    text: str
    sign: str
    """`^` for the place itself, `-` for places that explain it."""


class _Message:
    """One diagnostic on its way to text."""

    def __init__(self, diagnostic: Diagnostic, *, color: bool, width: int) -> None:
        self._diagnostic = diagnostic
        self._color = color
        self._width = width
        primary = [_Mark(diagnostic.span, "", "^")] if diagnostic.span else []
        self._marks = primary + [_Mark(label.span, label.text, "-") for label in diagnostic.labels]
        self._gutter = max((len(str(mark.span.position.line)) for mark in self._marks), default=0) + 1

    def lines(self) -> Iterator[str]:
        diagnostic = self._diagnostic
        head = self._styled(f"{diagnostic.severity}[{diagnostic.code}]", diagnostic.severity)
        yield f"{head}{self._styled(f': {visible(diagnostic.message)}', 'bold')}"
        yield from self._source()
        if diagnostic.note:
            yield from self._prose("note", diagnostic.note)
        if diagnostic.help:
            yield from self._prose("help", diagnostic.help)
        for fix in diagnostic.fixes:
            yield from self._fix(fix)
        if slug(diagnostic.code):
            yield from self._prose("explain", f"moedsl explain {diagnostic.code}")

    # ---- source

    def _source(self) -> Iterator[str]:
        files = {id(mark.span.file): mark.span.file for mark in self._marks}
        for position, (key, file) in enumerate(files.items()):
            marks = [mark for mark in self._marks if id(mark.span.file) == key]
            place = marks[0].span
            arrow = "-->" if position == 0 else ":::"
            yield f"{' ' * self._gutter}{self._styled(arrow, 'frame')} {visible(str(place))}"
            if file.text:
                yield self._frame("", "|")
                yield from self._lines_of(marks)

    def _lines_of(self, marks: list[_Mark]) -> Iterator[str]:
        by_line = sorted(marks, key=lambda mark: mark.span.position.line)
        for number, group in groupby(by_line, key=lambda mark: mark.span.position.line):
            on_line = sorted(group, key=lambda mark: mark.sign != "^")
            text = on_line[0].span.file.line(number)
            cut = self._cut(text, on_line[0].span)
            yield self._frame(str(number), "|", cut.of(text))
            for mark in on_line:
                yield self._frame("", "|", self._underline(mark, text, cut))

    def _underline(self, mark: _Mark, line: str, cut: _Cut) -> str:
        start = mark.span.position.column - 1
        same_line = mark.span.end_position.line == mark.span.position.line
        end = mark.span.end_position.column - 1 if same_line else len(line)
        left = columns(cut.of(line[:start]))
        length = columns(cut.of(line[: max(start, end)])) - left
        sign = mark.sign * max(1, length)
        text = f"{sign} {visible(mark.text)}" if mark.text else sign
        return " " * left + self._styled(text, "mark" if mark.sign == "^" else "label")

    def _cut(self, line: str, span: Span) -> _Cut:
        """Which part of a line to show: all of it, or what fits around the span."""
        room = self._width - self._gutter - 3
        if columns(visible(line)) <= room:
            return _Cut(0, len(line))
        start = max(0, span.position.column - 1 - room // 3)
        return _Cut(start, start + room - 2)

    # ---- below the source

    def _prose(self, title: str, text: str) -> Iterator[str]:
        label = f"{' ' * self._gutter} = {title}: "
        room = max(self._width - len(label), MIN_WIDTH // 2)
        paragraphs = [textwrap.wrap(visible(line), room, break_on_hyphens=False) or [""] for line in text.split("\n")]
        first, *rest = [line for paragraph in paragraphs for line in paragraph]
        yield f"{' ' * self._gutter} {self._styled('=', 'frame')} {self._styled(title, 'bold')}: {first}"
        yield from (f"{' ' * len(label)}{line}" for line in rest)

    def _fix(self, fix: Fix) -> Iterator[str]:
        certain = fix.safety == "safe"
        if not (certain and fix.title == self._diagnostic.help):
            yield from self._prose("fix", fix.title if certain else f"{fix.title} (look before you apply it)")
        for number, line in _fixed_lines(fix):
            cut = (
                line
                if columns(line) <= self._width - self._gutter - 3
                else line[: self._width - self._gutter - 4] + "…"
            )
            yield self._frame(str(number), "~", cut)

    def _frame(self, number: str, bar: str, text: str = "") -> str:
        return f"{self._styled(f'{number:>{self._gutter}} {bar}'.rstrip(), 'frame')} {text}".rstrip()

    def _styled(self, text: str, style: str) -> str:
        return f"\033[{_STYLES[style]}m{text}\033[0m" if self._color and text else text


class _Cut(NamedTuple):
    """Part of a line, in characters."""

    start: int
    end: int

    def of(self, text: str) -> str:
        """The visible text of this part, with `…` where something is left out."""
        left = "…" if self.start else ""
        right = "…" if len(text) > self.end else ""
        return left + visible(text[self.start : self.end]) + right


MAX_FIXED_LINES = 3


def _fixed_lines(fix: Fix) -> list[tuple[int, str]]:
    """The lines that a fix leaves, unless they are many or in several files."""
    first, last = fix.edits[0].span, fix.edits[-1].span
    file = first.file
    start, end = first.position.line, last.end_position.line
    if any(edit.span.file is not file for edit in fix.edits) or not 0 <= end - start < MAX_FIXED_LINES:
        return []
    offset = first.start - (first.position.column - 1)
    text = "\n".join(file.line(number) for number in range(start, end + 1))
    for edit in reversed(fix.edits):
        text = text[: edit.span.start - offset] + edit.text + text[edit.span.end - offset :]
    lines = text.split("\n")
    return list(enumerate(map(visible, lines), start)) if len(lines) <= MAX_FIXED_LINES else []
