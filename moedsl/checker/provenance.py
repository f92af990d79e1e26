"""Where every value of a checked spec comes from, by spec path: fields of ops, of blocks and of recipes."""

from __future__ import annotations

from collections.abc import Iterator

from moedsl.checker.bind import Bound
from moedsl.checker.run import CheckResult
from moedsl.ir.sourcemap import Origin

History = tuple[Origin, ...]
"""What set a value, first to last; the last one won."""


def histories(result: CheckResult) -> dict[str, dict[str, History]]:
    """For each place (`decoder.layers.3.moe.router`, a recipe's `quick.optimizer`), its fields' histories."""
    found: dict[str, dict[str, History]] = {}
    for name, graph in result.graphs.items():
        for place, block in _blocks("", result.bound[name]):
            found[place] = _fields(block)
        for (node, field), origins in graph.source_map.fields.items():
            found.setdefault(node, {})[field] = origins
    for name, recipe in result.recipes.items():
        found[name] = _fields(recipe.bound)
        found |= {f"{name}.{part.block.slot}": _fields(part) for part in recipe.bound.children}
    return found


def _blocks(place: str, bound: Bound) -> Iterator[tuple[str, Bound]]:
    """The blocks that hold slots, by path: the model is the empty one."""
    yield place, bound
    for stack in bound.slots("stack"):
        name = stack.block.name or "stack"
        yield name, stack
        for index, layer in enumerate(stack.children):
            here = f"{name}.layers.{index}"
            yield from ((f"{here}.{c.block.slot}", c) for c in layer.children if c.op.kind == "block")


def _fields(bound: Bound) -> dict[str, History]:
    settings, op = bound.block.settings, bound.op
    defaults = {name: (Origin(how="default", value=getattr(op, name)),) for name in type(op).model_fields}
    return {name: (settings[name].origins if name in settings else defaults[name]) for name in defaults}
