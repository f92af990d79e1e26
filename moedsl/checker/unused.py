"""Warnings about names that nothing uses: most often a value that was meant to have an effect."""

from __future__ import annotations

from collections.abc import Iterator

from moedsl.checker.scope import Module, Scope
from moedsl.checker.templates import declared_params
from moedsl.diagnostics import Report
from moedsl.syntax import ast

_Owner = ast.Block | ast.Declare


def report_unused(file: ast.File, scope: Scope, report: Report) -> None:
    """Warn about parameters, variables, templates and imports of a file that nothing in it names."""
    for item in file.items:
        if isinstance(item, ast.Block | ast.Declare):
            _check(item, report)
    _check_imports(file, scope, report)


def _check(owner: _Owner, report: Report) -> None:
    """One declaration: it uses a name where the name stands anywhere in it but in its own declaration."""
    used = set(_names(owner))
    params = owner.parameters if isinstance(owner, ast.Declare) else declared_params(owner)
    for param in params:
        if param.name.text not in used:
            words = f"parameter `{param.name.text}` is never used"
            report.add("W0201", words, param.name.span, help="use it or remove it")
    for node in _inner(owner):
        if isinstance(node, ast.Let) and node.name.text not in used:
            report.add("W0202", f"`{node.name.text}` is never used", node.name.span, help="use it or remove it")


def _names(owner: ast.Node) -> Iterator[str]:
    """Every name that is read in a declaration."""
    for node in _inner(owner):
        if isinstance(node, ast.Reference):
            yield node.path[0].text
        elif isinstance(node, ast.Block) and node.head:
            yield node.head[0].text


def _inner(root: ast.Node) -> Iterator[ast.Node]:
    """Everything in a declaration except the conditions of its parameters, without recursion."""
    waiting: list[object] = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, tuple):
            waiting.extend(node)
        elif isinstance(node, ast.Param):
            waiting.append(node.default)
        elif isinstance(node, ast.Node):
            yield node
            waiting.extend(getattr(node, name) for name in node.__dataclass_fields__ if name != "span")


def _check_imports(file: ast.File, scope: Scope, report: Report) -> None:
    read = {name for item in file.items for name in _names(item)}
    for name, named in scope.names.items():
        if isinstance(named, Module) and name not in read and not named.scope.is_broken:
            report.add("W0203", f"import `{name}` is never used", named.span, help="use it or remove it")
