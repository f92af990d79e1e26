"""One line a diagnostic, for a narrow screen or a grep."""

from __future__ import annotations

from collections.abc import Iterable

from moedsl.diagnostics import Diagnostic
from moedsl.render.plain import visible


def render_concise(diagnostics: Iterable[Diagnostic]) -> str:
    """`specs/a.moe:7:27: error[E0601]: …`, one a line."""
    return "\n".join(map(_line, diagnostics))


def _line(diagnostic: Diagnostic) -> str:
    place = f"{diagnostic.span}: " if diagnostic.span else ""
    return visible(f"{place}{diagnostic.severity}[{diagnostic.code}]: {diagnostic.message}")
