from __future__ import annotations

import json
from pathlib import Path

from lark import Lark

from moedsl.names import RESERVED
from moedsl.syntax import table


def test_the_grammar_is_lalr_without_conflicts() -> None:
    grammar = table.grammar_path().read_text(encoding="utf-8")
    assert Lark(grammar, parser="lalr", lexer="basic", strict=True) is not None


def test_the_stored_table_belongs_to_the_grammar() -> None:
    built = table.build(table.grammar_path().read_text(encoding="utf-8"))
    assert json.loads(table.TABLE.read_text(encoding="utf-8")) == built, "run `python -m moedsl.syntax.table`"


def test_a_table_of_another_grammar_is_not_used(monkeypatch, tmp_path: Path) -> None:
    stale = tmp_path / "table.json"
    stale.write_text(json.dumps({"grammar": 1}), encoding="utf-8")
    expected = table.load()
    monkeypatch.setattr(table, "TABLE", stale)
    table.load.cache_clear()
    try:
        assert table.load() == expected
    finally:
        table.load.cache_clear()


def test_the_words_of_the_grammar_are_the_reserved_words() -> None:
    assert {word for word in table.load().words if word.isalpha()} == RESERVED


def test_the_grammar_names_no_component() -> None:
    words = set(table.load().words)
    assert words.isdisjoint({"model", "layer", "stack", "router", "topk", "experts", "attention", "moe", "recipe"})
