"""The machine that runs the parse table: a stack, and what the next token does to it.

It is ours, and small, because recovery needs to ask it questions (what would you accept here? would these five tokens
fit?) and because it takes the tokens that the formatter takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from moedsl.syntax.table import MANY, PASS, Rule, Table
from moedsl.syntax.tokens import Token

END = "$END"
"""The kind of the token after the last one."""

Build = Callable[[str, list[Any], int, int], Any]
"""Makes a node: the rule's action, its children, and the offsets where they start and end."""


class TooDeep(Exception):
    """Something is nested deeper than anybody writes, at these offsets."""

    def __init__(self, start: int, end: int) -> None:
        super().__init__(start, end)
        self.start, self.end = start, end


class Entry(NamedTuple):
    """What is known of one symbol on the stack."""

    value: Any
    start: int
    end: int
    depth: int
    """How many nodes deep the value is."""


class Machine:
    """An LALR(1) parser in the middle of a text."""

    def __init__(self, table: Table, build: Build, *, max_depth: int, max_stack: int) -> None:
        self.states = [0]
        self.stack = [Entry(None, 0, 0, 0)]
        """The symbols that led to the states, one each."""
        self.table = table
        self._build = build
        self._max_depth = max_depth
        self._max_stack = max_stack

    def feed(self, token: Token) -> bool:
        """Take a token, or say that it does not fit. One that does not fit may still have closed what came before it.

        Raises:
            TooDeep: the nodes or the stack would grow too deep.
        """
        target = self.settle(token.kind)
        if target is None:
            return self.states[-1] == self.table.end
        self.states.append(target)
        self.stack.append(Entry(token, token.start, token.end, 0))
        if len(self.states) > self._max_stack:
            raise TooDeep(token.start, token.end)
        return True

    def settle(self, kind: str) -> int | None:
        """Close what a token of this kind closes, without taking it; the state that taking it would lead to, if any."""
        states, rows, rules = self.states, self.table.states, self.table.rules
        while True:
            step = rows[states[-1]].get(kind)
            if step is None or step >= 0:
                return step
            rule = rules[-1 - step]
            if rule.size == 1 and rule.action == PASS:  # nearly all of an expression's levels
                states[-1] = rows[states[-2]][rule.origin]
            else:
                self._reduce(rule)

    @property
    def result(self) -> Any:
        """What was built, once the end was fed."""
        return self.stack[-1].value

    def forget_above(self, index: int) -> list[Any]:
        """Take back all symbols above one of the stack; returns their values."""
        values = [entry.value for entry in self.stack[index + 1 :]]
        del self.states[index + 1 :], self.stack[index + 1 :]
        return values

    def _reduce(self, rule: Rule) -> None:
        entries = self.stack[len(self.stack) - rule.size :]
        del self.states[len(self.states) - rule.size :], self.stack[len(self.stack) - rule.size :]
        entry = entries[rule.kept[0]] if rule.action == PASS else self._entry(rule, entries)
        if entry.depth > self._max_depth:
            raise TooDeep(entry.start, entry.end)
        self.states.append(self.table.states[self.states[-1]][rule.origin])
        self.stack.append(entry)

    def _entry(self, rule: Rule, entries: list[Entry]) -> Entry:
        """The symbol that a rule makes of its parts."""
        if not entries:
            return Entry(self._build(rule.action, [], 0, 0), 0, 0, 1)
        children = _children(rule, entries)
        start, end, depth = entries[0].start, entries[-1].end, max([entry.depth for entry in entries])
        if rule.action == MANY:
            return Entry(children, start, end, depth)
        return Entry(self._build(rule.action, children, start, end), start, end, depth + 1)

    # ---- questions, which change nothing

    def num_fitting(self, kinds: Iterable[str], *, below: int = 0) -> int:
        """How many of these tokens would be accepted in turn, if the last `below` symbols were taken back."""
        states = self.states[: len(self.states) - below]
        return sum(1 for _ in _accepted(self.table, states, kinds))

    def expected(self) -> set[str]:
        """The kinds that would be accepted next."""
        here = self.table.states[self.states[-1]]
        return {kind for kind in here if kind.isupper() and self.num_fitting([kind])}


def _children(rule: Rule, entries: list[Entry]) -> list[Any]:
    if not rule.spliced:
        return [entries[i].value for i in rule.kept]
    if rule.action == MANY:
        collected = entries[0].value
        collected.append(entries[-1].value)
        return collected
    children: list[Any] = []
    for i in rule.kept:
        children += entries[i].value if i in rule.spliced else [entries[i].value]
    return children


def _accepted(table: Table, states: list[int], kinds: Iterable[str]) -> Iterable[str]:
    for kind in kinds:
        while True:
            step = table.states[states[-1]].get(kind)
            if step is None:
                return
            if step >= 0:
                states.append(step)
                break
            rule = table.rules[-1 - step]
            del states[len(states) - rule.size :]
            states.append(table.states[states[-1]][rule.origin])
            if states[-1] == table.end:
                break
        yield kind
