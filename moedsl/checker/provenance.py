"""Where every value of a checked spec comes from, by spec path: fields of ops, of blocks and of recipes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from moedsl.checker.bind import Bound
from moedsl.checker.recipe import BoundRecipe
from moedsl.checker.refusals import plain
from moedsl.checker.run import CheckResult
from moedsl.ir.graph import Graph
from moedsl.ir.sourcemap import How, Origin
from moedsl.ops.base import Op
from moedsl.ops.describe import written
from moedsl.source import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that set a value."""

    how: How
    value: str
    """As a user would write it."""
    span: Span | None


History = tuple[Step, ...]
"""What set a value, first to last; the last one won."""
Histories = dict[str, dict[str, History]]
"""By place (`decoder.layers.3.moe.router`, a recipe's `quick.optimizer`; "" for the model), then by field."""


def histories(result: CheckResult) -> dict[str, Histories]:
    """Every field of every model and recipe, by the model's or recipe's name."""
    models = {name: _of_model(graph, result.bound[name]) for name, graph in result.graphs.items()}
    return models | {name: _of_recipe(recipe) for name, recipe in result.recipes.items()}


def _of_model(graph: Graph, bound: Bound) -> Histories:
    found = {place: _of_block(block) for place, block in _blocks("", bound)}
    for (node, field), origins in graph.source_map.fields.items():
        found.setdefault(node, {})[field] = _history(graph[node].op, field, origins)
    return found


def _of_recipe(recipe: BoundRecipe) -> Histories:
    parts = {f"{recipe.name}.{part.block.slot}": _of_block(part) for part in recipe.bound.children}
    return {recipe.name: _of_block(recipe.bound), **parts}


def _blocks(place: str, bound: Bound) -> Iterator[tuple[str, Bound]]:
    """The blocks that hold slots, by path."""
    yield place, bound
    for stack in bound.slots("stack"):
        name = stack.block.name or "stack"
        yield name, stack
        for index, layer in enumerate(stack.children):
            here = f"{name}.layers.{index}"
            yield from ((f"{here}.{c.block.slot}", c) for c in layer.children if c.op.kind == "block")


def _of_block(bound: Bound) -> dict[str, History]:
    return _fields(bound.op, {name: setting.origins for name, setting in bound.block.settings.items()})


def _fields(op: Op, origins: Mapping[str, tuple[Origin, ...]]) -> dict[str, History]:
    return {name: _history(op, name, origins.get(name, ())) for name in type(op).model_fields}


def _history(op: Op, field: str, origins: tuple[Origin, ...]) -> History:
    final = written(type(op), field, getattr(op, field))
    if not origins:
        return (Step(how="default", value=final, span=None),)
    earlier = tuple(Step(how=o.how, value=plain(o.value), span=o.span) for o in origins[:-1])
    return (*earlier, Step(how=origins[-1].how, value=final, span=origins[-1].span))
