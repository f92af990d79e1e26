"""From syntax to resolved blocks: after it, imports, presets, `extends`, variables, `when`, stacks and `at` are gone.

Order of writing never matters, except where it is meaning: sublayers of a layer, items of a list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from moedsl.checker import hir
from moedsl.checker.evaluation import Evaluation
from moedsl.checker.given import given_params, suited
from moedsl.checker.limits import Exhausted
from moedsl.checker.loader import Loader
from moedsl.checker.modules import Modules
from moedsl.checker.rehearsal import rehearse
from moedsl.checker.scope import Definition, Scope, Variable
from moedsl.checker.templates import declared_params
from moedsl.checker.unused import report_unused
from moedsl.checker.values import Given
from moedsl.diagnostics import Diagnostic, Report
from moedsl.names import did_you_mean
from moedsl.syntax import ast


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """What a file says, resolved."""

    models: tuple[hir.Model, ...] = ()
    """In the order written; with errors in the report they may be incomplete."""
    recipes: tuple[hir.Recipe, ...] = ()
    warnings: tuple[Diagnostic, ...] = ()
    """About names that nothing uses; worth saying where all else is right, for a mistyped name explains them."""
    open: tuple[str, ...] = ()
    """Models that were searched for errors and left out, because parameters without default were not given."""
    spare: tuple[hir.Spare, ...] = ()
    """What no model has and yet may be wrong in itself; for binding, to find its errors."""


def evaluate(
    file: ast.File,
    loader: Loader,
    report: Report,
    *,
    model: str | None = None,
    params: Mapping[str, object] | None = None,
    overrides: Sequence[ast.Assign] = (),
) -> Evaluated:
    """Resolve the models and recipes of a file.

    Args:
        file: What the parser made.
        loader: Reads what the file imports.
        report: Takes the findings.
        model: Only this model; all of them when left out.
        params: Values for parameters; they go to every evaluated model that has them.
        overrides: Assignments to apply last, their paths as in the state dict; `NAME.…` may be a recipe's.
    """
    evaluation = Evaluation(report)
    try:
        scope = Modules(ev=evaluation, loader=loader).scope(file)
        return _File(evaluation, file, scope).evaluate(model, params or {}, overrides)
    except Exhausted:
        return Evaluated()


@dataclass(frozen=True, slots=True)
class _File:
    """The file that is checked."""

    ev: Evaluation
    file: ast.File
    scope: Scope

    def evaluate(self, model: str | None, params: Mapping[str, object], overrides: Sequence[ast.Assign]) -> Evaluated:
        """All that was asked for, then what nobody uses."""
        for named in list(self.scope.names.values()):
            if isinstance(named, Variable):
                self.ev.variables.compute(named)
        chosen = self._definitions("model", only=model)
        recipes = self._definitions("recipe")
        given = given_params(params, self.scope, self.ev.report)
        self._check_params(given, chosen)
        names = {r.name for r in recipes}
        models = {d.name: self._model(d, given, model, [o for o in overrides if not _is_for(o, names)]) for d in chosen}
        resolved = [self.ev.models.recipe(d, overrides=[o for o in overrides if _is_for(o, {d.name})]) for d in recipes]
        rehearse(self.ev, self.scope)
        unused = Report()
        report_unused(self.file, self.scope, unused)
        return Evaluated(
            models=tuple(m for m in models.values() if m is not None),
            recipes=tuple(r for r in resolved if r is not None),
            warnings=tuple(unused),
            open=tuple(name for name, m in models.items() if m is None),
            spare=tuple(self.ev.spare),
        )

    def _definitions(self, word: str, *, only: str | None = None) -> list[Definition]:
        found = {d.name: d for d in self.scope.names.values() if isinstance(d, Definition) and d.node.slot.text == word}
        if only is None:
            return list(found.values())
        if only not in found:
            help = did_you_mean(only, found) or f"this file declares no {word}"
            self.ev.report.add("E0207", f"there is no {word} `{only}` in `{self.file.source.path}`", None, help=help)
        return [found[only]] if only in found else []

    def _model(
        self, definition: Definition, given: Sequence[Given], only: str | None, overrides: Sequence[ast.Assign]
    ) -> hir.Model | None:
        own = suited(given, declared_params(definition.node), self.scope)
        span = definition.span if only is not None else None
        return self.ev.models.model(definition, own, span, overrides=overrides)

    def _check_params(self, given: Sequence[Given], chosen: Sequence[Definition]) -> None:
        """A value that no model takes is a mistake."""
        known = {p.name.text for d in chosen for p in declared_params(d.node)}
        for one in given:
            if one.name not in known and chosen:
                words = f"no model here has a parameter `{one.name}`"
                self.ev.report.add("E0211", words, one.name_span, help=did_you_mean(one.name or "", known))


def _is_for(override: ast.Assign, recipes: set[str]) -> bool:
    return len(override.path) > 1 and override.path[0].text in recipes
