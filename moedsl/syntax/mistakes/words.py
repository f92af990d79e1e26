"""Words that are misspelt, reserved, foreign, or in the wrong place."""

from __future__ import annotations

from moedsl.names import closest
from moedsl.syntax.mistakes.mend import Mend
from moedsl.syntax.notes import safe
from moedsl.syntax.place import Place
from moedsl.syntax.tokens import Token

STATEMENT_WORDS = ("edition", "import", "use", "param", "let", "assert", "moved", "when", "at")


def misspelt_keyword(place: Place) -> Mend | None:
    """`imprt "common.moe"`."""
    first = place.tokens[place.first]
    if place.is_at_start or first.kind != "NAME" or len(first.text) < 3:
        return None
    meant = closest(first.text, STATEMENT_WORDS)
    if meant is None:
        return None
    taken_back = len(place.machine.stack) - place.head - 1
    kinds = [meant.upper(), *(token.kind for token in place.tokens[place.first + 1 : place.at + 1])]
    if place.machine.num_fitting(kinds, below=taken_back) < len(kinds):
        return None
    return Mend(
        code="E0123",
        message=f"`{first.text}` is no keyword",
        span=place.span(first),
        help=f"did you mean `{meant}`?",
        fixes=safe(f"write `{meant}`", (place.span(first), meant)),
        taken_back=taken_back,
        start=place.first,
        stop=place.first + 1,
        tokens=(first._replace(kind=meant.upper(), text=meant),),
    )


def misplaced(place: Place) -> Mend | None:
    """`import` inside a block, `edition` after the first statement."""
    token = place.token
    if token.kind not in ("EDITION", "IMPORT", "USE") or not place.could_start:
        return None
    if place.ahead().kind in ("EQUAL", "LBRACE", "DOT"):
        return None
    where = "at the front of the file" if token.kind == "EDITION" else "outside all blocks"
    return Mend(
        code="E0119",
        message=f"`{token.text}` stands {where}",
        span=place.span(token),
        help=f"move it {'to the first line' if token.kind == 'EDITION' else 'to the top of the file'}",
        tokens=None,
    )


def python_statement(place: Place) -> Mend | None:
    """`if`, `else if` and `for` of other languages."""
    token = place.token
    if token.kind == "IF" and "WHEN" in place.expected and place.ahead().kind not in ("EQUAL", "LBRACE", "DOT"):
        return _when(place, place.at, 0)
    if token.kind == "FOR" and place.could_start and place.ahead().kind == "NAME":
        help = "repeat layers with `layers = [a, b] * n`, and choose some of them with `at`"
        return Mend(code="E0125", message="there are no loops", span=place.span(token), help=help, tokens=None)
    if token.kind == "ELSE" and place.ahead().kind in ("LBRACE", "WHEN"):
        message, help = "this `else` has no `when`", "write it after the `}` of a `when`"
        return Mend(code="E0125", message=message, span=place.span(token), help=help, tokens=None)
    return None


def if_on_new_line(place: Place) -> Mend | None:
    """`if` at the front of a line, which went on with the value above, until its `{` did not fit."""
    stack = place.machine.stack
    last = next((i for i in range(len(stack) - 1, place.head, -1) if place.symbol(i) == "IF"), None)
    if place.token.kind != "LBRACE" or last is None:
        return None
    at = place.index(stack[last].start)
    if not place.starts_line(place.tokens[at], place.tokens[at - 1]):
        return None
    return _when(place, at, len(stack) - last)


def _when(place: Place, at: int, taken_back: int) -> Mend:
    token = place.tokens[at]
    return Mend(
        code="E0125",
        message="a condition on statements is written `when`",
        span=place.span(token),
        help="write `when`",
        fixes=safe("write `when`", (place.span(token), "when")),
        taken_back=taken_back,
        start=at,
        stop=at + 1,
        tokens=(token._replace(kind="WHEN", text="when"),),
    )


def reserved_word(place: Place) -> Mend | None:
    """`let at = 3`, `for = 2`."""
    at = place.at - 1 if place.token.kind in ("EQUAL", "DOT") and not _is_word(place.token) else place.at
    word = place.tokens[at] if at >= 0 else place.token
    if place.wants_value and place.is_on_new_line:
        return None  # the value is missing, and this is the next statement
    taken_back = place.at - at
    if not _is_word(word) or not place.machine.num_fitting(["NAME"], below=taken_back):
        return None
    if place.machine.num_fitting(["NAME", place.tokens[at + 1].kind], below=taken_back) < 2:
        return None
    return Mend(
        code="E0113",
        message=f"`{word.text}` is a word of the language and cannot be a name",
        span=place.span(word),
        help=f"choose another name, such as `{word.text}_`",
        taken_back=taken_back,
        start=at,
        stop=at + 1,
        tokens=(word._replace(kind="NAME", text=""),),
    )


def _is_word(token: Token) -> bool:
    return token.text.isalpha() and token.kind == token.text.upper()
