"""What to train: one recipe and one model of a spec, checked and found to fit each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moedsl.checker.fit import fit
from moedsl.checker.recipe import BoundRecipe
from moedsl.checker.run import CheckResult, check
from moedsl.checker.settings_text import parse_param
from moedsl.diagnostics import Diagnostic, Report
from moedsl.ir.digests import digests
from moedsl.ir.graph import Graph
from moedsl.names import did_you_mean
from moedsl.runtime.failures import RunFailure, failure
from moedsl.runtime.folder import recipe_digest, training_fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the user asked for; kept in `run.json`, so that resuming asks for the same."""

    spec: str
    """The path of the spec."""
    recipe: str | None = None
    params: tuple[str, ...] = ()
    """Values of the model's parameters, as `NAME=VALUE`."""
    overrides: tuple[str, ...] = ()
    steps: int | None = None
    """Instead of the recipe's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A recipe and the model it trains."""

    request: Request
    graph: Graph
    recipe: BoundRecipe
    folder: Path
    """Where the corpus's relative paths start."""
    sources: Mapping[str, str]
    """The texts of the spec and of what it imports, by path below their root."""
    warnings: tuple[Diagnostic, ...] = ()
    """What the check found besides errors."""

    @property
    def steps(self) -> int:
        """How many updates to do."""
        return self.request.steps or self.recipe.recipe.steps

    @property
    def digests(self) -> dict[str, str]:
        """Of the model and of the recipe."""
        return {**digests(self.graph), "recipe": recipe_digest(self.recipe)}

    @property
    def training_fields(self) -> dict[str, Any]:
        """What of the recipe changes what is computed, with the steps that were asked for."""
        return {**training_fields(self.recipe), "steps": self.steps}


def find_job(request: Request, *, folder: Path | None = None, text: str | None = None) -> Job:
    """Check a spec and take the recipe and the model that were asked for.

    Args:
        request: What the user asked for.
        folder: Where relative paths of corpora start, if not at the spec.
        text: The spec itself, where it is no file.

    Raises:
        RunFailure: the spec has errors, or recipe and model do not fit.
    """
    path = Path(request.spec)
    params, overrides = _params(request), request.overrides
    if text is None:
        result = check(path, params=params, overrides=overrides)
    else:
        result = check(f"{text}\n", params=params, overrides=overrides, path="<stdin>")
    _raise_errors(result.diagnostics)
    recipe = _recipe(result, request.recipe, path)
    graph = _model(result, recipe)
    report = Report()
    if recipe.model is None:
        fit(recipe, graph, report)
    _raise_errors(tuple(report))
    return Job(
        request=request,
        graph=graph,
        recipe=recipe,
        folder=folder or path.absolute().parent,
        sources=result.sources,
        warnings=(*result.diagnostics, *report),
    )


def _params(request: Request) -> dict[str, object]:
    report, values = Report(), {}
    for text in request.params:
        name, _, value = text.partition("=")
        values[name.strip()] = parse_param(name.strip(), value, report)
    _raise_errors(tuple(report))
    return values


def _raise_errors(diagnostics: tuple[Any, ...]) -> None:
    errors = [d for d in diagnostics if d.severity == "error"]
    if errors:
        raise RunFailure(*errors)


def _recipe(result: CheckResult, name: str | None, path: Path) -> BoundRecipe:
    """The recipe of that name, or the only one."""
    known = result.recipes
    if name is not None and name in known:
        return known[name]
    if name is not None:
        help = did_you_mean(name, known) or f"write `recipe {name} for MODEL {{ data … }}`"
        raise failure("E1015", f"`{path}` has no recipe `{name}`", help=help)
    if len(known) == 1:
        return next(iter(known.values()))
    if not known:
        help = "write `recipe NAME for MODEL { data python_docs {} }`"
        raise failure("E1015", f"`{path}` has no recipe", help=help)
    names = ", ".join(f"`{path}::{n}`" for n in known)
    raise failure("E1015", f"`{path}` has {len(known)} recipes", help=f"say which one: {names}")


def _model(result: CheckResult, recipe: BoundRecipe) -> Graph:
    """The model that a recipe is for, or the only one."""
    if recipe.model is not None and recipe.model in result.graphs:
        return result.graphs[recipe.model]
    if recipe.model is None and len(result.graphs) == 1:
        return next(iter(result.graphs.values()))
    if recipe.model is None:
        names = ", ".join(f"`{n}`" for n in result.graphs) or "none"
        message = f"recipe `{recipe.name}` does not say which model it is for: there are {names}"
        raise failure("E1016", message, recipe.span("recipe"), help=f"write `recipe {recipe.name} for MODEL {{ … }}`")
    message = f"recipe `{recipe.name}` is for `{recipe.model}`, whose parameters need values"
    raise failure("E1018", message, recipe.span("recipe"), help="give them with `--param NAME=VALUE`")
