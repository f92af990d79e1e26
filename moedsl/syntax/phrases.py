"""How kinds of token are called in messages."""

from __future__ import annotations

from moedsl.syntax import table
from moedsl.syntax.lalr import END
from moedsl.syntax.tokens import Token

_NAMED = {
    "NAME": "a name",
    "NUMBER": "a number",
    "STRING": "a string in double quotes",
    END: "the end of the file",
}
_TOLD = (
    "EQUAL",
    "LBRACE",
    "COLON",
    "ARROW",
    "COMMA",
    "RPAR",
    "RSQB",
    "LPAR",
    "NAME",
    "STRING",
    "NUMBER",
    "RBRACE",
    "WHEN",
)
"""What is worth naming, the most telling first."""
MAX_TOLD = 3


def found(token: Token) -> str:
    """The token as it stands in the text."""
    if token.kind == END:
        return "the end of the file"
    return f"`{token.text}`" if len(token.text) <= 40 else f"`{token.text[:39]}…`"


def expected(kinds: set[str]) -> str:
    """What could have stood in a place, in a few words."""
    parts = []
    if {"NUMBER", "LSQB"} <= kinds:
        parts.append("a value")
    elif "LET" in kinds:
        parts += ["an operator", "the next statement"] if "PLUS" in kinds else ["a statement"]
    if parts:
        kinds = kinds & {"RPAR", "RSQB", "RBRACE"}
    parts += [_name(kind) for kind in _TOLD if kind in kinds]
    return _either(parts[:MAX_TOLD]) or _either(sorted(map(_name, kinds))[:MAX_TOLD])


def _name(kind: str) -> str:
    if kind in _NAMED:
        return _NAMED[kind]
    return next((f"`{text}`" for text, name in table.load().words.items() if name == kind), "an operator")


def _either(parts: list[str]) -> str:
    return " or ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))
