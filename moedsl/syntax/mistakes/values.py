"""Values that are not there, or that are written as elsewhere."""

from __future__ import annotations

from moedsl.syntax import phrases
from moedsl.syntax.mistakes.mend import Mend, lost, put_in
from moedsl.syntax.notes import safe, unsafe
from moedsl.syntax.place import VALUE_STARTS, Place
from moedsl.syntax.tokens import Token

_WANTS_MORE = frozenset(
    [
        "EQUAL",
        "ARROW",
        "PLUS",
        "MINUS",
        "STAR",
        "SLASH",
        "FLOOR",
        "PERCENT",
        "POWER",
        "COMPARE",
        "RANGE",
        "AND",
        "OR",
        "NOT",
    ]
)


def value_on_no_line(place: Place) -> Mend | None:
    """`d_model =` or `d_model = 2 *`, and the next statement on the next line, whose `=` or `{` does not fit."""
    if place.token.kind not in ("EQUAL", "LBRACE") or place.back().kind != "NAME":
        return None
    start = _start_of_path(place, place.at)
    name, sign = place.tokens[start], place.tokens[start - 1]
    if not start or sign.kind not in _WANTS_MORE or not place.starts_line(name, sign):
        return None
    what = (
        f"`{_left_of(place, start - 1)}` has no value" if sign.kind == "EQUAL" else f"`{sign.text}` has no right side"
    )
    return Mend(
        code="E0116",
        message=what,
        span=place.span(sign),
        help=f"write a value after `{sign.text}`",
        taken_back=sum(1 for entry in place.machine.stack[1:] if entry.start >= name.start),
        start=start,
        stop=start,
        tokens=(Token("NAME", "", sign.end, sign.end),),
    )


def _start_of_path(place: Place, end: int) -> int:
    """The index where the dotted name starts that ends before an index."""
    start = end - 1
    while start >= 2 and place.tokens[start - 1].kind == "DOT":
        start -= 2
    return max(start, 0)


def _left_of(place: Place, sign: int) -> str:
    """The name that stands before a sign."""
    return place.span(place.tokens[_start_of_path(place, sign)], place.tokens[sign - 1]).text


def unquoted_path(place: Place) -> Mend | None:
    """`import common`."""
    if place.back().kind != "IMPORT" or place.token.kind != "NAME":
        return None
    stop = place.at + 1
    while place.tokens[stop].start == place.tokens[stop - 1].end and place.tokens[stop].kind in (
        "DOT",
        "NAME",
        "SLASH",
    ):
        stop += 1
    span = place.span(place.token, place.tokens[stop - 1])
    written = f'"{span.text}"' if span.text.endswith(".moe") else f'"{span.text}.moe"'
    return Mend(
        code="E0109",
        message=f"the path of an import stands in double quotes, not `{span.text}`",
        span=span,
        help=f"write `{written}`",
        fixes=unsafe(f"write `{written}`", (span, written)),
        start=place.at,
        stop=stop,
        tokens=(Token("STRING", written, span.start, span.end),),
    )


def stars_before_argument(place: Place) -> Mend | None:
    """`fast(**settings)`."""
    if place.token.kind not in ("POWER", "STAR") or not place.wants_value or place.element is None:
        return None
    has_name = place.ahead().kind == "NAME"
    return Mend(
        code="E0117",
        message=f"`{place.token.text}` cannot unpack arguments",
        span=place.span(place.token),
        help="write each argument: `name = value`",
        start=place.at,
        stop=place.at + 1 + has_name,
        tokens=(lost(place.token),) if has_name else (),
    )


def bare_point(place: Place) -> Mend | None:
    """`.5` and `5.` as numbers."""
    point, token = place.token, place.ahead()
    if point.kind != "DOT":
        return None
    if place.wants_value and token.kind == "NUMBER" and token.start == point.end and "." not in token.text:
        written = Token("NUMBER", f"0.{token.text}", point.start, token.end)
        return _number(place, written, place.at, place.at + 2, (written,), 0)
    number = place.back()
    if number.kind != "NUMBER" or number.end != point.start:
        return None
    if token.kind == "NUMBER" and token.start == point.end:
        span = place.span(number, token)
        help = "write one decimal point, or put it in quotes"
        message = f"`{span.text}` is no number"
        return Mend(code="E0112", message=message, span=span, help=help, start=place.at, stop=place.at + 2)
    if token.start != point.end and "." not in number.text:
        return _number(
            place, Token("NUMBER", f"{number.text}.0", number.start, point.end), place.at, place.at + 1, (), 0
        )
    return None


def _number(place: Place, number: Token, start: int, stop: int, tokens: tuple[Token, ...], taken_back: int) -> Mend:
    span = place.span(number)
    return Mend(
        code="E0112",
        message=f"`{span.text}` is no number",
        span=span,
        help=f"write `{number.text}`: digits stand on both sides of the point",
        fixes=safe(f"write `{number.text}`", (span, number.text)),
        taken_back=taken_back,
        start=start,
        stop=stop,
        tokens=tokens,
    )


def missing_value(place: Place) -> Mend | None:
    """`top_k =`, `[1, , 2]`, `2 *`."""
    before, token = place.back(), place.token
    if not place.wants_value or token.kind in VALUE_STARTS:
        return None
    if before.kind == "EQUAL":
        message = f"`{_left_of(place, place.at - 1)}` has no value"
    elif before.kind == "AT":
        message = "`at` selects no layer"
    else:
        message = f"a value is missing between {phrases.found(before)} and {phrases.found(token)}"
    return Mend(
        code="E0116",
        message=message,
        span=place.span(before),
        help=f"write a value after {phrases.found(before)}",
        start=place.at,
        stop=place.at,
        tokens=(put_in("NAME", "", token)._replace(start=before.end, end=before.end),),
    )


def missing_comma(place: Place) -> Mend | None:
    """`[a b]`, `f(a b)`."""
    token = place.token
    if "COMMA" not in place.expected or token.kind not in VALUE_STARTS or place.element is None:
        return None
    end = place.source.span(place.back().end, place.back().end)
    return Mend(
        code="E0105",
        message=f"expected {phrases.expected(place.expected)}, found {phrases.found(token)}",
        span=place.span(token),
        help=f"put a comma between {phrases.found(place.back())} and {phrases.found(token)}",
        fixes=unsafe("add `,`", (end, ",")),
        start=place.at,
        stop=place.at,
        tokens=(put_in("COMMA", ",", token),),
    )
