"""The first look at a text: its tokens, its doc comments, and whether it is small and flat enough to parse."""

from __future__ import annotations

from dataclasses import dataclass, field

from moedsl.diagnostics import Report
from moedsl.source import SourceFile
from moedsl.syntax.lalr import END
from moedsl.syntax.tokens import FAULTS, TRIVIA, Token, tokens

MAX_NESTING = 32
"""Brackets within brackets."""
MAX_TOKENS = 1_000_000
OPENERS = {"LBRACE": "RBRACE", "LPAR": "RPAR", "LSQB": "RSQB"}
SUSPECTS = FAULTS | {"PERCENT", "FLOOR", "MINUS", "SLASH"}
"""Kinds that must be looked at before parsing: `10%`, and `//`, `--` or `/*` for comments."""
CLOSERS = {closer: opener for opener, closer in OPENERS.items()}


class Unreadable(Exception):
    """The text was refused as a whole, and the report says why."""


@dataclass(slots=True)
class Read:
    """What parsing needs of a text."""

    tokens: list[Token] = field(default_factory=list)
    """Without comments and spaces; the last one is the end."""
    docs: dict[int, str] = field(default_factory=dict)
    """Doc comments, by the offset of the token that follows them."""
    has_faults: bool = False
    """Whether some tokens are none of the grammar, or look like a percentage or a comment of another language."""
    is_balanced: bool = True
    """Whether every bracket has its partner."""


def read(source: SourceFile, report: Report) -> Read:
    """The tokens of a file that is not too big.

    Raises:
        Unreadable: the file has too many words or too many brackets within brackets.
    """
    found, docs, opened = Read(), _Docs(), list[str]()
    for token in tokens(source.text):
        docs.see(token)
        if token.kind in TRIVIA:
            continue
        if docs.lines:
            found.docs[token.start] = docs.take()
        if token.kind in OPENERS:
            opened.append(OPENERS[token.kind])
        elif token.kind in CLOSERS:
            found.is_balanced &= bool(opened) and opened.pop() == token.kind
        found.has_faults |= token.kind in SUSPECTS
        found.tokens.append(token)
        _refuse_excess(source, report, token, len(opened), len(found.tokens))
    found.is_balanced &= not opened
    found.tokens.append(Token(END, "", len(source.text), len(source.text)))
    return found


class _Docs:
    """Collects the `##` lines above a statement."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._line_is_empty = True
        self._is_over = False

    def see(self, token: Token) -> None:
        """Take in any token. A `##` after code on its line is an ordinary comment; a blank line ends a group."""
        if token.kind == "DOC" and self._line_is_empty:
            self.lines = [] if self._is_over else self.lines
            self.lines.append(token.text[2:].removeprefix(" ").rstrip())
            self._is_over = False
        elif token.kind == "NEWLINE" and self._line_is_empty:
            self._is_over = True
        self._line_is_empty = token.kind == "NEWLINE" or (token.kind == "SPACE" and self._line_is_empty)

    def take(self) -> str:
        """The text of the last group of lines; the next statement starts without."""
        text, self.lines, self._is_over = "\n".join(self.lines), [], False
        return text


def _refuse_excess(source: SourceFile, report: Report, token: Token, depth: int, num_tokens: int) -> None:
    if depth <= MAX_NESTING and num_tokens <= MAX_TOKENS:
        return
    span = source.span(token.start, token.end)
    if depth > MAX_NESTING:
        report.add(
            "E0104",
            f"this `{token.text}` is nested more than {MAX_NESTING} brackets deep",
            span,
            help="close the brackets that are open, or split the file with `import`",
        )
    else:
        report.add("E0103", f"the file has more than {MAX_TOKENS:,} words", span, help="split it with `import`")
    raise Unreadable
