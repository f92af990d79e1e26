"""The functions of the language: pure, and few. What they take is checked here."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from moedsl.checker.arithmetic import Refused, binary
from moedsl.checker.values import Items, RangeValue, is_number, is_whole, show, what

Values = list[object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """One function, and how many arguments it takes."""

    apply: Callable[[Values], object]
    usage: str
    takes: tuple[int, ...] = ()
    """Numbers of arguments; empty for any number but zero."""


def call(name: str, arguments: Values) -> object:
    """The result of a function.

    Raises:
        Refused: it does not take these arguments.
    """
    function = FUNCTIONS[name]
    allowed = not function.takes and arguments
    if len(arguments) not in function.takes and not allowed:
        raise Refused("E0212", f"`{name}` does not take {_counted(len(arguments))}", f"write `{function.usage}`")
    return function.apply(arguments)


def _counted(number: int) -> str:
    return {0: "no argument", 1: "one argument"}.get(number, f"{number} arguments")


def _extreme(operator: str) -> Callable[[Values], object]:
    """`min` and `max`: of several arguments, or of one list."""

    def apply(arguments: Values) -> object:
        first = arguments[0]
        values = list(first) if len(arguments) == 1 and isinstance(first, Items) else arguments
        if not values:
            raise Refused("E0301", "an empty list has no smallest or largest item")
        best = values[0]
        for value in values[1:]:
            best = value if binary(operator, value, best) else best
        return best

    return apply


def _sum(arguments: Values) -> object:
    (items,) = arguments
    if not isinstance(items, Items):
        raise Refused("E0301", f"`sum` adds up a list, not {what(items)}", "put the numbers in brackets")
    total: object = items[0] if items else 0
    for item in items[1:]:
        total = binary("+", total, item)
    return total


def _len(arguments: Values) -> object:
    (value,) = arguments
    if isinstance(value, Items | str):
        return len(value)
    if isinstance(value, RangeValue):
        return max(0, value.stop + value.closed - value.start)
    raise Refused("E0301", f"`len` counts the items of a list, not {what(value)}")


def _number(name: str, value: object) -> int | Fraction:
    if is_number(value):
        assert isinstance(value, int | Fraction)
        return value
    raise Refused("E0301", f"`{name}` takes a number, not {what(value)}")


def _round_up(arguments: Values) -> object:
    value, multiple = (_number("round_up", a) for a in arguments)
    if not is_whole(multiple) or multiple <= 0:
        raise Refused("E0301", f"`round_up` takes a positive whole multiple, not {show(multiple)}")
    return math.ceil(Fraction(value) / multiple) * multiple


def _sqrt(arguments: Values) -> object:
    """Exact where the root is a fraction, else to the precision of a float."""
    value = Fraction(_number("sqrt", arguments[0]))
    if value < 0:
        raise Refused("E0301", f"{show(value)} has no square root")
    above, below = math.isqrt(value.numerator), math.isqrt(value.denominator)
    if above * above == value.numerator and below * below == value.denominator:
        return binary("/", above, below)
    return binary("**", value, Fraction(1, 2))


FUNCTIONS: dict[str, Function] = {
    "min": Function(apply=_extreme("<"), usage="min(a, b)"),
    "max": Function(apply=_extreme(">"), usage="max(a, b)"),
    "sum": Function(apply=_sum, usage="sum([a, b])", takes=(1,)),
    "len": Function(apply=_len, usage="len([a, b])", takes=(1,)),
    "abs": Function(apply=lambda a: abs(_number("abs", a[0])), usage="abs(x)", takes=(1,)),
    "floor": Function(apply=lambda a: math.floor(_number("floor", a[0])), usage="floor(x)", takes=(1,)),
    "ceil": Function(apply=lambda a: math.ceil(_number("ceil", a[0])), usage="ceil(x)", takes=(1,)),
    "round_up": Function(apply=_round_up, usage="round_up(x, multiple)", takes=(2,)),
    "sqrt": Function(apply=_sqrt, usage="sqrt(x)", takes=(1,)),
}

STATICS: dict[str, tuple[str, ...]] = {
    "total_params": (),
    "active_params": (),
    "embedding_params": (),
    "flops": ("seq", "batch"),
    "kv_cache": ("batch", "seq", "dtype"),
    "weight_bytes": ("dtype",),
    "depth": (),
    "width": (),
}
"""What an `assert` may count, and the arguments of each, by keyword."""
