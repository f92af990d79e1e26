"""A spec in, a model out."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch

from moedsl.checker.run import CheckResult, check
from moedsl.diagnostics import Diagnostic, SpecError
from moedsl.ir.graph import Graph
from moedsl.lower.model import Model, lower
from moedsl.passes.pipeline import run_pipeline
from moedsl.render.text import render_text

MESSAGE_WIDTH = 100


def compile(
    source: str | Path,
    model: str | None = None,
    *,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
    seed: int = 0,
    **params: object,
) -> Model:
    """Check a spec, build its graph, rewrite it, lower it.

    A parameter of the model that is called `model`, `device`, `dtype` or `seed` cannot be given here; extend the model
    in a spec instead: `model Mine extends Theirs(seed = 1) {}`.

    Args:
        source: The path of a `.moe` file, perhaps `FILE::MODEL`, or a text.
        model: Which model; the last one of the file when left out.
        device: Where its parameters live; on `meta` they have no memory and are not initialised.
        dtype: Of parameters that hold fractions; torch's default when left out.
        seed: What the initial values are drawn from.
        **params: Values for the model's parameters.

    Raises:
        SpecError: the spec has errors. The text shows them, `.diagnostics` holds them.
    """
    graph = _graph(check(source, model=model, params=params))
    return lower(run_pipeline(graph), device=device, dtype=dtype, seed=seed)


def _graph(result: CheckResult) -> Graph:
    errors = tuple(d for d in result.diagnostics if d.severity == "error")
    if errors:
        raise SpecError(_text(errors), errors)
    if result.graph is None:
        raise SpecError("the spec holds no model to compile", ())
    return result.graph


def _text(diagnostics: Iterable[Diagnostic]) -> str:
    return render_text(diagnostics, color=False, width=MESSAGE_WIDTH)
