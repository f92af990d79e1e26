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
    """One symbol on the stack."""

    state: int
    value: Any
    start: int
    end: int
    depth: int
    """How many nodes deep the value is."""


class Machine:
    """An LALR(1) parser in the middle of a text."""

    def __init__(self, table: Table, build: Build, *, max_depth: int, max_stack: int) -> None:
        self.stack = [Entry(0, None, 0, 0, 0)]
        self.table = table
        self._build = build
        self._max_depth = max_depth
        self._max_stack = max_stack

    def feed(self, token: Token) -> bool:
        """Take a token, or say that it does not fit. One that does not fit may still have closed what came before it.

        Raises:
            TooDeep: the nodes or the stack would grow too deep.
        """
        stack, states, kind = self.stack, self.table.states, token.kind
        while True:
            step = states[stack[-1].state].get(kind)
            if step is None:
                return False
            if step >= 0:
                stack.append(Entry(step, token, token.start, token.end, 0))
                if len(stack) > self._max_stack:
                    raise TooDeep(token.start, token.end)
                return True
            self._reduce(self.table.rules[-1 - step])
            if stack[-1].state == self.table.end:
                return True

    @property
    def result(self) -> Any:
        """What was built, once the end was fed."""
        return self.stack[-1].value

    def _reduce(self, rule: Rule) -> None:
        stack, size = self.stack, rule.size
        if size == 1 and rule.action == PASS:
            _, value, start, end, depth = stack.pop()
        elif size == 0:
            value, start, end, depth = self._build(rule.action, [], 0, 0), 0, 0, 1
        else:
            entries = stack[-size:]
            del stack[-size:]
            start, end, depth = entries[0].start, entries[-1].end, max(entry.depth for entry in entries)
            if rule.action == PASS:
                _, value, start, end, depth = entries[rule.kept[0]]
            else:
                value = self._value(rule, entries, start, end)
                depth += rule.action != MANY
        if depth > self._max_depth:
            raise TooDeep(start, end)
        stack.append(Entry(self.table.states[stack[-1].state][rule.origin], value, start, end, depth))

    def _value(self, rule: Rule, entries: list[Entry], start: int, end: int) -> Any:
        if not rule.spliced:
            children = [entries[i].value for i in rule.kept]
        elif rule.action == MANY:
            children = entries[0].value
            children.append(entries[-1].value)
        else:
            children = _spliced(rule, entries)
        return children if rule.action == MANY else self._build(rule.action, children, start, end)

    # ---- questions, which change nothing

    def num_fitting(self, kinds: Iterable[str], *, below: int = 0) -> int:
        """How many of these tokens would be accepted in turn, if the last `below` symbols were taken back."""
        states = [entry.state for entry in self.stack[: len(self.stack) - below]]
        return sum(1 for _ in _accepted(self.table, states, kinds))

    def expected(self) -> set[str]:
        """The kinds that would be accepted next."""
        here = self.table.states[self.stack[-1].state]
        return {kind for kind in here if kind.isupper() and self.num_fitting([kind])}


def _spliced(rule: Rule, entries: list[Entry]) -> list[Any]:
    children: list[Any] = []
    for i in rule.kept:
        if i in rule.spliced:
            children.extend(entries[i].value)
        else:
            children.append(entries[i].value)
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
