"""Copying definitions out of our source files, with everything that they refer to.

A definition is found in the syntax tree of its file, so constants, aliases, decorators and comments come along. Names
of other libraries become imports.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import keyword
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, count

import moedsl.lower.kernels
from moedsl.lower.emit.sourcefile import Edit, Imported, SourceFile

LAZY = {"torch": Imported("torch"), "F": Imported("torch.nn.functional", alias="F")}
"""What the names of `moedsl.lazy` stand for."""

OWN_NAMES = ("F", "INITIAL", "nn", "re", "torch")
"""What every emitted file uses under these names; a model may not take them."""

DROPPED = "register_flop_formula"
"""Statements with this decorator stay behind: they count, and torch allows each only once in a process."""


@dataclass(slots=True, kw_only=True)
class Sources:
    """Definitions and imports of one emitted file."""

    namespace: str
    """Where its kernels are registered, so that two files, or a file and moedsl, can live in one process."""
    definitions: list[str] = field(default_factory=list)
    """Texts, each after those that it needs."""
    imports: set[Imported] = field(default_factory=set)
    _taken: set[str] = field(default_factory=lambda: {*keyword.kwlist, *OWN_NAMES})
    _names: dict[tuple[str, str], str] = field(default_factory=dict)
    _files: dict[str, SourceFile] = field(default_factory=dict)
    _kernels: set[str] = field(default_factory=set)

    def unique(self, name: str) -> str:
        """The name, or with a number where it is taken."""
        numbered = chain((name,), (f"{name}_{i}" for i in count(2)))
        free = next(candidate for candidate in numbered if candidate not in self._taken)
        self._taken.add(free)
        return free

    def file(self, module: str) -> SourceFile:
        """The source of a module."""
        if module not in self._files:
            self._files[module] = SourceFile(module)
        return self._files[module]

    def need(self, module: str, name: str) -> str:
        """Make what a module calls `name` available, and return what it is called here."""
        meaning = self.file(module).names.get(name)
        if meaning is None or _module_of(meaning, module):
            return name
        if isinstance(meaning, Imported) and meaning.module == "moedsl.lazy":
            meaning = LAZY[meaning.name]
        if not isinstance(meaning, Imported):
            return self._define(module, name, meaning)
        if _is_ours(meaning.module, module):
            return self.need(meaning.module, meaning.name)
        self.imports.add(meaning)
        self._taken.add(name)
        return name

    def _define(self, module: str, name: str, statement: ast.stmt) -> str:
        if (module, name) not in self._names:
            self._names[module, name] = here = self.unique(name)
            self.definitions.append(self.text(module, statement, rename=here))
        return self._names[module, name]

    def text(self, module: str, node: ast.AST, edits: tuple[Edit, ...] = (), *, rename: str = "") -> str:
        """A node's text, with what it refers to under the names that it has here."""
        file = self.file(module)
        found = {*edits, *self._references(module, node)}
        if rename and isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name != rename:
            found.add(_renamed(file, node, rename))
        return file.edited(node, found)

    # ---- what a node refers to

    def _references(self, module: str, node: ast.AST) -> Iterator[Edit]:
        file, local = self.file(module), _bound(node)
        for part in ast.walk(node):
            match part:
                case ast.Name(id=name, ctx=ast.Load()) if name not in local:
                    yield Edit(file.start(part), file.end(part), self.need(module, name))
                case ast.Attribute(value=ast.Name(id=name), attr=attr) if name not in local:
                    target = _module_of(file.names.get(name), module)
                    if target:
                        yield Edit(file.start(part), file.end(part), self.need(target, attr))
                case ast.Attribute(
                    value=ast.Attribute(value=ast.Attribute(attr="ops"), attr="moedsl") as ours, attr=attr
                ):
                    self._kernel(attr)
                    yield Edit(file.end(ours) - len("moedsl"), file.end(ours), self.namespace)
                case ast.Constant(value=str(value)) if value.startswith("moedsl::"):
                    yield Edit(file.start(part), file.end(part), f'"{self.namespace}{value.removeprefix("moedsl")}"')

    def _kernel(self, operator: str) -> None:
        """Bring in the file that registers an operator, all its statements in order."""
        module = next(m for m in _kernel_modules() if f'"moedsl::{operator}"'.encode() in self.file(m).text)
        if module in self._kernels:
            return
        self._kernels.add(module)
        statements = [s for s in self.file(module).tree.body[1:] if not _stays_behind(s)]
        for name in (s.name for s in statements if isinstance(s, ast.FunctionDef) and s.name != "_"):
            self._names[module, name] = self.unique(f"{name}_kernel" if name in self._taken else name)
        for statement in statements:
            here = self._names.get((module, getattr(statement, "name", "")), "")
            self.definitions.append(self.text(module, statement, rename=here))


def _kernel_modules() -> list[str]:
    package = moedsl.lower.kernels
    return [f"{package.__name__}.{m.name}" for m in pkgutil.iter_modules(package.__path__)]


def _stays_behind(statement: ast.stmt) -> bool:
    decorators = getattr(statement, "decorator_list", ())
    formulas = (isinstance(d, ast.Call) and isinstance(d.func, ast.Name) and d.func.id == DROPPED for d in decorators)
    return isinstance(statement, ast.Import | ast.ImportFrom) or any(formulas)


def _renamed(file: SourceFile, node: ast.FunctionDef | ast.ClassDef, name: str) -> Edit:
    keyword = b"def " if isinstance(node, ast.FunctionDef) else b"class "
    at = file.text.index(keyword + node.name.encode(), file.start(node)) + len(keyword)
    return Edit(at, at + len(node.name.encode()), name)


def _bound(node: ast.AST) -> set[str]:
    """Names that a definition binds itself: arguments and what it assigns."""
    names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
    return names | {part.arg for part in ast.walk(node) if isinstance(part, ast.arg)}


def _is_ours(module: str, user: str) -> bool:
    """Whether a module is copied rather than imported: it belongs to moedsl, or to the package of its user."""
    return module.partition(".")[0] in ("moedsl", user.partition(".")[0])


def _module_of(meaning: Imported | ast.stmt | None, user: str) -> str:
    """The module that a name stands for, where it is one of ours."""
    if not isinstance(meaning, Imported) or not _is_ours(meaning.module, user):
        return ""
    value = importlib.import_module(meaning.module)
    value = getattr(value, meaning.name) if meaning.name else value
    return value.__name__ if inspect.ismodule(value) else ""
