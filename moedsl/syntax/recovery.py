"""How reading goes on after a token that does not fit, so that one run shows every error.

A usual mistake is mended as its author meant it. Anything else is reported once, and the machine goes back to the list
or block around it, leaves something `Broken` there, and reads on at the next element or statement.
"""

from __future__ import annotations

from moedsl.diagnostics import Report
from moedsl.source import SourceFile
from moedsl.syntax import phrases
from moedsl.syntax.lalr import END, Machine
from moedsl.syntax.mistakes import MISTAKES
from moedsl.syntax.mistakes.mend import Mend
from moedsl.syntax.place import Place
from moedsl.syntax.reader import CLOSERS, OPENERS, Unreadable
from moedsl.syntax.tokens import Token

MAX_ERRORS = 200
"""After so many the file is no spec."""
_STARTS = frozenset(["NAME", "PARAM", "LET", "AT", "WHEN", "ASSERT", "MOVED", "IMPORT", "USE"])


class Recovery:
    """Mends the tokens of one file while they are read."""

    def __init__(
        self, source: SourceFile, report: Report, machine: Machine, tokens: list[Token], quiet: set[int]
    ) -> None:
        self._source = source
        self._report = report
        self._machine = machine
        self._tokens = tokens
        self._quiet = quiet
        """Lines about which enough was said."""
        self._num_errors = 0

    def run(self, at: int) -> None:
        """Read to the end, from a token that does not fit.

        Raises:
            Unreadable: there are too many errors to go on.
        """
        while at < len(self._tokens):
            at = at + 1 if self._machine.feed(self._tokens[at]) else self.mend(at)

    def mend(self, at: int) -> int:
        """Say what is wrong with the token at an index, and return the index where reading goes on."""
        self._num_errors += 1
        if self._num_errors > MAX_ERRORS:
            raise Unreadable
        place = Place(self._source, self._machine, self._tokens, at)
        if place.is_on_new_line and self._machine.num_fitting(["LET"]):
            self._machine.settle("LET")  # the statement before is complete: it must not suffer
        mend = next((mend for mistake in MISTAKES if (mend := mistake(place)) is not None), None)
        self._say(place, mend)
        if mend is not None and self._fits(mend):
            return self._apply(mend)
        self._quiet.add(place.line(place.token))
        return self._skip_element(place) if place.element is not None else self._skip_statement(place)

    def _say(self, place: Place, mend: Mend | None) -> None:
        if place.line(place.token) in self._quiet:
            return
        if mend is not None:
            self._report.add(mend.code, mend.message, mend.span, help=mend.help, fixes=mend.fixes)
            return
        message = f"expected {phrases.expected(place.expected)}, found {phrases.found(place.token)}"
        help = f"remove {phrases.found(place.token)}, or write what is missing before it"
        self._report.add("E0105", message, place.span(place.token), help=help)

    def _fits(self, mend: Mend) -> bool:
        """Whether reading gets past the mended tokens and one more."""
        if mend.tokens is None:
            return False
        following = (*mend.tokens[:2], *self._tokens[mend.stop : mend.stop + 1])
        kinds = [token.kind for token in (following if len(mend.tokens) <= 2 else mend.tokens[:2])]
        fitting = self._machine.num_fitting(kinds, below=mend.taken_back)
        return fitting == len(kinds) and (bool(mend.tokens) or mend.stop > mend.start)

    def _apply(self, mend: Mend) -> int:
        assert mend.tokens is not None, mend
        if mend.taken_back:
            self._machine.forget_above(len(self._machine.stack) - 1 - mend.taken_back)
        self._tokens[mend.start : mend.stop] = mend.tokens
        return mend.start

    # ---- giving up on a part

    def _skip_element(self, place: Place) -> int:
        """Leave something broken in a list, and go on at its next comma or its end."""
        assert place.element is not None
        depth = self._forget_above(place.element)
        self._feed_lost(place.token)
        for at in range(place.at, len(self._tokens)):
            kind = self._tokens[at].kind
            if depth == 0 and kind in ("COMMA", "RPAR", "RSQB", END):
                return at
            depth += (kind in OPENERS) - (kind in CLOSERS)
        raise AssertionError("the end was not found")

    def _skip_statement(self, place: Place) -> int:
        """Leave a broken statement, and go on at the next one, at the block's end, or inside the block it opens."""
        depth = self._forget_above(place.head)
        for at in range(place.at, len(self._tokens)):
            token = self._tokens[at]
            if depth == 0 and token.kind == "LBRACE":
                self._feed_lost(token)
                return at
            if depth == 0 and self._resumes_at(place, at):
                self._feed_lost(place.token)
                self._feed_empty_block(token)
                return at
            depth += (token.kind in OPENERS) - (token.kind in CLOSERS)
        raise AssertionError("the end was not found")

    def _resumes_at(self, place: Place, at: int) -> bool:
        token = self._tokens[at]
        if token.kind in ("RBRACE", END):
            return True
        if token.kind not in _STARTS or not self._machine.num_fitting([token.kind]):
            return False
        return (token.kind != "NAME" and at > place.at) or place.starts_line(token, self._tokens[at - 1])

    def _forget_above(self, index: int) -> int:
        """Take back what lies above an index of the stack; the number of brackets that were open in it."""
        kinds = [value.kind for value in self._machine.forget_above(index) if isinstance(value, Token)]
        return sum((kind in OPENERS) - (kind in CLOSERS) for kind in kinds)

    def _feed_lost(self, before: Token) -> None:
        fed = self._machine.feed(Token("NAME", "", before.start, before.start))
        assert fed, before

    def _feed_empty_block(self, before: Token) -> None:
        for kind, text in (("LBRACE", "{"), ("RBRACE", "}")):
            fed = self._machine.feed(Token(kind, text, before.start, before.start))
            assert fed, before
