"""The syntax tree of a `.moe` file: what was written, before anything is looked up.

Every node carries its span; spans never take part in equality. Names of components mean nothing here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from moedsl.source import SourceFile, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """Anything in the tree."""

    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Name(Node):
    """One identifier."""

    text: str


# ---- expressions and values


@dataclass(frozen=True, slots=True, kw_only=True)
class Number(Node):
    """A number as written: `32k`, `0.1`, `48MiB`."""

    text: str
    """Digits without underscores and without the unit."""
    unit: str = ""
    """`k M B T Ki Mi Gi KiB MiB GiB TiB ms s` or nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class String(Node):
    """A quoted string, escapes already resolved."""

    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant(Node):
    """`true`, `false` or `none`."""

    value: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument(Node):
    """One argument of a call: `4` or `seq = 2048`."""

    name: Name | None
    value: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference(Node):
    """A dotted name, perhaps called, perhaps followed by a member: `mu`, `std.t5`, `preset(args).total_params`."""

    path: tuple[Name, ...]
    call: tuple[Argument, ...] | None = None
    """None: not called; an empty tuple: called without arguments."""
    member: tuple[Name, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unary(Node):
    """`-x` or `not x`."""

    operator: Literal["-", "not"]
    operand: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Binary(Node):
    """Two operands: arithmetic, comparison, `and`, `or`, `..` (half open) and `..=` (closed)."""

    operator: str
    left: Value
    right: Value
    operator_span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditional(Node):
    """`a if test else b`."""

    test: Value
    then: Value
    otherwise: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class List(Node):
    """`[a, b]`."""

    items: tuple[Value, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Object(Node):
    """A component written in place: `ties { density = 0.2 }`."""

    head: Reference
    body: Body


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken(Node):
    """Where the parser recovered: already reported, and silent from here on.

    As a statement it says that something stood here that could not be read, so nothing is missing from this body.
    """


Value = Number | String | Constant | Reference | Unary | Binary | Conditional | List | Object | Broken


# ---- statements


@dataclass(frozen=True, slots=True, kw_only=True)
class Body(Node):
    """`{ … }`."""

    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeName(Node):
    """A type: `int`, `list[int]`, `component<router>` written `component[router]`, `string?`."""

    name: str
    arguments: tuple[TypeName, ...] = ()
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Param(Node):
    """`param mu: float = 0.7 where mu < 1`, or the same inside a declaration's parentheses."""

    name: Name
    type: TypeName | None
    default: Value | None
    where: Value | None
    doc: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Let(Node):
    """`let heads = 8`."""

    name: Name
    value: Value
    doc: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assign(Node):
    """`top_k = 2`, `moe.router.top_k = 2`."""

    path: tuple[Name, ...]
    value: Value
    doc: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Declare(Node):
    """`router fast(k: int = 2) = topk { top_k = k }`: a reusable op under a name."""

    slot: Name
    name: Name
    parameters: tuple[Param, ...]
    value: Value
    doc: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class At(Node):
    """`at 2..6, -1 { … }`: statements for some layers of a stack."""

    selectors: tuple[Value, ...]
    body: Body


@dataclass(frozen=True, slots=True, kw_only=True)
class When(Node):
    """`when test { … } else { … }`."""

    test: Value
    body: Body
    otherwise: Body | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Assert(Node):
    """`assert total_params() <= 140M : "too large"`."""

    test: Value
    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved(Node):
    """`moved a.*.b -> c.*.d`: a rename that checkpoints follow."""

    old: tuple[str, ...]
    new: tuple[str, ...]


Statement = Param | Let | Assign | Block | Declare | At | When | Assert | Moved | Broken


# ---- files


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition(Node):
    """`edition 2026`."""

    year: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Import(Node):
    """`import "common.moe" as common`: another file under the same root."""

    path: String
    alias: Name | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Use(Node):
    """`use std.mixtral as mixtral`: a preset module of the package, or a plugin package."""

    path: tuple[Name, ...]
    alias: Name | None


Item = Import | Use | Statement


@dataclass(frozen=True, slots=True, kw_only=True)
class File(Node):
    """A whole file."""

    source: SourceFile = field(compare=False, repr=False)
    edition: Edition | None
    items: tuple[Item, ...]
