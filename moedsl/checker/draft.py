"""Blocks while statements are applied to them: what was set, by which text, and who may still change it.

Statements come in layers: a base model, then the model that extends it, then `when`, then `at`, then `--set`. A deeper
one overrides. Two of the same depth that disagree are a conflict, and the same text twice is a duplicate; `Place`
tells the three apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from moedsl.checker import hir
from moedsl.ir.sourcemap import How
from moedsl.ops.base import Op
from moedsl.ops.blocks._slots import BlockOp, Slot
from moedsl.source import Span


class Rank(Enum):
    """Why a body is deeper than the one around it."""

    MODEL = auto()
    """A model in its chain of `extends`; the number counts from the base."""
    DECLARED = auto()
    """The body of a declaration, under the body that uses it; the number counts from the innermost."""
    WHEN = auto()
    AT = auto()
    SET = auto()


class Relation(Enum):
    """How an earlier statement stands to a later one."""

    SAME = auto()
    RIVAL = auto()
    """Equally deep, in another body: order decides nothing between them."""
    DEEPER = auto()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a statement stands: what its values count as, and the bodies around it, outermost first."""

    how: How
    path: tuple[tuple[Rank, int, object], ...] = ()
    """For each body its rank, its number among those of the rank that are ordered, and its identity."""

    def inside(self, rank: Rank, identity: object, *, number: int = 0, how: How | None = None) -> Place:
        """A body in this one."""
        return Place(how or self.how, (*self.path, (rank, number, identity)))

    def relation(self, earlier: Place) -> Relation:
        """How an earlier statement on the same thing stands to one here."""
        for mine, other in zip(self.path, earlier.path, strict=False):
            if mine[:2] != other[:2]:
                return Relation.DEEPER
            if mine[2] is not other[2]:
                return Relation.RIVAL
        return Relation.SAME if len(self.path) == len(earlier.path) else Relation.DEEPER


Key = tuple[str, str]
"""Slot and, where the slot takes many, the keyword or name; else an empty text."""


@dataclass(slots=True, eq=False, kw_only=True)
class Entry:
    """A setting, and where the statement that gave it stands."""

    setting: hir.Setting
    place: Place
    weight: int = 1
    depth: int = 0
    fields: dict[str, Entry] = field(default_factory=dict)
    """Of a component whose fields were set by path: theirs."""

    def places(self) -> Iterator[tuple[Place, Span]]:
        """Of every statement that set it or a field of it."""
        yield self.place, self.setting.name_span
        for entry in self.fields.values():
            yield from entry.places()


@dataclass(slots=True, eq=False, kw_only=True)
class Draft:
    """A block that statements are still applied to."""

    slot: str
    span: Span
    place: Place
    """The last block statement about it."""
    op: type[Op] | None
    """Its schema; none where the keyword is unknown."""
    keyword: str | None = None
    name: str | None = None
    keyword_span: Span | None = None
    doc: str = ""
    entries: dict[str, Entry] = field(default_factory=dict)
    children: dict[Key, Draft] = field(default_factory=dict)
    removed: dict[Key, tuple[Place, Span]] = field(default_factory=dict)
    """What `slot = none` took away, and where that stands."""
    poisoned: bool = False

    @property
    def slots(self) -> Mapping[str, Slot] | None:
        """Its slots; none for an op, whose blocks are fields."""
        return self.op.slots if self.op is not None and issubclass(self.op, BlockOp) else None

    @property
    def title(self) -> str:
        """How messages call it: `router topk`, `stack decoder`, `moe`."""
        return f"`{' '.join(p for p in (self.slot, self.name or self.keyword) if p)}`"

    def in_slot(self, slot: str) -> list[Key]:
        """The keys of all children in a slot."""
        return [key for key in self.children if key[0] == slot]

    def called(self, name: str) -> Key | None:
        """The key of the child that a path calls by its own name (`decoder`), or by its slot where that takes one."""
        if (name, "") in self.children:
            return name, ""
        return next((key for key, child in self.children.items() if child.name == name), None)

    def places(self) -> Iterator[tuple[Place, Span]]:
        """Of every statement that touched it or anything in it."""
        yield self.place, self.span
        for entry in self.entries.values():
            yield from entry.places()
        for child in self.children.values():
            yield from child.places()

    def reordered(self, before: list[Key]) -> None:
        """Put new children where removed ones stood, pair by pair; `before` is the order before both."""
        gone = [k for k in before if k not in self.children]
        new = [k for k in self.children if k not in before]
        swap = dict(zip(gone, new, strict=False))
        order = [swap.get(k, k) for k in before if k in self.children or k in swap] + new[len(gone) :]
        self.children = {k: self.children[k] for k in order}

    def finish(self) -> hir.Block:
        """The block as it stands now."""
        return hir.Block(
            slot=self.slot,
            keyword=self.keyword,
            name=self.name,
            settings={name: entry.setting for name, entry in self.entries.items()},
            children=tuple(child.finish() for child in self.children.values()),
            span=self.span,
            keyword_span=self.keyword_span,
            doc=self.doc,
            poisoned=self.poisoned,
        )


def with_history(setting: hir.Setting, earlier: hir.Setting) -> hir.Setting:
    """The setting with an earlier one's history before its own."""
    return replace(setting, origins=earlier.origins + setting.origins)
