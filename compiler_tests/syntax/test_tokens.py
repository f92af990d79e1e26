from __future__ import annotations

import pytest

from compiler_tests.syntax.reading import LANGUAGE
from moedsl.syntax.tokens import FAULTS, tokens


def kinds(text: str) -> list[str]:
    return [token.kind for token in tokens(text) if token.kind not in ("SPACE", "NEWLINE")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = 32k", ["NAME", "EQUAL", "NUMBER"]),
        ("0..4", ["NUMBER", "RANGE", "NUMBER"]),
        ("0..=n", ["NUMBER", "RANGE", "NAME"]),
        ("a ** b * c // d / e", ["NAME", "POWER", "NAME", "STAR", "NAME", "FLOOR", "NAME", "SLASH", "NAME"]),
        ("a == b", ["NAME", "COMPARE", "NAME"]),
        ("a -> b", ["NAME", "ARROW", "NAME"]),
        ("notes not", ["NAME", "NOT"]),
        ('"a \\" b"', ["STRING"]),
        ("# c\n## d\n### r", ["COMMENT", "DOC", "COMMENT"]),
        ("32kk 0x10 2nd", ["DIGITS", "DIGITS", "DIGITS"]),
        ('"abc }', ["UNCLOSED", "RBRACE"]),
        ("'x' “y” größe ; &&", ["QUOTED", "SMART", "WORD", "STRAY", "STRAY"]),
        ("１２", ["WORD"]),
    ],
)
def test_kinds(text: str, expected: list[str]) -> None:
    assert kinds(text) == expected


def test_tokens_cover_the_text_in_order() -> None:
    text = LANGUAGE + "'x' \x00 \ud800 é \"open"
    found = list(tokens(text))
    assert "".join(token.text for token in found) == text
    assert [token.start for token in found] == [0, *(token.end for token in found[:-1])]
    assert all(token.end - token.start == len(token.text) for token in found)


def test_valid_text_has_no_faults() -> None:
    assert FAULTS.isdisjoint(kinds(LANGUAGE))
