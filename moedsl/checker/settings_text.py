"""Settings that come as text from a command line: `decoder.layers.3.moe.router.top_k=1`, `pairs=6`."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction

from moedsl.checker.arithmetic import Refused, literal
from moedsl.checker.hir import Bytes, Symbol
from moedsl.diagnostics import Report
from moedsl.source import SourceFile
from moedsl.syntax import ast
from moedsl.syntax.parser import parse

_NUMBER = r"-?\d+|\*"
"""A layer, counted from the last one with a sign, or all of them."""
_PART = rf"[A-Za-z_]\w*|{_NUMBER}"
_PATH = re.compile(rf"\s*(?:{_PART})(?:\.(?:{_PART}))*\s*", re.ASCII)


def parse_override(text: str, report: Report, *, origin: str = "--set") -> ast.Assign | None:
    """The assignment that a text means, or none; reported. Numbers may stand in its path, for layers."""
    path, _, _ = text.partition("=")
    masked = _masked(path) if _PATH.fullmatch(path) else path
    source = SourceFile(path=origin, text=masked + text[len(path) :])
    mine = Report()
    items = parse(source, mine).items
    source.text = text
    for diagnostic in mine:
        report.keep(replace(diagnostic, message=diagnostic.message.replace(masked.strip() or path, path.strip())))
    assign = items[0] if items and isinstance(items[0], ast.Assign) else None
    if mine.has_errors:
        return None
    if assign is None or len(items) > 1:
        report.add("E0105", f"`{text}` is no setting", source.span(0, len(text)), help="write it as PATH=VALUE")
        return None
    return ast.Assign(path=_names(source, path), value=assign.value, span=assign.span)


def parse_param(name: str, text: str, report: Report) -> object:
    """The value that a text gives a parameter: a number with its unit, true, false, none, a text, a name or a list."""
    assign = parse_override(f"{name}={text}", report, origin="--param")
    return None if assign is None else _value(assign.value, text, report)


def _masked(path: str) -> str:
    """The path with names for its numbers and as long, so that what is parsed has the places of what was written."""
    return re.sub(rf"(?<![A-Za-z0-9_])(?:{_NUMBER})", lambda number: "_" * len(number[0]), path)


def _names(source: SourceFile, path: str) -> tuple[ast.Name, ...]:
    return tuple(
        ast.Name(text=part[0], span=source.span(part.start(), part.end()))
        for part in re.finditer(_PART, path, re.ASCII)
    )


def _value(node: ast.Value, text: str, report: Report) -> object:
    if isinstance(node, ast.String | ast.Constant):
        return node.value
    if isinstance(node, ast.List):
        return [_value(item, text, report) for item in node.items]
    if isinstance(node, ast.Reference) and node.call is None and not node.member:
        return Symbol(text=node.span.text, span=node.span)
    sign, number = (-1, node.operand) if isinstance(node, ast.Unary) and node.operator == "-" else (1, node)
    if isinstance(number, ast.Number):
        return _number(number, sign, report)
    report.add("E0301", f"`{text}` is no plain value", node.span, help="write a number, a text, a name or a list")
    return None


def _number(node: ast.Number, sign: int, report: Report) -> object:
    try:
        value = literal(node)
    except Refused as refusal:
        report.add(refusal.code, refusal.message, node.span, help=refusal.help)
        return None
    if isinstance(value, int | Fraction):
        return sign * value if isinstance(value, int) else float(sign * value)
    if isinstance(value, Bytes) and sign > 0:
        return value
    report.add("E0301", f"`{node.span.text}` is no value of a parameter", node.span, help="write a plain number")
    return None
