"""Whether a recipe fits the model it trains."""

from __future__ import annotations

from collections.abc import Iterator

from moedsl.checker.recipe import BoundRecipe
from moedsl.diagnostics import Label, Report
from moedsl.ir.graph import Graph
from moedsl.ops.base import Op, Problem


def fit(recipe: BoundRecipe, graph: Graph, report: Report) -> None:
    """Report what of the recipe this model cannot take."""
    for slot, op in _parts(recipe):
        for problem in op.problems(graph.sizes):
            span = recipe.span(slot, problem.field)
            labels = _labels(recipe, graph, problem)
            report.add(problem.code, problem.message, span, labels=labels, help=problem.help)
    if recipe.recipe.carry_cache:
        _fixed_caches(recipe, graph, report)


def _fixed_caches(recipe: BoundRecipe, graph: Graph, report: Report) -> None:
    """Caches that are carried from block to block must not grow with every block."""
    if not any(node.caches for node in graph):
        message = "`carry_cache = true` has no effect: no op of this model keeps a cache"
        report.add("W1001", message, recipe.span("recipe", "carry_cache"), help="leave `carry_cache` out")
    growing = next((node for node in graph if any("L" in cache.shape for cache in node.caches)), None)
    if growing is None:
        return
    place = graph.source_map.nodes.get(growing.name)
    report.add(
        "E1011",
        f"`carry_cache = true` would make the cache of `{growing.name}` grow with every block",
        recipe.span("recipe", "carry_cache"),
        labels=(Label(span=place, text="this attention keeps every past position"),) if place else (),
        help="use an attention with a window as its cache, or leave `carry_cache` out",
    )


def _parts(recipe: BoundRecipe) -> Iterator[tuple[str, Op]]:
    for slot in ("recipe", "data", "tokenizer", "optimizer", "schedule"):
        yield slot, getattr(recipe, slot)


def _labels(recipe: BoundRecipe, graph: Graph, problem: Problem) -> tuple[Label, ...]:
    """The setting that the problem's other size comes from: the recipe's own, or the model's."""
    if problem.other is None:
        return ()
    if problem.other in recipe.bound.block.settings:
        return (Label(span=recipe.span("recipe", problem.other), text="set here"),)
    for (_, name), origins in graph.source_map.fields.items():
        if name == problem.other and origins[-1].span is not None:
            return (Label(span=origins[-1].span, text="set here"),)
    return ()
