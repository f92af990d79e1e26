"""Text in, syntax tree out, and every syntax error of the text in the report.

What only a text with errors needs is imported when there is one: most texts have none, and a start should be quick.
"""

from __future__ import annotations

from moedsl.diagnostics import Report
from moedsl.source import SourceFile
from moedsl.syntax import ast, table
from moedsl.syntax.lalr import Machine, TooDeep
from moedsl.syntax.reader import Unreadable, read
from moedsl.syntax.tree import Builder

MAX_DEPTH = 100
"""Nodes within nodes: what walks the tree may recurse."""
MAX_STACK = 1000


def parse(source: SourceFile, report: Report) -> ast.File:
    """The tree of a file. What is wrong with the text is in the report, and `Broken` or left out in the tree."""
    try:
        return _parse(source, report)
    except Unreadable:
        pass
    except TooDeep as deep:
        span = source.span(deep.start, min(deep.end, deep.start + 1))
        message = f"what starts here is nested more than {MAX_DEPTH} levels deep"
        report.add("E0104", message, span, help="name parts of it with `let`")
    return ast.File(source=source, edition=None, items=(), span=source.span(0, 0))


def _parse(source: SourceFile, report: Report) -> ast.File:
    text = read(source, report)
    tokens, quiet = text.tokens, set[int]()
    if text.has_faults:
        from moedsl.syntax import faults

        tokens = faults.mend(source, report, tokens, quiet)
    if text.has_faults or not text.is_balanced:
        from moedsl.syntax.brackets import balance

        tokens = balance(source, report, tokens, quiet)
    machine = Machine(table.load(), Builder(source, report, text.docs), max_depth=MAX_DEPTH, max_stack=MAX_STACK)
    at = 0
    while at < len(tokens) and machine.feed(tokens[at]):
        at += 1
    if at < len(tokens):
        from moedsl.syntax.recovery import Recovery

        Recovery(source, report, machine, tokens, quiet).run(at)
    return machine.result
