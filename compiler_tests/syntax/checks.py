"""What must hold for any text at all."""

from __future__ import annotations

import time
from itertools import pairwise

from compiler_tests.syntax.reading import nodes, read
from moedsl.render.concise import render_concise
from moedsl.render.json import to_json
from moedsl.render.text import render_text
from moedsl.syntax import ast
from moedsl.syntax.format import format
from moedsl.syntax.tokens import tokens


def check_text(text: str) -> None:
    """Everything that must hold for any text at all."""
    started = time.process_time()
    found = list(tokens(text))
    assert "".join(token.text for token in found) == text
    file, report = read(text)
    for node in nodes(file):
        assert 0 <= node.span.start <= node.span.end <= len(text)
        assert isinstance(node, ast.Name) is False or node.text
    for diagnostic in report:
        assert diagnostic.span is not None
        assert diagnostic.help
        edits = [edit for fix in diagnostic.fixes for edit in fix.edits]
        assert all(a.span.end <= b.span.start for a, b in pairwise(edits))
        to_json(diagnostic)
    render_text(report, color=True, width=60)
    render_concise(report)
    if report.has_errors:
        assert format(text) == text
    else:
        check_format(text, file)
    assert time.process_time() - started < 2


def check_format(text: str, file: ast.File) -> None:
    """What must hold of the canonical form of any text without errors."""
    once = format(text)
    after, report = read(once)
    assert not report.has_errors, once
    assert after == file
    assert format(once) == once
