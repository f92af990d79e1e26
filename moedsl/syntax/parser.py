"""Text in, syntax tree out, and every syntax error of the text in the report."""

from __future__ import annotations

from moedsl.diagnostics import Report
from moedsl.source import SourceFile
from moedsl.syntax import ast, table
from moedsl.syntax.lalr import Machine, TooDeep
from moedsl.syntax.reader import Unreadable, read
from moedsl.syntax.recovery import Recovery
from moedsl.syntax.tokens import Token
from moedsl.syntax.tree import Builder

MAX_DEPTH = 100
"""Nodes within nodes; what walks the tree may recurse."""
MAX_STACK = 1000


def parse(source: SourceFile, report: Report) -> ast.File:
    """The tree of a file. Where the text is wrong, the report says so, and the tree has `Broken` nodes or lacks them."""
    try:
        text = read(source, report)
        builder = Builder(source, report, text.docs)
        machine = Machine(table.load(), builder, max_depth=MAX_DEPTH, max_stack=MAX_STACK)
        return _run(machine, text.tokens, Recovery(source, report, machine, text.tokens))
    except Unreadable:
        pass
    except TooDeep as deep:
        span = source.span(deep.start, deep.end)
        report.add("E0104", f"this is nested more than {MAX_DEPTH} levels deep", span, help="split it with `let`")
    return ast.File(source=source, edition=None, items=(), span=source.span(0, 0))


def _run(machine: Machine, tokens: list[Token], recovery: Recovery) -> ast.File:
    at = 0
    while at < len(tokens):
        at = at + 1 if machine.feed(tokens[at]) else recovery.mend(at)
    return machine.result
