"""One source file: its text, its syntax tree, and what its global names stand for."""

from __future__ import annotations

import ast
import importlib
import inspect
import textwrap
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import accumulate
from typing import Any, NamedTuple


class Imported(NamedTuple):
    """A name that another module defines; with an empty `name`, the module itself."""

    module: str
    name: str = ""
    alias: str = ""


class Edit(NamedTuple):
    """Replace bytes of a file."""

    start: int
    end: int
    text: str


class SourceFile:
    """The file of an importable module."""

    def __init__(self, module: str) -> None:
        self.module = module
        self.text = inspect.getsource(importlib.import_module(module)).encode()
        self.tree = ast.parse(self.text)
        self._starts = list(accumulate(map(len, self.text.splitlines(keepends=True)), initial=0))

    @cached_property
    def names(self) -> dict[str, Imported | ast.stmt]:
        """What each global name is: imported from elsewhere, or defined by a statement."""
        return dict(pair for statement in self.tree.body for pair in _defined(statement))

    def method(self, cls: str, name: str) -> ast.stmt | None:
        """The statement in a class that defines a method or annotates a field."""
        body = self.names[cls]
        assert isinstance(body, ast.ClassDef), cls
        return next((s for s in body.body for defined, _ in _defined(s) if defined == name), None)

    def start(self, node: Any) -> int:
        """Where a node begins, decorators included."""
        decorators = getattr(node, "decorator_list", ())
        if decorators:
            return self._starts[decorators[0].lineno - 1] + decorators[0].col_offset - len("@")
        return self._starts[node.lineno - 1] + node.col_offset

    def end(self, node: Any) -> int:
        """One past its last byte."""
        return self._starts[node.end_lineno - 1] + node.end_col_offset

    def edited(self, node: ast.AST, edits: Iterable[Edit]) -> str:
        """The text of a node after some edits; a statement is moved to the left margin.

        Of two edits that overlap, the one that begins first counts.
        """
        at = self.start(node)
        indent = at - self.text.rfind(b"\n", 0, at) - 1 if isinstance(node, ast.stmt) else 0
        text = b" " * indent
        for edit in sorted(set(edits)):
            if edit.start >= at:
                text += self.text[at : edit.start] + edit.text.encode()
                at = edit.end
        return textwrap.dedent((text + self.text[at : self.end(node)]).decode())


def _defined(statement: ast.stmt) -> Iterator[tuple[str, Imported | ast.stmt]]:
    match statement:
        case ast.Import():
            for alias in statement.names:
                yield alias.asname or alias.name, Imported(alias.name, alias=alias.asname or "")
        case ast.ImportFrom(module=str(module)) if module != "__future__":
            for alias in statement.names:
                yield alias.asname or alias.name, Imported(module, alias.name, alias.asname or "")
        case ast.FunctionDef() | ast.ClassDef():
            yield statement.name, statement
        case ast.Assign():
            yield from ((t.id, statement) for t in statement.targets if isinstance(t, ast.Name))
        case ast.AnnAssign(target=ast.Name(id=name)):
            yield name, statement
