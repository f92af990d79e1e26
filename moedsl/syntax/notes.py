"""What is said about text that can be parsed and still cannot be meant."""

from __future__ import annotations

from moedsl.diagnostics import Edit, Fix, Report
from moedsl.source import Span
from moedsl.syntax import ast


def safe(title: str, *edits: tuple[Span, str]) -> tuple[Fix, ...]:
    """A fix that is certainly meant."""
    return (Fix(title=title, edits=tuple(Edit(span=span, text=text) for span, text in edits), safety="safe"),)


def unsafe(title: str, *edits: tuple[Span, str]) -> tuple[Fix, ...]:
    """A fix that somebody should look at."""
    return (Fix(title=title, edits=tuple(Edit(span=span, text=text) for span, text in edits)),)


def foreign_constant(report: Report, span: Span, own: str) -> None:
    """`True`, `False` and `None` of other languages."""
    report.add(
        "E0115",
        f"`{span.text}` is written `{own}`",
        span,
        help=f"write `{own}`",
        fixes=safe(f"write `{own}`", (span, own)),
    )


def typed_argument(report: Report, entry: ast.Param) -> None:
    """`topk(k: int)` where `topk` is used, not declared."""
    report.add(
        "E0114",
        f"`{entry.span.text}` declares a parameter, and an argument is expected here",
        entry.span,
        help=f"give a value: `{entry.name.text} = …`",
    )


def unnamed_parameter(report: Report, entry: ast.Argument) -> None:
    """`model M(3)`."""
    report.add(
        "E0127",
        f"`{entry.span.text}` is no parameter: a declaration's parentheses hold names",
        entry.span,
        help="write a name, a type and perhaps a default: `pairs: int = 6`",
    )


def dotted_declaration(report: Report, path: tuple[ast.Name, ...]) -> None:
    """`router my.fast = …`."""
    span = path[0].span.to(path[-1].span)
    report.add(
        "E0127",
        f"`{span.text}` cannot be declared: the name of a declaration has no dots",
        span,
        help=f"choose a plain name, such as `{'_'.join(name.text for name in path)}`",
    )


def unknown_escape(report: Report, span: Span) -> None:
    r"""`"C:\data"`."""
    report.add(
        "E0120",
        f"`{span.text}` is no escape sequence",
        span,
        help='write `\\\\` for a backslash; the others are `\\"`, `\\n`, `\\t`, `\\r` and `\\u0041`',
        fixes=safe("double the backslash", (span, "\\" + span.text)),
    )
