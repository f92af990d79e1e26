"""Operators on values: exact, with units, and with words for what does not go together."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from moedsl.checker.hir import Bytes
from moedsl.checker.limits import MAX_BITS, MAX_LIST
from moedsl.checker.values import Bare, Items, Quotient, RangeValue, Time, is_number, is_whole, show, what
from moedsl.syntax import ast

COUNTS = {"k": 10**3, "M": 10**6, "B": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
BYTES = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
TIMES = {"ms": Fraction(1, 1000), "s": Fraction(1)}
MAX_LITERAL = 400
"""Digits, and the largest exponent, of a number as written."""

_UNITS = {"": "a plain number", "bytes": "a number of bytes", "time": "a time"}


class Refused(Exception):
    """An operation that has no result: a code, the words, and a way out."""

    def __init__(self, code: str, message: str, help: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.help = code, message, help


# ---- literals


def literal(node: ast.Number) -> object:
    """The value of a number as written."""
    _, _, exponent = node.text.lower().partition("e")
    if len(node.text) > MAX_LITERAL or abs(int(exponent or 0)) > MAX_LITERAL:
        raise Refused("E0307", "this number is too large or too precise to compute with", "write a smaller one")
    value = Fraction(node.text)
    if node.unit in BYTES:
        return Bytes(value=_whole(value * BYTES[node.unit], node))
    if node.unit in TIMES:
        return Time(seconds=value * TIMES[node.unit])
    if node.unit:
        return _whole(value * COUNTS[node.unit], node)
    return value if "." in node.text else normal(value)


def _whole(value: Fraction, node: ast.Number) -> int:
    if value.denominator == 1:
        return int(value)
    what = "bytes" if node.unit in BYTES else "things"
    raise Refused("E0303", f"`{node.text}{node.unit}` is no whole number of {what}", "write the number in full")


def normal(value: int | Fraction) -> int | Fraction:
    """The number as an `int` where it is whole."""
    return int(value) if value.denominator == 1 else value


# ---- operators


def binary(operator: str, left: object, right: object) -> object:
    """The result of an operator, other than `and` and `or`."""
    if operator in ("..", "..="):
        return _range(left, right, closed=operator == "..=")
    if operator in ("==", "!="):
        return _equal(left, right) == (operator == "==")
    if operator in _COMPARE:
        return _COMPARE[operator](*_same_unit(operator, left, right)[:2])
    if isinstance(left, Items) or isinstance(right, Items):
        return _list(operator, left, right)
    return _bounded(_ARITHMETIC[operator](left, right))


def negative(value: object) -> object:
    """`-x`."""
    amount, unit = _amount("-", value)
    return _with_unit(-amount, unit)


def _amount(operator: str, value: object) -> tuple[int | Fraction, str]:
    """A number without its unit, and the unit."""
    if isinstance(value, Bytes):
        return value.value, "bytes"
    if isinstance(value, Time):
        return value.seconds, "time"
    if is_number(value):
        assert isinstance(value, int | Fraction)
        return value, ""
    raise Refused("E0301", f"`{operator}` works on numbers, not on {what(value)}")


def _with_unit(amount: int | Fraction, unit: str) -> object:
    if unit == "time":
        return Time(seconds=Fraction(amount))
    if unit == "":
        return normal(amount)
    if amount.denominator == 1:
        return Bytes(value=int(amount))
    raise Refused("E0303", f"{show(amount)} is not a whole number of bytes", "use `//` to round down")


def _same_unit(operator: str, left: object, right: object) -> tuple[int | Fraction, int | Fraction, str]:
    (a, unit), (b, other) = _amount(operator, left), _amount(operator, right)
    if unit != other:
        words = f"`{operator}` mixes {_UNITS[unit]} with {_UNITS[other]}"
        raise Refused("E0304", words, "give both the same unit")
    return a, b, unit


def _add(left: object, right: object) -> object:
    a, b, unit = _same_unit("+", left, right)
    return _with_unit(a + b, unit)


def _subtract(left: object, right: object) -> object:
    a, b, unit = _same_unit("-", left, right)
    return _with_unit(a - b, unit)


def _multiply(left: object, right: object) -> object:
    (a, unit), (b, other) = _amount("*", left), _amount("*", right)
    if unit and other:
        raise Refused("E0304", f"`*` multiplies {_UNITS[unit]} by {_UNITS[other]}", "make one of them a plain number")
    return _with_unit(a * b, unit or other)


def _divisible(operator: str, left: object, right: object) -> tuple[int | Fraction, int | Fraction, str]:
    """Dividend, divisor, and the unit of the quotient."""
    (a, unit), (b, other) = _amount(operator, left), _amount(operator, right)
    if other and unit != other:
        words = f"`{operator}` divides {_UNITS[unit]} by {_UNITS[other]}"
        raise Refused("E0304", words, "give both the same unit, or divide by a plain number")
    if b == 0:
        raise Refused("E0306", f"`{operator}` divides {show(left)} by zero", "make the divisor other than zero")
    return a, b, "" if other else unit


def _divide(left: object, right: object) -> object:
    a, b, unit = _divisible("/", left, right)
    quotient = Fraction(a) / Fraction(b)
    if quotient.denominator == 1 or unit:
        return _with_unit(quotient, unit)
    return Quotient.of(a, b)


def _floor(left: object, right: object) -> object:
    a, b, unit = _divisible("//", left, right)
    return _with_unit(a // b, unit)


def _modulo(left: object, right: object) -> object:
    a, b, unit = _same_unit("%", left, right)
    if b == 0:
        raise Refused("E0306", f"`%` divides {show(left)} by zero", "make the divisor other than zero")
    return _with_unit(a % b, unit)


def _power(left: object, right: object) -> object:
    (base, unit), (exponent, other) = _amount("**", left), _amount("**", right)
    if unit or other:
        raise Refused("E0304", "`**` works on plain numbers", "leave the unit out")
    if exponent.denominator != 1:
        return _root(base, exponent)
    if base == 0 and exponent < 0:
        raise Refused("E0306", "zero has no negative power", "make the base other than zero")
    if abs(exponent) * _bits(base) > MAX_BITS and base not in (0, 1, -1):
        raise _too_large()
    return normal(Fraction(base) ** int(exponent))


def _root(base: int | Fraction, exponent: int | Fraction) -> Fraction:
    """A power that is no fraction in general: to the precision of a float."""
    if base < 0:
        raise Refused("E0301", f"`{show(base)} ** {show(exponent)}` is no real number", "make the base positive")
    try:
        return Fraction(float(base) ** float(exponent))
    except (OverflowError, ZeroDivisionError):
        raise _too_large() from None


_ARITHMETIC: dict[str, Callable[[object, object], object]] = {
    "+": _add,
    "-": _subtract,
    "*": _multiply,
    "/": _divide,
    "//": _floor,
    "%": _modulo,
    "**": _power,
}
_COMPARE: dict[str, Callable[[int | Fraction, int | Fraction], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def _bits(value: int | Fraction) -> int:
    return max(value.numerator.bit_length(), value.denominator.bit_length())


def _bounded(value: object) -> object:
    amount = value.value if isinstance(value, Bytes) else value.seconds if isinstance(value, Time) else value
    assert isinstance(amount, int | Fraction), value
    if _bits(amount) > MAX_BITS:
        raise _too_large()
    return value


def _too_large() -> Refused:
    return Refused("E0307", f"the result needs more than {MAX_BITS} bits", "keep numbers smaller")


# ---- ranges, lists, equality


def _range(left: object, right: object, *, closed: bool) -> RangeValue:
    for end in (left, right):
        if not is_whole(end):
            raise Refused("E0301", f"a range goes between whole numbers, not {show(end)}")
    assert isinstance(left, int)
    assert isinstance(right, int)
    return RangeValue(start=left, stop=right, closed=closed)


def _list(operator: str, left: object, right: object) -> Items:
    if operator == "+" and isinstance(left, Items) and isinstance(right, Items):
        _check_length(len(left) + len(right))
        return Items.of([*left, *right])
    items, times = (left, right) if isinstance(left, Items) else (right, left)
    if operator != "*" or not is_whole(times):
        wanted = "another list" if operator == "+" else "a whole number" if operator == "*" else "anything"
        other = right if isinstance(left, Items) else left
        raise Refused("E0301", f"a list has no `{operator}` with {what(other)}", _LIST_HELP.get(wanted))
    assert isinstance(items, Items)
    assert isinstance(times, int)
    if times < 0:
        raise Refused("E0301", f"a list cannot be repeated {times} times", "repeat it zero times or more")
    _check_length(len(items) * times)
    return Items.of(list(items) * times)


_LIST_HELP = {
    "another list": "put the other value in brackets to append it",
    "a whole number": "multiply it by a whole number to repeat it",
}


def _check_length(length: int) -> None:
    if length > MAX_LIST:
        raise Refused("E0309", f"this list would have {show(length)} items, and {MAX_LIST:,} is the most")


def _equal(left: object, right: object) -> bool:
    if left is None or right is None:
        return left is right
    if isinstance(left, Bare) and isinstance(right, Bare):
        return left.text == right.text
    if _is_amount(left) and _is_amount(right):
        a, b, _ = _same_unit("==", left, right)
        return a == b
    if type(left) is not type(right) or not isinstance(left, str | bool | Items | RangeValue):
        raise Refused("E0301", f"{what(left)} cannot be compared with {what(right)}")
    if isinstance(left, Items) and isinstance(right, Items):
        return len(left) == len(right) and all(_equal(a, b) for a, b in zip(left, right, strict=True))
    return left == right


def _is_amount(value: object) -> bool:
    return is_number(value) or isinstance(value, Bytes | Time)
