"""A checked model as a `.moe` text with every field written out: no presets, parameters or overrides are left in it.

The text checks to the same digests. Equal layers share one template, so a deep model stays short.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from moedsl.checker.bind import Bound
from moedsl.checker.recipe import BoundRecipe
from moedsl.ir.graph import Graph
from moedsl.ops.describe import settings

_INDENT = "  "


def resolved(graph: Graph, bound: Bound, *, recipe: BoundRecipe | None = None) -> str:
    """The model as text, and a recipe for it below when one is given."""
    lines = ["edition 2026", "", *(f"## {line}".rstrip() for line in graph.doc.splitlines())]
    moves = [f"moved {'.'.join(move.old)} -> {'.'.join(move.new)}" for move in graph.moved]
    lines += _braces(f"model {graph.name}", [*_fields(bound), *_children(bound), *moves])
    if recipe is not None:
        body = [*_fields(recipe.bound), *_children(recipe.bound)]
        lines += ["", *_braces(f"recipe {recipe.name} for {graph.name}", body)]
    return "\n".join(lines) + "\n"


def _fields(bound: Bound) -> list[str]:
    return [f"{name} = {text}" for name, text in settings(bound.op).items()]


def _children(bound: Bound) -> Iterator[str]:
    for child in bound.children:
        yield from _stack(child) if child.block.slot == "stack" else _block(child)


def _block(bound: Bound) -> list[str]:
    head = " ".join(word for word in (bound.block.slot, bound.block.keyword) if word)
    return _braces(head, [*_fields(bound), *_children(bound)])


def _stack(bound: Bound) -> list[str]:
    """A stack's distinct layers as templates, and the pattern of their names."""
    names: dict[tuple[str, ...], str] = {}
    pattern: list[str] = []
    for layer in bound.children:
        body = (*_fields(layer), *_children(layer))
        name = names.setdefault(body, _free_name(layer.block.name or "layer", names.values()))
        pattern.append(name)
    templates = [line for body, name in names.items() for line in _braces(f"layer {name}", body)]
    head = f"stack {bound.block.name}"
    return _braces(head, [*_fields(bound), *templates, f"layers = {_pattern(pattern)}"])


def _free_name(wanted: str, taken: Iterable[str]) -> str:
    """The name, or the first of `name_2`, `name_3`, … that no other template has."""
    used = set(taken)
    number = 2
    name = wanted
    while name in used:
        name, number = f"{wanted}_{number}", number + 1
    return name


def _pattern(names: Sequence[str]) -> str:
    """`[a, b] * 3` for what repeats as a whole, else runs: `[a] * 2 + [b]`."""
    for period in range(1, len(names) // 2 + 1):
        if len(names) % period == 0 and list(names) == list(names[:period]) * (len(names) // period):
            return f"[{', '.join(names[:period])}] * {len(names) // period}"
    runs: list[tuple[str, int]] = []
    for name in names:
        count = runs.pop()[1] if runs and runs[-1][0] == name else 0
        runs.append((name, count + 1))
    return " + ".join(f"[{name}]" + (f" * {count}" if count > 1 else "") for name, count in runs) or "[]"


def _braces(head: str, body: Sequence[str]) -> list[str]:
    return [f"{head} {{", *(_INDENT + line for line in body), "}"] if body else [f"{head} {{}}"]
