"""What moedsl tells a user: a stable code, a place, one line that stands alone, and a way out.

Checks never raise for a user's mistake. They add `Diagnostic`s to a `Report` and go on, so one run shows everything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from moedsl.source import Span

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A second place that explains the first."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """Replace a span by a text; an empty span inserts."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """An edit that a tool may apply: `safe` keeps the meaning or is certainly meant, `unsafe` may change it."""

    title: str
    edits: tuple[Edit, ...]
    safety: Literal["safe", "unsafe"] = "unsafe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One finding."""

    code: str
    """`E` or `W` and four digits; never changes its meaning, never reused."""
    message: str
    """One line that stands alone and names the value."""
    span: Span | None = None
    """The primary place; none only where there is no text to point at."""
    labels: tuple[Label, ...] = ()
    """At most two further places."""
    help: str | None = None
    """An instruction."""
    note: str | None = None
    """A fact that the reader may lack."""
    fixes: tuple[Fix, ...] = ()
    path: str | None = None
    """The spec path it is about: `decoder.layers.3.moe.router`."""

    @property
    def severity(self) -> Severity:
        """Read from the code's letter."""
        return "error" if self.code[0] == "E" else "warning"


@dataclass(slots=True)
class Report:
    """A growing list of findings, without repeats, up to a limit."""

    diagnostics: list[Diagnostic] = field(default_factory=list)
    limit: int = 200
    _seen: set[tuple[object, ...]] = field(default_factory=set)

    def add(
        self,
        code: str,
        message: str,
        span: Span | None = None,
        *,
        labels: tuple[Label, ...] = (),
        help: str | None = None,
        note: str | None = None,
        fixes: tuple[Fix, ...] = (),
        path: str | None = None,
    ) -> None:
        """Note one finding; the same code at the same place with the same words is kept once."""
        self.keep(
            Diagnostic(
                code=code, message=message, span=span, labels=labels, help=help, note=note, fixes=fixes, path=path
            )
        )

    def keep(self, diagnostic: Diagnostic) -> None:
        """Note a finding made elsewhere."""
        span = diagnostic.span
        key = (diagnostic.code, span and (id(span.file), span.start, span.end), diagnostic.message)
        if key in self._seen or len(self.diagnostics) >= self.limit:
            return
        self._seen.add(key)
        self.diagnostics.append(diagnostic)

    @property
    def has_errors(self) -> bool:
        """Whether any finding is an error."""
        return any(d.severity == "error" for d in self.diagnostics)

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter(self.diagnostics)


class SpecError(ValueError):
    """A spec with errors, where a result was asked for. Its text is what a person would be shown."""

    def __init__(self, text: str, diagnostics: tuple[Diagnostic, ...] = ()) -> None:
        super().__init__(text)
        self.diagnostics = diagnostics
