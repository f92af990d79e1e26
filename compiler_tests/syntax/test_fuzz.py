"""Nothing that anybody can type makes the front of the compiler fail, hang, or lose text."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from compiler_tests.syntax.checks import check_text
from compiler_tests.syntax.generated import any_text, damaged_programs, respaced
from compiler_tests.syntax.reading import nodes, tree
from moedsl.diagnostics import Report
from moedsl.render.text import render_text
from moedsl.syntax import ast
from moedsl.syntax.decode import decode
from moedsl.syntax.format import format
from moedsl.syntax.tokens import tokens

_DOCUMENTED = ast.Block | ast.Assign | ast.Let | ast.Param | ast.Declare
CORPUS = sorted((Path(__file__).parents[1] / "fuzz" / "corpus").iterdir())


@given(any_text)
@settings(max_examples=150, deadline=None)
@example("{")
@example('"')
@example("\ud800")
def test_any_text(text: str) -> None:
    check_text(text)


@given(damaged_programs())
@settings(max_examples=150, deadline=None)
def test_damaged_programs(text: str) -> None:
    check_text(text)


@given(st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_formatting_keeps_meaning_and_comments(seed: int) -> None:
    text = respaced(seed)
    before, once = tree(text), format(text)
    after = tree(once)
    assert after == before
    assert docs(after) == docs(before)
    assert format(once) == once
    assert comments(once) == comments(text)


def comments(text: str) -> str:
    """What stands in comments, as letters in alphabetical order: formatting may put two comments on one line."""
    return "".join(sorted("".join(t.text for t in tokens(text) if t.kind in ("COMMENT", "DOC")).replace(" ", "")))


def docs(file: ast.File) -> list[str]:
    return [node.doc for node in nodes(file) if isinstance(node, _DOCUMENTED) and node.doc]


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
@example(b"\xff\xfe")
@example(b"\xef\xbb\xbf")
@example(b"\r\n\r")
def test_any_bytes(data: bytes) -> None:
    report = Report()
    source = decode(data, "spec.moe", report)
    assert (source is None) == report.has_errors
    render_text(report, color=False, width=60)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_what_fuzzing_found(path: Path) -> None:
    source = decode(path.read_bytes(), path.name, Report())
    if source is not None:
        check_text(source.text)
