"""The syntax tree of a `.moe` file: what was written, before anything is looked up.

Every node carries its span; spans never take part in equality. Names of components mean nothing here.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Literal, TypeVar, dataclass_transform

from moedsl.source import SourceFile, Span

_T = TypeVar("_T")


@dataclass_transform(frozen_default=True, kw_only_default=True, eq_default=False, field_specifiers=(field,))
def _node(cls: type[_T]) -> type[_T]:
    """A frozen dataclass. Comparing and showing are written once, in `Node`: all classes are made at every start."""
    return dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)(cls)


@_node
class Node:
    """Anything in the tree."""

    span: Span = field(compare=False, repr=False)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._compared() == other._compared()  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash((type(self), self._compared()))

    def __repr__(self) -> str:
        shown = (f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if f.repr)
        return f"{type(self).__name__}({', '.join(shown)})"

    def _compared(self) -> tuple[object, ...]:
        return tuple(getattr(self, f.name) for f in fields(self) if f.compare)


@_node
class Name(Node):
    """One identifier."""

    text: str


# ---- expressions and values


@_node
class Number(Node):
    """A number as written: `32k`, `0.1`, `48MiB`."""

    text: str
    """Digits without underscores and without the unit."""
    unit: str = ""
    """`k M B T Ki Mi Gi KiB MiB GiB TiB ms s` or nothing."""


@_node
class String(Node):
    """A quoted string, escapes already resolved."""

    value: str


@_node
class Constant(Node):
    """`true`, `false` or `none`."""

    value: bool | None


@_node
class Argument(Node):
    """One argument of a call: `4` or `seq = 2048`."""

    name: Name | None
    value: Value


@_node
class Reference(Node):
    """A dotted name, perhaps called, perhaps followed by a member: `mu`, `std.t5`, `preset(args).total_params`."""

    path: tuple[Name, ...]
    call: tuple[Argument, ...] | None = None
    """None: not called; an empty tuple: called without arguments."""
    member: tuple[Name, ...] = ()


@_node
class Unary(Node):
    """`-x` or `not x`."""

    operator: Literal["-", "not"]
    operand: Value


@_node
class Binary(Node):
    """Two operands: arithmetic, comparison, `and`, `or`, `..` (half open) and `..=` (closed)."""

    operator: str
    left: Value
    right: Value
    operator_span: Span = field(compare=False, repr=False)


@_node
class Conditional(Node):
    """`a if test else b`."""

    test: Value
    then: Value
    otherwise: Value


@_node
class List(Node):
    """`[a, b]`."""

    items: tuple[Value, ...]


@_node
class Object(Node):
    """A component written in place: `ties { density = 0.2 }`."""

    head: Reference
    body: Body


@_node
class Broken(Node):
    """Where the parser recovered: already reported, and silent from here on.

    As a statement it says that something stood here that could not be read, so nothing is missing from this body.
    """


Value = Number | String | Constant | Reference | Unary | Binary | Conditional | List | Object | Broken


# ---- statements


@_node
class Body(Node):
    """`{ … }`."""

    statements: tuple[Statement, ...]


@_node
class TypeName(Node):
    """A type: `int`, `list[int]`, `component<router>` written `component[router]`, `string?`."""

    name: str
    arguments: tuple[TypeName, ...] = ()
    optional: bool = False


@_node
class Param(Node):
    """`param mu: float = 0.7 where mu < 1`, or the same inside a declaration's parentheses."""

    name: Name
    type: TypeName | None
    default: Value | None
    where: Value | None
    doc: str | None = field(default=None, compare=False)


@_node
class Let(Node):
    """`let heads = 8`."""

    name: Name
    value: Value
    doc: str | None = field(default=None, compare=False)


@_node
class Assign(Node):
    """`top_k = 2`, `moe.router.top_k = 2`."""

    path: tuple[Name, ...]
    value: Value
    doc: str | None = field(default=None, compare=False)


@_node
class Block(Node):
    """`model M(a: int = 1) extends base(a) { … }`, `router topk { … }`, `router fast(k = 2)`, `moe { … }`.

    The parentheses hold parameters where something is declared and arguments where it is used, so both are kept: an
    entry with a type, or any entry of a top-level block, is a `Param`; everything else is an `Argument`.
    """

    slot: Name
    """`model`, `layer`, `router`, `moe`, …"""
    head: tuple[Name, ...] = ()
    """A keyword, or the name that the block declares or uses; empty for `moe { … }`."""
    parameters: tuple[Param, ...] = ()
    arguments: tuple[Argument, ...] | None = None
    extends: Reference | None = None
    subject: Reference | None = None
    """`recipe NAME for MODEL`."""
    body: Body | None = None
    """None: written without braces."""
    doc: str | None = field(default=None, compare=False)


@_node
class Declare(Node):
    """`router fast(k: int = 2) = topk { top_k = k }`: a reusable op under a name."""

    slot: Name
    name: Name
    parameters: tuple[Param, ...]
    value: Value
    doc: str | None = field(default=None, compare=False)


@_node
class At(Node):
    """`at 2..6, -1 { … }`: statements for some layers of a stack."""

    selectors: tuple[Value, ...]
    body: Body


@_node
class When(Node):
    """`when test { … } else { … }`."""

    test: Value
    body: Body
    otherwise: Body | None = None


@_node
class Assert(Node):
    """`assert total_params() <= 140M : "too large"`."""

    test: Value
    message: str | None = None


@_node
class Moved(Node):
    """`moved a.*.b -> c.*.d`: a rename that checkpoints follow."""

    old: tuple[str, ...]
    new: tuple[str, ...]


Statement = Param | Let | Assign | Block | Declare | At | When | Assert | Moved | Broken


# ---- files


@_node
class Edition(Node):
    """`edition 2026`."""

    year: str


@_node
class Import(Node):
    """`import "common.moe" as common`: another file under the same root."""

    path: String
    alias: Name | None


@_node
class Use(Node):
    """`use std.mixtral as mixtral`: a preset module of the package, or a plugin package."""

    path: tuple[Name, ...]
    alias: Name | None


Item = Import | Use | Statement


@_node
class File(Node):
    """A whole file."""

    source: SourceFile = field(compare=False, repr=False)
    edition: Edition | None
    items: tuple[Item, ...]
