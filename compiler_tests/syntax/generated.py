"""Texts for property tests: any characters, damaged programs, and valid programs with odd spacing and comments."""

from __future__ import annotations

from random import Random

from hypothesis import strategies as st

from compiler_tests.syntax.reading import LANGUAGE
from moedsl.syntax.tokens import TRIVIA, tokens

_WORDS = [token.text for token in tokens(LANGUAGE) if token.kind not in TRIVIA]
_ODD = [
    *"{}()[]=:,.%?;@$'\"\\#&|!~^<>*/+-",
    *("**", "//", "->", "..", "..=", "==", "10%", "32kk", "1.", ".5", '"""', "##", "# c\n", "\n", "\t", "é", "о", "１"),
    *("at", "if", "else", "import", "edition", "when", "for", "let", "param", "where", "not", "True", "\x00", "\u200b"),
]

VOCABULARY = [*_ODD, *dict.fromkeys(_WORDS)]
"""Every odd piece of text and every word of the language once; fewer than a byte has values."""

any_text = st.text(max_size=200) | st.lists(st.sampled_from(_ODD), max_size=60).map("".join)


@st.composite
def damaged_programs(draw: st.DrawFn) -> str:
    """Part of a valid program with some tokens taken out, put in or replaced."""
    start = draw(st.integers(0, len(_WORDS) - 1))
    words = _WORDS[start : start + draw(st.integers(1, 120))]
    for _ in range(draw(st.integers(1, 8))):
        at = draw(st.integers(0, len(words)))
        put_in = draw(st.lists(st.sampled_from(_ODD + _WORDS), max_size=2))
        words[at : at + draw(st.integers(0, 2))] = put_in
    return draw(st.sampled_from([" ", "\n", ""])).join(words)


_GAPS = [" ", " ", " ", "  ", "\n", "\n\n", "\t", " # c\n", "\n# own\n", "\n## doc\n\n", "\n## doc\n", " ## behind\n"]


def respaced(seed: int) -> str:
    """The whole language with other spaces, line breaks and comments between its tokens, chosen by a seed."""
    random = Random(seed)
    gaps = [" " if word == "//" else random.choice(_GAPS) for word in _WORDS]  # no line starts with `//`
    return "".join(gap + word for gap, word in zip(gaps, _WORDS, strict=True))
