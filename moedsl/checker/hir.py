"""A model after names, presets, `extends`, `let`, `when`, stacks and `at` are resolved, before ops are bound.

`evaluate` makes this tree from syntax; `build` binds its blocks to ops and wires them into a graph. Values are plain
Python: int, float, bool, str, None, tuples, and the types below.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

from moedsl.ir.graph import Move
from moedsl.ir.sourcemap import Origin
from moedsl.source import Span
from moedsl.syntax import ast


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbol:
    """A bare name that is no variable: an enum's value (`relu`) or a slot (`embed`)."""

    text: str
    span: Span = field(compare=False, repr=False)
    scope: Collection[str] = field(default=(), compare=False, repr=False)
    """Variables that were in scope, to offer the closest when the field wanted a number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bytes:
    """A number of bytes (`48MiB`): never equal to a count, so comparing the two is a type error."""

    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Duration:
    """A time (`250ms`), for fields that are counted in seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Poison:
    """Stands for a value that is wrong and already reported: whoever meets it stays silent."""


POISON = Poison()


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """`start..stop`, half open."""

    start: int
    stop: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A component as a value: `normal(std = 0.02)`, `ties { density = 0.2 }`."""

    keyword: str
    settings: Mapping[str, Setting]
    arguments: tuple[Setting, ...] = ()
    """Unnamed ones, in order."""
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A field's value and its life."""

    value: object
    span: Span = field(compare=False, repr=False)
    """The value's text."""
    name_span: Span = field(compare=False, repr=False)
    """The field's name."""
    origins: tuple[Origin, ...] = field(default=(), compare=False, repr=False)
    """Everything that set it, first to last; the last one is this value."""
    note: str = field(default="", compare=False)
    """How a fraction came about (`352 / 3 is not whole`), for whoever wanted a whole number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One block with everything resolved: `moe`, `router topk`, `layer sparse` as layer 3."""

    slot: str
    """`model`, `stack`, `layer`, `moe`, `router`, …"""
    keyword: str | None = None
    """The op's keyword; none for blocks that hold slots."""
    name: str | None = None
    """What the user called it: a model's, stack's or layer template's name."""
    settings: Mapping[str, Setting] = field(default_factory=dict)
    children: tuple[Block, ...] = ()
    """In the order written; a stack's children are its layers, expanded."""
    span: Span = field(compare=False, repr=False)
    """The slot's name."""
    keyword_span: Span | None = field(default=None, compare=False, repr=False)
    doc: str = field(default="", compare=False)
    poisoned: bool = field(default=False, compare=False)
    """Something in it was wrong, is reported and left out: do not complain about what is missing."""
    spare: tuple[Block, ...] = field(default=(), compare=False, repr=False)
    """Layers that no model has, such as a template that nobody uses; only searched for errors."""


def lenient(block: Block) -> Block:
    """The block, free to lack anything: what it stands for is only part of what will be used."""
    return replace(block, poisoned=True, children=tuple(map(lenient, block.children)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Spare:
    """A block that no model has, only searched for errors: an unused declaration, a model whose parameters are open."""

    kind: str
    """The kind of op that it is; `block` for a block that holds slots."""
    block: Block


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """An `assert` that waits for the graph, because static functions count it."""

    test: ast.Value
    evaluate: Callable[[Mapping[str, Callable[..., object]]], object] = field(compare=False, repr=False)
    """Evaluates the test in its own scope with these static functions added; `POISON` where it reports an error.

    Under the name `of_model` it wants a function from another `Model` to that model's static functions.
    """
    message: str | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A recipe and the model it trains."""

    name: str
    model: str | None
    block: Block


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model ready to be built."""

    name: str
    block: Block
    assertions: tuple[Assertion, ...] = ()
    moved: tuple[Move, ...] = ()
    span: Span = field(compare=False, repr=False)
    doc: str = field(default="", compare=False)
