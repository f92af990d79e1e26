"""Types of parameters: what each accepts, and what is said to a value that does not fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from moedsl.checker import naming
from moedsl.checker.hir import POISON, Bytes
from moedsl.checker.values import Bare, Call, Items, RangeValue, is_number, is_whole, note, show
from moedsl.diagnostics import Label, Report
from moedsl.names import did_you_mean
from moedsl.ops.kinds import KINDS
from moedsl.source import Span
from moedsl.syntax import ast
from moedsl.types import FLOAT_BYTES, float_format

DTYPES = tuple(FLOAT_BYTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParamType:
    """One type: what it accepts, and in which words it asks."""

    accepts: Callable[[object, ast.TypeName], bool]
    words: str
    most: int = 0
    """How many types or names may stand in its brackets."""


def _is_choice(value: object, wanted: ast.TypeName) -> bool:
    return isinstance(value, Bare) and (not wanted.arguments or value.text in [a.name for a in wanted.arguments])


def _is_list(value: object, wanted: ast.TypeName) -> bool:
    return isinstance(value, Items) and all(_accepts(v, item) for item in wanted.arguments for v in value)


def _is_count(value: object, wanted: ast.TypeName) -> bool:
    return isinstance(value, int) and is_whole(value) and value >= 0


TYPES: dict[str, ParamType] = {
    "int": ParamType(accepts=lambda v, _: is_whole(v), words="a whole number"),
    "float": ParamType(accepts=lambda v, _: is_number(v), words="a number"),
    "bool": ParamType(accepts=lambda v, _: isinstance(v, bool), words="`true` or `false`"),
    "string": ParamType(accepts=lambda v, _: isinstance(v, str), words="a text in quotes"),
    "count": ParamType(accepts=_is_count, words="a whole number from 0 on"),
    "size": ParamType(accepts=lambda v, _: isinstance(v, Bytes), words="a number of bytes such as `48MiB`"),
    "range": ParamType(accepts=lambda v, _: isinstance(v, RangeValue), words="a range such as `2..6`"),
    "dtype": ParamType(
        accepts=lambda v, _: isinstance(v, Bare) and float_format(v.text) is not None, words="a number format"
    ),
    "choice": ParamType(accepts=_is_choice, words="a bare name", most=100),
    "layer": ParamType(accepts=lambda v, _: isinstance(v, Bare | Call), words="a layer template"),
    "component": ParamType(accepts=lambda v, _: isinstance(v, Bare | Call), words="a component", most=1),
    "list": ParamType(accepts=_is_list, words="a list", most=1),
}


def check_type(report: Report, wanted: ast.TypeName) -> bool:
    """Whether a type exists and its brackets make sense; reported where not."""
    known = TYPES.get(wanted.name)
    if known is None:
        report.add(
            "E0305",
            f"there is no type `{wanted.name}`",
            wanted.span,
            help=did_you_mean(wanted.name, TYPES) or "the types are " + ", ".join(f"`{t}`" for t in TYPES),
            fixes=naming.fixes(wanted.name, TYPES, wanted.span),
        )
        return False
    if len(wanted.arguments) > known.most:
        words = f"`{wanted.name}` takes {known.most or 'nothing'} in brackets, not {len(wanted.arguments)}"
        report.add("E0305", words, wanted.span, help="remove what is too much")
        return False
    if wanted.name == "component":
        return all(_check_kind(report, a) for a in wanted.arguments)
    return wanted.name == "choice" or all([check_type(report, a) for a in wanted.arguments])


def _check_kind(report: Report, kind: ast.TypeName) -> bool:
    if kind.name in KINDS:
        return True
    report.add("E0305", f"there is no kind of component `{kind.name}`", kind.span, help=did_you_mean(kind.name, KINDS))
    return False


def fit(report: Report, value: object, param: ast.Param, span: Span) -> object:
    """The value as the parameter's type holds it, or `POISON` where it does not fit; reported."""
    wanted = param.type
    if value is POISON or wanted is None:
        return value
    if not check_type(report, wanted):
        return POISON
    if _accepts(value, wanted):
        return Fraction(value) if wanted.name == "float" and isinstance(value, int) else value
    _report_misfit(report, value, param, wanted, span)
    return POISON


def _accepts(value: object, wanted: ast.TypeName) -> bool:
    if value is None:
        return wanted.optional
    known = TYPES.get(wanted.name)
    return known is not None and known.accepts(value, wanted)


def _report_misfit(report: Report, value: object, param: ast.Param, wanted: ast.TypeName, span: Span) -> None:
    name = param.name.text
    if isinstance(value, Bare) and wanted.name not in ("choice", "dtype", "layer", "component"):
        naming.report_undefined(report, value)
        return
    code = "E0303" if is_number(value) and wanted.name in ("int", "count") and not is_whole(value) else "E0301"
    report.add(
        code,
        f"`{name}` takes {_words(wanted)}, not `{show(value)}`",
        span,
        labels=(Label(span=param.name.span, text=f"declared as `{wanted.span.text}`"),),
        help="write a whole number, or round it with `//`" if code == "E0303" else _help(value, wanted),
        note=note(value) or None,
    )


def _words(wanted: ast.TypeName) -> str:
    """What a type asks for, with its choices."""
    words, names = TYPES[wanted.name].words, _choices(wanted)
    if names:
        return "one of " + ", ".join(f"`{n}`" for n in names)
    if wanted.name == "list" and wanted.arguments:
        return f"a `{wanted.span.text}`"
    return words


def _choices(wanted: ast.TypeName) -> Sequence[str]:
    if wanted.name == "choice":
        return [a.name for a in wanted.arguments]
    return DTYPES if wanted.name == "dtype" else ()


def _help(value: object, wanted: ast.TypeName) -> str:
    if value is None:
        return f"give a value, or declare it as `{wanted.span.text}?`"
    if isinstance(value, Bare):
        return did_you_mean(value.text, _choices(wanted)) or "use one of these names"
    if wanted.name in ("choice", "dtype") and isinstance(value, str):
        return "write the name without quotes"
    return f"write {_words(wanted)}"
