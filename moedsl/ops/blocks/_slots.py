"""The slots of a block: which kinds of op may stand in it, and how often."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from moedsl.ops.base import Op


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A place for an op, or for another block."""

    kind: str
    """The kind of op; `block` for a nested block, whose keyword is then the slot's name."""
    required: bool = False
    many: bool = False
    """Whether the slot may be written several times: losses, stacks, layer templates."""
    named: bool = False
    """Whether the word after the slot is a name (`stack decoder`), not a keyword."""
    default: str | None = None
    """The keyword that stands there when nothing is written."""


class BlockOp(Op):
    """Base of blocks: fields like any op, plus slots by name."""

    slots: ClassVar[dict[str, Slot]] = {}
