"""What the op registry says about words in front of a name: blocks, slots and kinds."""

from __future__ import annotations

from functools import cache

from moedsl.ops import registry
from moedsl.ops.base import Op
from moedsl.ops.blocks._slots import BlockOp
from moedsl.ops.kinds import KINDS


def block_op(keyword: str) -> type[BlockOp]:
    """The schema of a block such as `model` or `moe`."""
    op = registry.find("block", keyword)
    assert op is not None, keyword
    assert issubclass(op, BlockOp), keyword
    return op


def op_class(kind: str, keyword: str | None) -> type[Op] | None:
    """The schema of an op, or none when there is none of that name."""
    return registry.find(kind, keyword) if keyword is not None else None


@cache
def _words() -> dict[str, str]:
    slots = {word: slot.kind for block in registry.keywords("block") for word, slot in block_op(block).slots.items()}
    return {**{kind: kind for kind in KINDS}, **{word: kind for word, kind in slots.items() if kind != "block"}}


def kind_of_word(word: str) -> str | None:
    """The kind that a slot's or kind's word means (`embed` is an embedding), or none when it means neither."""
    return _words().get(word)


def blocks_with_slot(word: str) -> tuple[str, ...]:
    """The blocks in which a slot of this name stands."""
    return tuple(b for b in registry.keywords("block") if word in block_op(b).slots)


def declarable_words() -> tuple[str, ...]:
    """Words that may stand before a declaration's name."""
    return tuple(sorted(w for w in _words() if w not in ("block", "wiring")))
