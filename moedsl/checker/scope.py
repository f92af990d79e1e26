"""Scopes: what a name means where it stands.

Names are looked up where they are written. A body sees its own names, then those of the bodies around it, then the
parameters of the model that it extends, then its file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from moedsl.ir.sourcemap import Origin
from moedsl.source import Span
from moedsl.syntax import ast


class State(Enum):
    """How far a variable is."""

    WAITING = auto()
    RUNNING = auto()
    DONE = auto()


@dataclass(slots=True, eq=False, kw_only=True)
class Variable:
    """A `let` or a parameter; its value is computed when it is first needed."""

    name: str
    span: Span
    expression: ast.Value | None = None
    """None for a parameter whose value is given."""
    scope: Scope | None = None
    """Where the expression stands."""
    param: ast.Param | None = None
    state: State = State.WAITING
    value: object = None
    origins: tuple[Origin, ...] = ()
    """Arguments of calls that the value came through."""


@dataclass(slots=True, eq=False, kw_only=True)
class Declared:
    """`router fast(k: int = 2) = topk { … }`."""

    node: ast.Declare
    scope: Scope
    is_used: bool = False

    @property
    def span(self) -> Span:
        """Its name."""
        return self.node.name.span


@dataclass(slots=True, eq=False, kw_only=True)
class Template:
    """A `layer` or `moe` at the top of a file."""

    node: ast.Block
    scope: Scope
    is_used: bool = False

    @property
    def span(self) -> Span:
        """Its name."""
        return self.node.head[-1].span


@dataclass(slots=True, eq=False, kw_only=True)
class Definition:
    """A `model` or a `recipe`."""

    node: ast.Block
    scope: Scope

    @property
    def name(self) -> str:
        """What the user called it."""
        return self.node.head[0].text

    @property
    def span(self) -> Span:
        """Its name."""
        return self.node.head[0].span


@dataclass(slots=True, eq=False, kw_only=True)
class Module:
    """Another file under a local name."""

    span: Span
    scope: Scope
    """Empty where the file is missing; `is_broken` then."""
    is_used: bool = False


Named = Variable | Declared | Template | Definition | Module

KINDS: dict[type, str] = {
    Variable: "variable",
    Declared: "component",
    Template: "template",
    Definition: "model or recipe",
    Module: "file",
}


@dataclass(slots=True, eq=False, kw_only=True)
class Scope:
    """Names of one body, and where to look next."""

    parent: Scope | None = None
    names: dict[str, Named] = field(default_factory=dict)
    base: Scope | None = None
    """Parameters of the model that this one extends."""
    is_preset: bool = False
    """Whether the text belongs to the package's own presets."""
    is_broken: bool = False
    """Whether names may be missing because something around here was reported."""

    def child(self) -> Scope:
        """A scope inside this one."""
        return Scope(parent=self, is_preset=self.is_preset)

    def chain(self) -> Iterator[Scope]:
        """This scope and all that are searched after it, nearest first."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            yield from _bases(scope)
            scope = scope.parent

    def find(self, name: str) -> Named | None:
        """What a name means here."""
        return next((s.names[name] for s in self.chain() if name in s.names), None)

    def resolve(self, path: Sequence[str]) -> tuple[Named | None, Sequence[str]]:
        """What a dotted name means here, and the parts of it that are left over."""
        named, rest = self.find(path[0]), path[1:]
        while isinstance(named, Module) and rest:
            named.is_used = True
            named, rest = named.scope.names.get(rest[0]), rest[1:]
        return named, rest

    def all_names(self) -> dict[str, Named]:
        """Every name that means something here."""
        found: dict[str, Named] = {}
        for scope in self.chain():
            for name, named in scope.names.items():
                found.setdefault(name, named)
        return found

    def variables(self) -> VariableNames:
        """The variables in scope."""
        return VariableNames(self)

    def is_unsure(self) -> bool:
        """Whether a name that is not found may only be missing because of another error."""
        return any(s.is_broken for s in self.chain())


def _bases(scope: Scope) -> Iterator[Scope]:
    base = scope.base
    while base is not None:
        yield base
        base = base.base


class VariableNames(Collection[str]):
    """The variables that a scope sees, listed only when a message wants them: most symbols are never in doubt."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def __iter__(self) -> Iterator[str]:
        return (n for n, named in sorted(self._scope.all_names().items()) if isinstance(named, Variable))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and isinstance(self._scope.find(name), Variable)
