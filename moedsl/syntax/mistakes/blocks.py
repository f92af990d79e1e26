"""Blocks, lists and comments as other languages write them."""

from __future__ import annotations

from moedsl.syntax.brackets import is_balanced
from moedsl.syntax.lalr import END
from moedsl.syntax.mistakes.mend import Mend
from moedsl.syntax.notes import unsafe
from moedsl.syntax.place import Place
from moedsl.syntax.tokens import Token


def block_by_indentation(place: Place) -> Mend | None:
    """`model Tiny:` and deeper lines below, as in Python and YAML."""
    token, follows = place.token, place.ahead()
    if token.kind != "COLON" or not place.ends_line or "LBRACE" not in place.expected:
        return None
    indent = place.indent(token)
    if follows.kind == END or place.indent(follows) <= indent:
        return None
    stop = next(i for i in range(place.at + 1, len(place.tokens)) if _ends_block(place, i, indent))
    inside, last = place.tokens[place.at + 1 : stop], place.tokens[stop - 1]
    closer = Token("RBRACE", "}", last.end, last.end)
    end = place.source.span(last.end, last.end)
    return Mend(
        code="E0118",
        message="a block stands in braces; indentation means nothing",
        span=place.span(token),
        help="write `{` here and `}` after the block",
        fixes=unsafe("use braces", (place.span(token), " {"), (end, f"\n{' ' * (indent - 1)}}}")),
        start=place.at,
        stop=stop,
        tokens=(token._replace(kind="LBRACE", text="{"), *inside, closer) if is_balanced(inside) else None,
    )


def _ends_block(place: Place, at: int, indent: int) -> bool:
    token = place.tokens[at]
    if token.kind == END:
        return True
    return place.starts_line(token, place.tokens[at - 1]) and place.indent(token) <= indent


def dash_list(place: Place) -> Mend | None:
    """`- sparse`, a list as in YAML."""
    if place.token.kind != "MINUS" or not place.is_on_new_line or not place.could_start:
        return None
    if place.ahead().kind == "MINUS":
        return None
    return Mend(
        code="E0118",
        message="a list stands in square brackets; a dash at the front of a line means nothing",
        span=place.span(place.token),
        help="write `[a, b, c]`",
        tokens=None,
    )
