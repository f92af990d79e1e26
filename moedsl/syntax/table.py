"""The parse table: what Lark makes of `grammars/moe.lark`, kept as JSON so that no run pays for making it.

Run `python -m moedsl.syntax.table` after editing the grammar. A table that does not belong to the grammar beside it is
never used: it is made anew in memory, which takes a quarter of a second.
"""

from __future__ import annotations

import json
import zlib
from collections import deque
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_name("table.json")
PASS = "_pass"
"""The action of a rule that hands on its only child."""
MANY = "_many"
"""The action of a rule that collects repeated children."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One production of the grammar, and what to make of its children."""

    origin: str
    size: int
    action: str
    kept: tuple[int, ...]
    """Which children carry meaning; the rest is punctuation."""
    spliced: frozenset[int]
    """Which children are collections to be spliced in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """An LALR(1) table: per state, what each symbol does. Shifts and gotos are `0` or more, reductions `-1 - rule`."""

    terminals: tuple[tuple[str, str], ...]
    """Name and regular expression of those that are no fixed text, in the order in which they must be tried."""
    words: dict[str, str]
    """Terminals that are a fixed text: text to name, longest first."""
    rules: tuple[Rule, ...]
    states: tuple[dict[str, int], ...]
    """The first one is the start."""
    end: int


@cache
def load() -> Table:
    """The table of the grammar that belongs to this package."""
    grammar = grammar_path().read_text(encoding="utf-8")
    data = json.loads(TABLE.read_text(encoding="utf-8")) if TABLE.exists() else {}
    if data.get("grammar") != _fingerprint(grammar):
        data = build(grammar)
    return _decode(data)


def grammar_path() -> Path:
    """Where the grammar lies: beside this file in a wheel, in `grammars/` in a checkout."""
    shipped = Path(__file__).with_name("moe.lark")
    return shipped if shipped.exists() else Path(__file__).parents[2] / "grammars" / "moe.lark"


def build(grammar: str) -> dict[str, Any]:
    """The table of a grammar, as plain data. Slow: Lark works it out."""
    from lark import Lark
    from lark.parsers.lalr_analysis import Shift

    lark = Lark(grammar, parser="lalr", lexer="basic")
    parse_table = lark.parser.parser._parse_table  # type: ignore[union-attr]
    terminals = sorted(lark.terminals, key=lambda t: (-t.priority, -len(t.pattern.value), t.name))
    rules = list(lark.rules)
    number = {rule: index for index, rule in enumerate(rules)}
    rows = {
        state: {symbol: arg if action is Shift else -1 - number[arg] for symbol, (action, arg) in sorted(row.items())}
        for state, row in parse_table.states.items()
    }
    order = _reached(rows, parse_table.start_states["start"])
    return {
        "grammar": _fingerprint(grammar),
        "end": order[parse_table.end_states["start"]],
        "terminals": [[t.name, t.pattern.to_regexp()] for t in terminals if t.pattern.type == "re"],
        "words": {t.pattern.value: t.name for t in terminals if t.pattern.type == "str"},
        "rules": [_rule(rule) for rule in rules],
        "states": [{s: order[to] if to >= 0 else to for s, to in rows[state].items()} for state in order],
    }


def _reached(rows: dict[int, dict[str, int]], start: int) -> dict[int, int]:
    """New numbers for the states, in the order in which they are reached, so that a table depends on nothing else."""
    order, waiting = {start: 0}, deque([start])
    while waiting:
        for target in rows[waiting.popleft()].values():
            if target >= 0 and target not in order:
                order[target] = len(order)
                waiting.append(target)
    return order


def _fingerprint(grammar: str) -> int:
    return zlib.crc32(grammar.encode())


def _rule(rule: Any) -> list[Any]:
    origin, symbols = rule.origin.name, rule.expansion
    kept = [i for i, symbol in enumerate(symbols) if not getattr(symbol, "filter_out", False)]
    spliced = [i for i in kept if not symbols[i].is_term and symbols[i].name.startswith("__")]
    action = rule.alias or origin
    if origin.startswith("__"):
        action = MANY
    elif rule.options.expand1 and not rule.alias and len(kept) == 1 and not spliced:
        action = PASS
    return [origin, len(symbols), action, kept, spliced]


def _decode(data: dict[str, Any]) -> Table:
    return Table(
        terminals=tuple((name, pattern) for name, pattern in data["terminals"]),
        words=data["words"],
        rules=tuple(
            Rule(origin=origin, size=size, action=action, kept=tuple(kept), spliced=frozenset(spliced))
            for origin, size, action, kept, spliced in data["rules"]
        ),
        states=tuple(data["states"]),
        end=data["end"],
    )


def main() -> None:
    """Write the table of the checkout's grammar."""
    data = build(grammar_path().read_text(encoding="utf-8"))
    rows = ",\n".join(json.dumps(row) for row in data.pop("states"))
    TABLE.write_text(json.dumps(data)[:-1] + f', "states": [\n{rows}\n]}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()
