"""Brackets that do not match: which one is to blame, told by indentation, and a text where all of them do.

Only a text whose brackets do not match is looked at; indentation means nothing otherwise. After this the parser can
rely on every bracket having its partner.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from moedsl.diagnostics import Label, Report
from moedsl.source import SourceFile
from moedsl.syntax.notes import safe, unsafe
from moedsl.syntax.reader import CLOSERS, OPENERS
from moedsl.syntax.tokens import Token

_SIGNS = {"LBRACE": "{", "RBRACE": "}", "LPAR": "(", "RPAR": ")", "LSQB": "[", "RSQB": "]"}
_CONTINUES = {"COMMA", "LPAR", "LSQB", "EQUAL", "PLUS", "MINUS", "STAR", "SLASH", "FLOOR", "AND", "OR"}
"""What a line ends with when the next one goes on with it."""
MAX_GUESSES = 50
"""After so many the text is no spec, and looking for the culprit is no help."""


def balance(source: SourceFile, report: Report, tokens: list[Token], quiet: set[int]) -> list[Token]:
    """The tokens with every bracket closed, and without brackets that close nothing; their lines become quiet."""
    return _Balancer(source, report, tokens, quiet).run()


def is_balanced(tokens: list[Token]) -> bool:
    """Whether every bracket among these tokens has its partner among them."""
    opened: list[str] = []
    for token in tokens:
        if token.kind in OPENERS:
            opened.append(OPENERS[token.kind])
        elif token.kind in CLOSERS and (not opened or opened.pop() != token.kind):
            return False
    return not opened


class _Open(NamedTuple):
    token: Token
    indent: int
    line: int


class _Balancer:
    def __init__(self, source: SourceFile, report: Report, tokens: list[Token], quiet: set[int]) -> None:
        self._source = source
        self._report = report
        self._tokens = tokens
        self._quiet = quiet
        self._out: list[Token] = []
        self._opened: list[_Open] = []
        self._indent = 1
        """Of the current line."""
        counted = Counter(token.kind for token in tokens)
        self._missing = {kind: counted[kind] - counted[closer] for kind, closer in OPENERS.items()}
        """How many of a kind are opened and not closed; negative where too many are closed."""
        self._num_guesses = 0

    def run(self) -> list[Token]:
        for token in self._tokens[:-1]:
            is_first = self._is_first(token)
            if is_first:
                self._indent = self._source.position(token.start).column
            while self._opened and self._is_abandoned(self._opened[-1], token, is_first):
                self._close_abandoned(token)
            if token.kind in CLOSERS:
                self._close(token, is_first)
            else:
                if token.kind in OPENERS:
                    self._opened.append(_Open(token, self._indent, self._line(token)))
                self._out.append(token)
        while self._opened:
            self._close_abandoned(self._tokens[-1])
        return [*self._out, self._tokens[-1]]

    def _line(self, token: Token) -> int:
        return self._source.position(token.start).line

    def _is_first(self, token: Token) -> bool:
        return not self._out or self._source.position(self._out[-1].end).line < self._line(token)

    # ---- brackets that are not closed

    def _is_abandoned(self, opened: _Open, token: Token, is_first: bool) -> bool:
        """Whether this token shows that an open bracket should have been closed before it."""
        kind = opened.token.kind
        if self._missing[kind] <= 0:
            return False
        if token.kind == OPENERS[kind]:
            return is_first and self._indent < opened.indent and self._is_open(kind, self._indent)
        if kind == "LBRACE":
            return is_first and token.kind not in CLOSERS and self._indent <= opened.indent
        if token.kind == "LBRACE":
            return self._line(token) == opened.line and kind == "LPAR"
        return is_first and token.kind not in CLOSERS and self._out[-1].kind not in _CONTINUES

    def _is_open(self, kind: str, indent: int) -> bool:
        """Whether a bracket further out could be the one that a closing bracket at this indent means."""
        return any(o.token.kind == kind and o.indent <= indent for o in self._opened[:-1])

    def _close_abandoned(self, before: Token) -> None:
        opened, self._num_guesses = self._opened.pop(), self._num_guesses + 1
        self._missing[opened.token.kind] -= 1
        closer, last = OPENERS[opened.token.kind], self._out[-1]
        self._out.append(Token(closer, _SIGNS[closer], last.end, last.end))
        span = self._source.span(opened.token.start, opened.token.end)
        place = self._source.span(last.end, last.end)
        sign = _SIGNS[closer]
        on_own_line = opened.token.kind == "LBRACE" and self._line(last) > opened.line
        text = f"\n{' ' * (opened.indent - 1)}{sign}" if on_own_line else f" {sign}" if sign == "}" else sign
        where = f"`{sign}` is missing before this" if before.text else f"the file ends without `{sign}`"
        self._report.add(
            "E0106",
            f"this `{opened.token.text}` is never closed",
            span,
            labels=(Label(span=self._source.span(before.start, before.end), text=where),),
            help=f"add `{sign}`",
            fixes=unsafe(f"add `{sign}`", (place, text)),
        )

    # ---- brackets that close nothing

    def _close(self, token: Token, is_first: bool) -> None:
        kind = CLOSERS[token.kind]
        has_partner = any(opened.token.kind == kind for opened in self._opened)
        is_excess = is_first and self._missing[kind] < 0 and has_partner and self._opened[-1].indent < self._indent
        if (not has_partner or is_excess) and not self._add_opener(token, is_first):
            self._drop(token)
            return
        while self._opened[-1].token.kind != kind:
            self._close_abandoned(token)
        self._opened.pop()
        self._out.append(token)

    def _drop(self, token: Token) -> None:
        self._missing[CLOSERS[token.kind]] += 1
        self._num_guesses += 1
        self._quiet.add(self._line(token))
        span = self._source.span(token.start, token.end)
        message = f"this `{token.text}` closes nothing"
        self._report.add("E0107", message, span, help="remove it", fixes=unsafe(f"remove `{token.text}`", (span, "")))

    def _add_opener(self, closer: Token, is_first: bool) -> bool:
        """Put in the `{` that the line above a deeper block lacks, if there is such a line."""
        if closer.kind != "RBRACE" or not is_first or self._num_guesses >= MAX_GUESSES:
            return False
        at = self._headless()
        if at is None or not is_balanced(self._out[at:]):
            return False
        self._num_guesses += 1
        self._missing["LBRACE"] += 1
        last = self._out[at - 1]
        opener = Token("LBRACE", "{", last.end, last.end)
        self._out.insert(at, opener)
        self._opened.append(_Open(opener, self._indent, self._line(last)))
        self._report.add(
            "E0107",
            "this `}` closes a block that was never opened",
            self._source.span(closer.start, closer.end),
            labels=(Label(span=self._source.span(last.start, last.end), text="`{` is missing after this"),),
            help="add `{`",
            fixes=safe("add `{`", (self._source.span(last.end, last.end), " {")),
        )
        return True

    def _headless(self) -> int | None:
        """Where in the output a block starts that has deeper lines, this line's indent, and no `{`."""
        floor = self._opened[-1].token.end if self._opened else 0
        deeper: int | None = None
        for at in range(len(self._out) - 1, -1, -1):
            token = self._out[at]
            if token.start < floor:
                return None
            if at and self._line(token) == self._line(self._out[at - 1]):
                continue
            column = self._source.position(token.start).column
            if column > self._indent:
                deeper = at
                continue
            if deeper is None or column < self._indent or token.kind != "NAME":
                return None
            return None if self._out[deeper - 1].kind in ("LBRACE", "RBRACE") else deeper
        return None
