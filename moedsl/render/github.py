"""Diagnostics as workflow commands, which GitHub shows beside the changed lines of a pull request."""

from __future__ import annotations

from collections.abc import Iterable

from moedsl.diagnostics import Diagnostic
from moedsl.source import Span

_DATA = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_PROPERTY = {**_DATA, ":": "%3A", ",": "%2C"}


def render_github(diagnostics: Iterable[Diagnostic]) -> str:
    """`::error file=…,line=…::message`, one a line."""
    return "\n".join(map(_command, diagnostics))


def _command(diagnostic: Diagnostic) -> str:
    properties = {**_place(diagnostic.span), "title": diagnostic.code}
    listed = ",".join(f"{name}={_escaped(str(value), _PROPERTY)}" for name, value in properties.items())
    message = diagnostic.message if diagnostic.help is None else f"{diagnostic.message}\nhelp: {diagnostic.help}"
    return f"::{diagnostic.severity} {listed}::{_escaped(message, _DATA)}"


def _place(span: Span | None) -> dict[str, object]:
    if span is None:
        return {}
    start, end = span.position, span.end_position
    lines = {"file": span.file.path, "line": start.line, "endLine": end.line}
    return {**lines, "col": start.column, "endColumn": end.column} if start.line == end.line else lines


def _escaped(text: str, table: dict[str, str]) -> str:
    return "".join(table.get(character, character) for character in text)
