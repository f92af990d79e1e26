"""Where the parser stands when a token does not fit: the tokens around it, and what it would have taken instead."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from functools import cached_property

from moedsl.source import SourceFile, Span
from moedsl.syntax.lalr import END, Machine
from moedsl.syntax.reader import CLOSERS, OPENERS
from moedsl.syntax.tokens import Token

VALUE_STARTS = frozenset(["NUMBER", "STRING", "NAME", "TRUE", "FALSE", "NONE", "LSQB", "LPAR", "MINUS", "NOT"])
_NOTHING = Token(END, "", 0, 0)


class Place:
    """A token that does not fit, and its surroundings."""

    def __init__(self, source: SourceFile, machine: Machine, tokens: list[Token], at: int) -> None:
        self.source = source
        self.machine = machine
        self.tokens = tokens
        self.at = at
        self.token = tokens[at]

    def ahead(self, distance: int = 1) -> Token:
        """A token after this one, or the end."""
        return self.tokens[min(self.at + distance, len(self.tokens) - 1)]

    def back(self, distance: int = 1) -> Token:
        """A token before this one; before the first there is an empty one."""
        return self.tokens[self.at - distance] if self.at >= distance else _NOTHING

    @cached_property
    def expected(self) -> set[str]:
        """The kinds that would have been accepted here."""
        return self.machine.expected()

    @property
    def wants_value(self) -> bool:
        """Whether a value must start here."""
        return "NUMBER" in self.expected and "LSQB" in self.expected

    @cached_property
    def head(self) -> int:
        """The index on the stack of the body or file whose statement is being read."""
        return next(i for i in self._around() if self._row(i, "stmt"))

    @property
    def is_at_start(self) -> bool:
        """Whether a statement could start here, and none has."""
        return self.head == len(self.machine.stack) - 1

    @property
    def could_start(self) -> bool:
        """Whether this token stands where a statement would start."""
        return self.is_at_start or (self.is_on_new_line and self.element is None and not self.wants_value)

    @cached_property
    def first(self) -> int:
        """The index of the token that starts the statement."""
        return self.at if self.is_at_start else self.index(self.machine.stack[self.head + 1].start)

    def index(self, offset: int) -> int:
        """The index of the first token at or after an offset."""
        return bisect_left(self.tokens, offset, key=lambda token: token.start)

    @cached_property
    def element(self) -> int | None:
        """The index on the stack of the `(`, `[` or `,` after which a list's element is being read; none outside."""
        for i in self._around():
            is_list = self.symbol(i) in ("LSQB", "COMMA") and self._row(i, "value")
            if is_list or self._row(i, "paren") or i == self.head:
                return i if i > self.head else None
        return None

    def _around(self) -> Iterator[int]:
        """Indices of the stack from the top down, without brackets that are closed again, and what is in them."""
        num_closed = 0
        for i in range(len(self.machine.stack) - 1, -1, -1):
            symbol = self.symbol(i)
            num_closed += symbol in CLOSERS
            if not num_closed:
                yield i
            num_closed -= symbol in OPENERS and num_closed > 0

    def _row(self, index: int, symbol: str) -> bool:
        return symbol in self.machine.table.states[self.machine.states[index]]

    def symbol(self, index: int) -> str | None:
        """The kind of token at an index of the stack; none for what was made of several."""
        value = self.machine.stack[index].value
        return value.kind if isinstance(value, Token) else None

    # ---- text

    def span(self, first: Token, last: Token | None = None) -> Span:
        """The text from one token to another."""
        return self.source.span(first.start, (last or first).end)

    def line(self, token: Token) -> int:
        """The line where a token starts."""
        return self.source.position(token.start).line

    def starts_line(self, token: Token, before: Token) -> bool:
        """Whether a token is the first of its line, given the one before it."""
        return before is _NOTHING or self.source.position(before.end).line < self.line(token)

    @property
    def is_on_new_line(self) -> bool:
        """Whether this token is the first of its line."""
        return self.starts_line(self.token, self.back())

    @property
    def ends_line(self) -> bool:
        """Whether this token is the last of its line."""
        return self.ahead().kind == END or self.starts_line(self.ahead(), self.token)

    def indent(self, token: Token) -> int:
        """The column of the first character of a token's line that is no space."""
        text = self.source.line(self.line(token))
        return len(text) - len(text.lstrip()) + 1
