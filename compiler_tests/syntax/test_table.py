from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from lark import Lark

from moedsl.names import RESERVED
from moedsl.syntax import table

ROOT = Path(__file__).parents[2]


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


def test_parsing_needs_neither_lark_nor_torch() -> None:
    script = (
        "import sys; from moedsl.diagnostics import Report; from moedsl.source import SourceFile;"
        "from moedsl.syntax.parser import parse; parse(SourceFile(path='a', text='a = 1'), Report());"
        "print(sorted({'lark', 'torch', 'networkx', 'pydantic', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "[]\n"
