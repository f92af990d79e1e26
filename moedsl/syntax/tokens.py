"""Text as tokens: every character belongs to exactly one, and no text is refused.

Terminals come from the grammar. What the grammar has no word for is a *fault*, cut so that the parser can say what was
meant: a string in single quotes, a number with an unknown unit, a word with a letter of another alphabet.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from moedsl.syntax import table

TRIVIA = frozenset({"SPACE", "NEWLINE", "COMMENT", "DOC"})
"""Kinds that mean nothing to the parser."""

_TRIVIA = (("SPACE", r"[ \t\r\f]+"), ("NEWLINE", r"\n"))

_FAULTS = (
    ("TRIPLE", r'"""[\s\S]*?"""'),
    ("UNCLOSED", r'"[^"\\\n]*(?:\\.[^"\\\n]*)*\\?'),
    ("QUOTED", r"'[^'\\\n]*(?:\\.[^'\\\n]*)*'"),
    ("SMART", r"[“”„«»‘’‚][^\n“”„«»‘’‚\"]*[“”„«»‘’‚\"]"),
    ("DIGITS", r"[0-9]\w*(?:\.[0-9]\w*)*"),
    ("WORD", r"\w+"),
    ("STRAY", r"&&|\|\||[\s\S]"),
)
"""Tried in this order after the grammar's terminals."""

FAULTS = frozenset(name for name, _ in _FAULTS)
"""Kinds that no rule of the grammar has."""


class Token(NamedTuple):
    """A piece of text."""

    kind: str
    """A terminal of the grammar, or a name in `TRIVIA` or `FAULTS`."""
    text: str
    start: int
    end: int
    """One past its last character."""


def tokens(text: str) -> Iterator[Token]:
    """All tokens of a text in order; their texts put together are the text."""
    words = table.load().words
    for match in _pattern().finditer(text):
        kind, found = match.lastgroup, match.group()
        assert kind is not None, found
        if kind in {"NAME", "SYMBOL"}:
            kind = words.get(found, kind)
        if kind == "UNCLOSED":
            yield from _unclosed(found, match.start())
        else:
            yield Token(kind, found, match.start(), match.end())


def _unclosed(text: str, start: int) -> Iterator[Token]:
    """A string without its second quote ends with its line, but brackets at the very end are not meant to be in it."""
    string = text.rstrip(" \t\r\f,)]}") if len(text) > 1 else text
    end = start + len(string)
    yield Token("UNCLOSED", string, start, end)
    for kind, rest, first, last in tokens(text[len(string) :]):
        yield Token(kind, rest, first + end, last + end)


@cache
def _pattern() -> re.Pattern[str]:
    grammar = table.load()
    patterns = {name: pattern for name, pattern in grammar.terminals if not name.startswith("__")}
    for word_like in ("NAME", "NUMBER"):
        patterns[word_like] += r"(?!\w)"
    symbols = "|".join(re.escape(word) for word in grammar.words if not word.isalpha())
    triple, *faults = _FAULTS
    groups = [*_TRIVIA, triple, *patterns.items(), ("SYMBOL", symbols), *faults]
    return re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in groups))
