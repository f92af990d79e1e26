"""Words for names that mean nothing, or mean two things."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from moedsl.checker.functions import FUNCTIONS, STATICS
from moedsl.checker.hir import POISON, Poison
from moedsl.checker.limits import MAX_DEPTH
from moedsl.checker.scope import Module, Scope
from moedsl.checker.values import Bare
from moedsl.diagnostics import Edit, Fix, Label, Report
from moedsl.names import closest, did_you_mean
from moedsl.source import Span
from moedsl.syntax import ast


def fixes(name: str, known: Iterable[str], span: Span) -> tuple[Fix, ...]:
    """The replacement of a name by the closest known one, if any is close."""
    best = closest(name, known)
    return () if best is None else (Fix(title=f"write `{best}`", edits=(Edit(span=span, text=best),)),)


def report_undefined(report: Report, name: Bare) -> None:
    """A name that had to be a variable is none."""
    if name.scope.is_unsure():
        return
    known = name.scope.variables()
    report.add(
        "E0201",
        f"`{name.text}` is not defined",
        name.span,
        help=did_you_mean(name.text, known) or f"define it with `let {name.path[-1]} = …`",
        fixes=fixes(name.text, known, name.span),
    )


def report_unknown_function(report: Report, path: Sequence[str], span: Span) -> None:
    """A call had to be of a function and is of none."""
    name, known = ".".join(path), [*FUNCTIONS, *STATICS]
    report.add(
        "E0202",
        f"there is no function `{name}`",
        span,
        help=did_you_mean(name, known) or "the functions are " + ", ".join(f"`{f}`" for f in FUNCTIONS),
    )


def report_unknown_path(report: Report, path: Sequence[ast.Name], scope: Scope) -> Poison:
    """A dotted name leads nowhere; says which part."""
    at, known, where = _first_unknown(path, scope)
    if at is None:
        return POISON
    is_preset = at is path[0] and at.text == "std"
    help = f"write `use std.{path[1].text}` at the top of the file, then `{path[1].text}.…`" if is_preset else None
    report.add(
        "E0201",
        f"`{at.text}` is not defined{where}",
        at.span,
        help=help or did_you_mean(at.text, known) or "import the file that declares it",
        fixes=fixes(at.text, known, at.span),
    )
    return POISON


def _first_unknown(path: Sequence[ast.Name], scope: Scope) -> tuple[ast.Name | None, list[str], str]:
    """The part that is unknown, what could stand there, and in which file; no part where that is reported already."""
    named = scope.find(path[0].text)
    if named is None:
        names = [n for n, v in scope.all_names().items() if isinstance(v, Module)]
        return (None if scope.is_unsure() else path[0]), names, ""
    for before, part in pairwise(path):
        if not isinstance(named, Module):
            return part, [], f" in `{before.text}`"
        if part.text not in named.scope.names:
            return (None if named.scope.is_broken else part), list(named.scope.names), f" in `{before.text}`"
        named = named.scope.names[part.text]
    raise AssertionError(path)


def report_chain(report: Report, words: str, names: Sequence[str], span: Span, *, is_cycle: bool) -> None:
    """Definitions that build on each other do so in a circle, or in too long a row."""
    names = names[names.index(names[-1]) :] if is_cycle else names
    chain = " -> ".join(f"`{n}`" for n in (names if len(names) <= 8 else [*names[:6], "…", names[-1]]))
    if is_cycle:
        report.add("E0209", f"these {words} need each other: {chain}", span, help="let one of them do without")
    else:
        message = f"more than {MAX_DEPTH} {words} build on each other: {chain}"
        report.add("E0310", message, span, help="put some of them together")


def report_twice(report: Report, code: str, words: str, span: Span, first: Span) -> None:
    """Something stands twice where it may stand once."""
    report.add(
        code,
        f"{words} twice",
        span,
        labels=(Label(span=first, text="the first one is here"),),
        help="remove or rename one of them",
    )
