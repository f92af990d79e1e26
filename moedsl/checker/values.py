"""Values while they are computed, and what they become in the HIR.

Numbers are exact: a whole one is an `int`, any other a `Fraction`. A name that is no variable stays a `Bare` until
somebody asks what it means, because a layer template and an enum's value look alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction

from moedsl.checker import hir
from moedsl.checker.hir import Bytes, Setting
from moedsl.checker.limits import Budget
from moedsl.checker.scope import Scope
from moedsl.ir.sourcemap import Origin
from moedsl.source import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Bare:
    """A name that is no variable, and where it was written."""

    path: tuple[str, ...]
    span: Span = field(compare=False, repr=False)
    scope: Scope = field(compare=False, repr=False)

    @property
    def text(self) -> str:
        """The name as written."""
        return ".".join(self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """An argument of a call, evaluated where the call stands."""

    name: str | None
    value: object
    span: Span
    """The value's text."""
    name_span: Span
    origins: tuple[Origin, ...] = ()
    """Arguments of outer calls that the value came through."""


class Items(tuple[object, ...]):
    """A list, and how much it holds: values in values are shared, so counting them by walking could take forever."""

    weight: int
    depth: int

    @classmethod
    def of(cls, items: Iterable[object]) -> Items:
        """A list of these items."""
        made = cls(items)
        made.weight = 1 + sum(weight(i) for i in made)
        made.depth = 1 + max(map(depth, made), default=0)
        return made


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Call:
    """A component, a layer template or a selector with arguments: `normal(std = 0.02)`, `ties { … }`."""

    path: tuple[str, ...]
    arguments: tuple[Given, ...]
    span: Span
    scope: Scope
    settings: dict[str, Setting] = field(default_factory=dict)
    """From the braces."""
    weight: int = 1
    """How many values it holds, those inside values counted too."""
    depth: int = 1
    """How deep its values are nested."""

    @property
    def text(self) -> str:
        """The name that is called."""
        return ".".join(self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeValue:
    """`a..b` or `a..=b`; kept apart because a closed range may end at -1, the last."""

    start: int
    stop: int
    closed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Time:
    """A number with `ms` or `s`."""

    seconds: Fraction


class Quotient(Fraction):
    """A fraction that came from dividing two numbers; a message may name both."""

    __slots__ = ("dividend", "divisor")
    dividend: object
    divisor: object

    @classmethod
    def of(cls, dividend: int | Fraction, divisor: int | Fraction) -> Quotient:
        """The fraction of two numbers that do not divide evenly."""
        quotient = cls(Fraction(dividend) / Fraction(divisor))
        quotient.dividend, quotient.divisor = dividend, divisor
        return quotient


def weight(value: object) -> int:
    """How many values it holds, itself included."""
    return value.weight if isinstance(value, Items | Call) else 1


def depth(value: object) -> int:
    """How deep lists and components are nested in it."""
    return value.depth if isinstance(value, Items | Call) else 0


def is_number(value: object) -> bool:
    """Whether it is a plain number; `true` is none."""
    return isinstance(value, int | Fraction) and not isinstance(value, bool)


def is_whole(value: object) -> bool:
    """Whether it is a whole number."""
    return isinstance(value, int) and not isinstance(value, bool)


def show(value: object) -> str:
    """A value as a user would write it, shortened."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "none"
    if isinstance(value, int):
        return str(value) if abs(value) < 10**30 else "a number of more than 30 digits"
    if isinstance(value, Fraction):
        return f"{approximate(value):.10g}"
    if isinstance(value, str):
        return f'"{value}"' if len(value) <= 40 else f'"{value[:37]}…"'
    if isinstance(value, Items):
        return _show_list(value)
    return _show_named(value)


def _show_list(items: Items) -> str:
    """Short lists in full."""
    if len(items) > 5 or items.depth > 1:
        return f"[{len(items)} items]"
    return f"[{', '.join(map(show, items))}]"


def _show_named(value: object) -> str:
    if isinstance(value, Bare | Call):
        return value.text if isinstance(value, Bare) else f"{value.text}(…)"
    if isinstance(value, Bytes):
        return f"{value.value} bytes"
    if isinstance(value, Time):
        return f"{approximate(value.seconds):g}s"
    assert isinstance(value, RangeValue), value
    return f"{value.start}..{'=' if value.closed else ''}{value.stop}"


def what(value: object) -> str:
    """What kind of value it is, for messages."""
    if isinstance(value, bool):
        return "`true` or `false`"
    if isinstance(value, int | Fraction):
        return "a number"
    kinds: dict[type, str] = {
        type(None): "`none`",
        str: "a text",
        Items: "a list",
        Bare: "a name",
        Call: "a component",
        RangeValue: "a range",
        Bytes: "a number of bytes",
        Time: "a time",
    }
    return kinds[type(value)]


def approximate(value: int | Fraction) -> float:
    """The nearest float; infinite where there is none."""
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def note(value: object) -> str:
    """How a fraction came about, when it came from a division."""
    if not isinstance(value, Quotient):
        return ""
    return f"{show(value.dividend)} / {show(value.divisor)} is {show(value)}, which is not whole"


def settle(value: object, budget: Budget) -> object:
    """The value as the HIR holds it: plain Python, symbols and components."""
    budget.spend(None)
    if isinstance(value, Fraction):
        return approximate(value)
    if isinstance(value, Items):
        return tuple(settle(v, budget) for v in value)
    if isinstance(value, Bare):
        return hir.Symbol(text=value.text, span=value.span, scope=value.scope.variables())
    if isinstance(value, RangeValue):
        return hir.Range(start=value.start, stop=value.stop + value.closed)
    if isinstance(value, Time):
        return hir.Duration(seconds=approximate(value.seconds))
    if isinstance(value, Call):
        return _component(value, budget)
    return value


def _component(call: Call, budget: Budget) -> hir.Component:
    budget.spend(call.span, call.weight)
    named = {g.name: _argument(g, budget) for g in call.arguments if g.name is not None}
    unnamed = tuple(_argument(g, budget) for g in call.arguments if g.name is None)
    return hir.Component(keyword=call.path[-1], settings={**named, **call.settings}, arguments=unnamed, span=call.span)


def _argument(given: Given, budget: Budget) -> Setting:
    value = settle(given.value, budget)
    return Setting(
        value=value,
        span=given.span,
        name_span=given.name_span,
        origins=(*given.origins, Origin(how="written", value=value, span=given.span)),
        note=note(given.value),
    )
