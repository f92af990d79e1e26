"""The front door of the checker: a spec in, graphs and diagnostics out. Never raises for a user's mistake."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from moedsl.checker import hir
from moedsl.checker.bind import Binder, Bound
from moedsl.checker.build import build
from moedsl.checker.evaluate import evaluate
from moedsl.checker.fit import fit
from moedsl.checker.loader import Loader
from moedsl.checker.recipe import BoundRecipe, bind_recipe
from moedsl.checker.settings_text import parse_override
from moedsl.checker.statics import check_assertion
from moedsl.checker.survey import survey, survey_spare
from moedsl.diagnostics import Diagnostic, Report, SpecError
from moedsl.ir.graph import Graph
from moedsl.ir.verify import assert_valid
from moedsl.ops.blocks._slots import Slot

Source = str | bytes | os.PathLike[str]
MAX_SOURCE_NAME = 4096
MESSAGE_WIDTH = 100


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """What a check found."""

    diagnostics: tuple[Diagnostic, ...]
    graphs: Mapping[str, Graph] = field(default_factory=dict)
    """Every model that is free of errors, by name, in the order written."""
    recipes: Mapping[str, BoundRecipe] = field(default_factory=dict)
    bound: Mapping[str, Bound] = field(default_factory=dict, repr=False)
    """The blocks behind each graph, with every field resolved."""
    sources: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The texts of the spec and of the project's files that it imports, by path below the root, the spec first."""

    @property
    def ok(self) -> bool:
        """Whether there is no error; warnings may be."""
        return all(d.severity != "error" for d in self.diagnostics)

    @property
    def graph(self) -> Graph | None:
        """The only model, or the last one of several; none when there is none without errors."""
        return next(iter(list(self.graphs.values())[-1:]), None)

    def require(self) -> None:
        """Raise unless there is no error.

        Raises:
            SpecError: its text shows the errors, its `.diagnostics` holds them.
        """
        errors = tuple(d for d in self.diagnostics if d.severity == "error")
        if errors:
            from moedsl.render.text import render_text

            raise SpecError(render_text(errors, color=False, width=MESSAGE_WIDTH), errors)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """What a check makes is kept and has few cycles; walking it again and again made it slower than linear."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@_collector_paused()
def check(
    source: Source,
    *,
    model: str | None = None,
    params: Mapping[str, object] | None = None,
    overrides: str | Sequence[str] | None = None,
    path: str | None = None,
) -> CheckResult:
    """Check a spec.

    Args:
        source: The path of a `.moe` file, perhaps `FILE::MODEL`, or a text: bytes, or anything with a line break or a
            brace.
        model: Check only this model; all of them when left out.
        params: Values for the model's parameters; they go to `model`, or to every model that has them.
        overrides: Settings such as `decoder.layers.3.moe.router.top_k=1`, applied last.
        path: The name to show for a text in messages.
    """
    report = Report()
    if isinstance(source, str) and not _is_text(source):
        name, _, wanted = source.partition("::")
        source, model = Path(name), model or wanted or None
    loader = Loader.of(source, str(path or "<text>"), report)
    file = loader.main() if loader else None
    if loader is None or file is None:
        return CheckResult(diagnostics=tuple(report))
    texts = (overrides,) if isinstance(overrides, str) else overrides or ()
    assigns = [a for text in texts if (a := parse_override(str(text), report)) is not None]
    evaluated = evaluate(file, loader, report, model=_name(model), params=dict(params or {}), overrides=assigns)
    is_sound = not report.has_errors
    built = {m.name: b for m in evaluated.models if (b := _graph(m, report)) is not None and is_sound}
    _search(evaluated.spare, report)
    recipes = {r.name: b for r in evaluated.recipes if (b := bind_recipe(r, report)) is not None}
    for recipe in recipes.values():
        if recipe.model in built:
            fit(recipe, built[recipe.model][1], report)
    for warning in () if report.has_errors else evaluated.warnings:
        report.keep(warning)
    return CheckResult(
        diagnostics=_ordered(report),
        graphs={name: graph for name, (_, graph) in built.items()},
        recipes=recipes,
        bound={name: bound for name, (bound, _) in built.items()},
        sources=loader.sources,
    )


def _search(spare: Sequence[hir.Spare], report: Report) -> None:
    """Report what is wrong with blocks that no model has."""
    binder = Binder(report=report)
    for one in spare:
        bound = binder.bind(one.block, Slot(kind=one.kind))
        if bound is not None and one.block.slot == "model":
            survey(bound, report)


def _name(model: object) -> str | None:
    return None if model is None else str(model)


def _is_text(source: str) -> bool:
    is_name = bool(source.strip()) and not source.startswith("::")
    return not is_name or any(mark in source for mark in "\n\r{}") or len(source) > MAX_SOURCE_NAME


def _graph(model: hir.Model, report: Report) -> tuple[Bound, Graph] | None:
    """The model's blocks and its graph, when neither binding nor building nor an assertion adds an error."""
    mine, before = Report(), len(report.diagnostics)
    made = _wired(model, mine)
    if made is not None:
        for assertion in model.assertions:
            check_assertion(assertion, made[1], mine, build=_counted)
    for diagnostic in mine:
        report.keep(diagnostic)
    told = report.diagnostics[before:]
    return None if mine.has_errors or any(d.severity == "error" for d in told) else made


def _wired(model: hir.Model, report: Report) -> tuple[Bound, Graph] | None:
    bound = Binder(report=report).bind(model.block)
    if bound is None:
        return None
    if not bound.is_complete:
        survey(bound, report)
        return None
    graph = build(model, bound, report)
    survey_spare(bound, report)
    if report.has_errors:
        return None
    assert_valid(graph)
    return bound, graph


def _counted(model: hir.Model) -> Graph | None:
    """The graph of a model that an assertion only counts; its own errors are told where it is checked itself."""
    made = _wired(model, Report())
    return None if made is None else made[1]


def _ordered(report: Report) -> tuple[Diagnostic, ...]:
    """By file in order of appearance, then by place."""
    files: dict[int, int] = {}
    for d in report:
        files.setdefault(id(d.span.file) if d.span else 0, len(files))
    return tuple(
        sorted(report, key=lambda d: (files[id(d.span.file) if d.span else 0], d.span.start if d.span else -1))
    )
