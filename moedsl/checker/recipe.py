"""Recipes after binding: everything that training reads, and nothing that the model depends on."""

from __future__ import annotations

from dataclasses import dataclass

from moedsl.checker import hir
from moedsl.checker.bind import Binder, Bound
from moedsl.diagnostics import Report
from moedsl.ops.base import Op
from moedsl.ops.blocks.recipe import RecipeBlock
from moedsl.source import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundRecipe:
    """One training run, checked."""

    name: str
    model: str | None
    """The model it is for; none when it stands for any."""
    recipe: RecipeBlock
    data: Op
    tokenizer: Op
    optimizer: Op
    schedule: Op
    bound: Bound
    """The blocks behind these ops, for the places of their fields."""

    def span(self, slot: str, name: str | None = None) -> Span:
        """Where a slot's keyword, or one of its fields, was written; `recipe` is the slot of the loop's own fields."""
        part = self.bound if slot == "recipe" else self.bound.slot(slot)
        block = (part or self.bound).block
        setting = block.settings.get(name or "")
        return setting.span if setting else block.keyword_span or block.span


def bind_recipe(recipe: hir.Recipe, report: Report) -> BoundRecipe | None:
    """The recipe with its slots bound, or none when something in it is wrong."""
    bound = Binder(report=report).bind(recipe.block)
    if bound is None or not bound.is_complete:
        return None
    parts = {name: bound.slot(name) for name in ("data", "tokenizer", "optimizer", "schedule")}
    ops = {name: part.op for name, part in parts.items() if part is not None}
    assert isinstance(bound.op, RecipeBlock), bound.op
    return BoundRecipe(name=recipe.name, model=recipe.model, recipe=bound.op, bound=bound, **ops)
