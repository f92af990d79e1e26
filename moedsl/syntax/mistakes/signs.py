"""`=` and what is written in its place."""

from __future__ import annotations

from moedsl.source import Span
from moedsl.syntax import phrases
from moedsl.syntax.mistakes.mend import Mend, put_in
from moedsl.syntax.notes import safe, unsafe
from moedsl.syntax.place import VALUE_STARTS, Place
from moedsl.syntax.tokens import Token


def wrong_sign(place: Place) -> Mend | None:
    """`top_k: 2`, `top_k == 2`, `top_k := 2`, `top_k += 2`, `top_k -> 2`."""
    token = place.token
    if "EQUAL" not in place.expected or token.kind not in (
        "COLON",
        "COMPARE",
        "PLUS",
        "MINUS",
        "STAR",
        "SLASH",
        "ARROW",
    ):
        return None
    is_double = place.ahead().kind == "EQUAL" and place.ahead().start == token.end
    if not is_double and token.text not in (":", "==", "->"):
        return None
    last = place.ahead() if is_double else token
    span = place.span(token, last)
    spaced = " =" if place.back().end == token.start else "="
    return _assignment(
        place, span, 0, place.at, place.at + 1 + is_double, (token._replace(kind="EQUAL", text="="),), spaced
    )


def arrow(place: Place) -> Mend | None:
    """`top_k => 2`."""
    sign, token = place.back(), place.token
    if token.text != ">" or sign.kind != "EQUAL" or sign.end != token.start:
        return None
    return _assignment(place, place.span(sign, token), 0, place.at, place.at + 1, (), "=")


def colon_in_call(place: Place) -> Mend | None:
    """`fast(k: 2)`, where a type was expected after `:`."""
    colon, token = place.back(), place.token
    if (
        colon.kind != "COLON"
        or token.kind not in VALUE_STARTS
        or place.element is None
        or place.back(3).kind == "PARAM"
    ):
        return None
    tokens = (colon._replace(kind="EQUAL", text="="), token)
    return _assignment(place, place.span(colon), 1, place.at - 1, place.at + 1, tokens, " =")


def missing_sign(place: Place) -> Mend | None:
    """`top_k 2`."""
    name, token = place.back(), place.token
    if "EQUAL" not in place.expected or name.kind != "NAME" or place.is_on_new_line:
        return None
    if token.kind not in VALUE_STARTS - {"NAME", "LPAR", "NOT", "MINUS"}:
        return None
    gap = place.source.span(name.end, token.start)
    equal = put_in("EQUAL", "=", token)
    return Mend(
        code="E0114",
        message=f"`=` is missing between `{name.text}` and {phrases.found(token)}",
        span=place.span(name, token),
        help="set a field with `=`",
        fixes=unsafe("write `=`", (gap, " = ")),
        start=place.at,
        stop=place.at,
        tokens=(equal,),
    )


def _assignment(
    place: Place, span: Span, taken_back: int, start: int, stop: int, tokens: tuple[Token, ...], written: str
) -> Mend:
    return Mend(
        code="E0114",
        message=f"a field is set with `=`, not with `{span.text}`",
        span=span,
        help="write `=`",
        fixes=safe("write `=`", (span, written)),
        taken_back=taken_back,
        start=start,
        stop=stop,
        tokens=tokens,
    )


def equals_in_expression(place: Place) -> Mend | None:
    """`assert depth() = 12`."""
    token = place.token
    if token.kind != "EQUAL" or "COMPARE" not in place.expected:
        return None
    return Mend(
        code="E0126",
        message="two values are compared with `==`; `=` sets a field",
        span=place.span(token),
        help="write `==`",
        fixes=safe("write `==`", (place.span(token), "==")),
        start=place.at,
        stop=place.at + 1,
        tokens=(token._replace(kind="COMPARE", text="=="),),
    )


def chained_comparison(place: Place) -> Mend | None:
    """`0 <= mu < 1`."""
    token, stack = place.token, place.machine.stack
    if token.kind != "COMPARE" or len(stack) < 3:
        return None
    before, middle = stack[-2].value, stack[-1]
    if not (isinstance(before, Token) and before.kind == "COMPARE"):
        return None
    start = place.index(middle.start)
    again = place.source.text[middle.start : middle.end]
    gap = place.source.span(middle.end, token.start)
    return Mend(
        code="E0121",
        message=f"`{before.text} {again} {token.text}` compares three values at once",
        span=place.source.span(before.start, token.end),
        help=f"write `{before.text} {again} and {again} {token.text} …`",
        fixes=safe("compare twice", (gap, f" and {again} ")),
        start=place.at,
        stop=place.at,
        tokens=(put_in("AND", "and", token), *place.tokens[start : place.at]),
    )
