"""Diagnostics as data, for editors, services and scripts. Lines and columns count from 1."""

from __future__ import annotations

from moedsl.codes import slug
from moedsl.diagnostics import Diagnostic, Fix
from moedsl.source import Span


def to_json(diagnostic: Diagnostic) -> dict[str, object]:
    """One diagnostic as plain data; a finding about no place has null for its path and positions."""
    return {
        "code": diagnostic.code,
        "slug": slug(diagnostic.code),
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        **_place(diagnostic.span),
        "labels": [{**_place(label.span), "text": label.text} for label in diagnostic.labels],
        "help": diagnostic.help,
        "fixes": [_fix(fix) for fix in diagnostic.fixes],
    }


def _fix(fix: Fix) -> dict[str, object]:
    edits = [{**_place(edit.span), "text": edit.text} for edit in fix.edits]
    return {"title": fix.title, "safety": fix.safety, "edits": edits}


def _place(span: Span | None) -> dict[str, object]:
    if span is None:
        return {"path": None, "line": None, "column": None, "end_line": None, "end_column": None}
    start, end = span.position, span.end_position
    return {
        "path": span.file.path,
        "line": start.line,
        "column": start.column,
        "end_line": end.line,
        "end_column": end.column,
    }
