"""What is wrong with the ops of a model that cannot be wired, because some of it could not be bound.

Wiring tells problems of sizes and of causality on its way; where it cannot go, each op that was bound is asked by
itself, so that one mistyped name does not hide the rest.
"""

from __future__ import annotations

from collections.abc import Mapping

from moedsl.checker.bind import Bound
from moedsl.checker.place import Placer
from moedsl.diagnostics import Report
from moedsl.ops.blocks._slots import BlockOp


def survey(root: Bound, report: Report) -> None:
    """Report the problems of every op of a model whose sizes are known."""
    place = Placer(report=report, root=root)
    for part in (*root.children, *root.spare):
        if part.block.slot == "head" and root.slot("embed") is None:
            continue  # it may only miss what the embedding would have told it
        place.stack = part if part.block.slot == "stack" else None
        place.sizes.update(_ask(place, part, {**place.sizes, **root.op.sizes({})}, part.block.slot))


def survey_spare(root: Bound, report: Report) -> None:
    """The same for the layers that a model declares and does not have."""
    place = Placer(report=report, root=root)
    for stack in root.slots("stack"):
        place.stack = stack
        for layer in stack.spare:
            _ask(place, layer, root.op.sizes({}), "layer")
    place.stack = None
    for layer in root.spare:
        _ask(place, layer, root.op.sizes({}), "layer")


def _ask(place: Placer, bound: Bound, given: Mapping[str, int], path: str) -> dict[str, int]:
    """The problems of an op, or of those in a block; the sizes it adds."""
    if isinstance(bound.op, BlockOp):
        _ask_inside(place, bound, given, path)
        return {}
    added = bound.op.sizes(given)
    place.accept(path, bound, {**given, **added})
    return added


def _ask_inside(place: Placer, block: Bound, given: Mapping[str, int], path: str) -> None:
    """A block's ops see each other's sizes; where one is missing, those that may want its sizes are not asked."""
    if not block.is_complete and block.block.slot == "moe":
        return
    sizes = dict(given)
    if block.block.slot == "moe":
        for name in ("experts", "router", "dispatch"):
            sizes.update(block.filled(name).op.sizes(sizes))
    for child in (*block.children, *block.spare):
        _ask(place, child, sizes, f"{path}.{child.block.slot}")
