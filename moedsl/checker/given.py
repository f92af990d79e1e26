"""Values that come from outside the language, by `moedsl.compile(…, d_model = 256)` or the command line."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from numbers import Integral, Real

from moedsl.checker.arithmetic import Refused
from moedsl.checker.hir import POISON, Bytes, Symbol
from moedsl.checker.limits import MAX_LIST
from moedsl.checker.scope import Scope
from moedsl.checker.values import Bare, Given, Items
from moedsl.diagnostics import Report
from moedsl.source import SourceFile, Span
from moedsl.syntax import ast

_NAMES = ("choice", "dtype", "layer", "component")
"""Types whose values are bare names in the language, and texts outside of it."""


def given_params(params: Mapping[str, object], scope: Scope, report: Report) -> tuple[Given, ...]:
    """The parameters as arguments of a call, with a text of their own to point at."""
    return tuple(_given(str(name), value, scope, report) for name, value in params.items())


def suited(given: Sequence[Given], params: Sequence[ast.Param], scope: Scope) -> tuple[Given, ...]:
    """Those that a model takes, a text as a bare name where the parameter wants one."""
    types = {p.name.text: p.type.name if p.type else "" for p in params}
    own = [g for g in given if g.name in types]
    return tuple(
        replace(g, value=Bare(path=(g.value,), span=g.span, scope=scope))
        if isinstance(g.value, str) and types[g.name or ""] in _NAMES
        else g
        for g in own
    )


def _given(name: str, value: object, scope: Scope, report: Report) -> Given:
    shown = f"{name} = {_text(value)}"
    source = SourceFile(path="<params>", text=shown)
    span = source.span(len(name) + 3, len(shown))
    try:
        found = _value(value, span, scope)
    except Refused as refused:
        report.add(refused.code, f"`{name}` {refused.message}", span, help=refused.help)
        found = POISON
    return Given(name=name, value=found, span=span, name_span=source.span(0, len(name)))


def _value(value: object, span: Span, scope: Scope) -> object:
    """A value of Python as one of the language.

    Raises:
        Refused: it is none.
    """
    if isinstance(value, Symbol):
        return Bare(path=(value.text,), span=span, scope=scope)
    if value is None or isinstance(value, bool | int | str | Bytes | Fraction):
        return value
    if isinstance(value, list | tuple) and len(value) <= MAX_LIST:
        return Items.of(_value(v, span, scope) for v in value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return _fraction(float(value))
    raise Refused("E0301", "is given as something that is no value here", "give a number, a text, true, none or a list")


def _fraction(value: float) -> Fraction:
    if math.isfinite(value):
        return Fraction(repr(value))
    raise Refused("E0301", f"is {value}, and only finite numbers are values", "give a finite number")


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "none"
    if isinstance(value, Symbol):
        return value.text
    return f'"{value}"' if isinstance(value, str) else str(value)
