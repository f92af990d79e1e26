"""`moedsl compile`: from a spec to a PyTorch model, as a test that it lowers or as a file to keep."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from moedsl.cli._exit import EPILOG, ExitCode, Stop
from moedsl.cli._extras import require
from moedsl.cli._files import write_text
from moedsl.cli._report import require_graphs
from moedsl.cli._specs import Checked, check_specs, settings, spec_options

if TYPE_CHECKING:
    from moedsl.ir.graph import Graph
    from moedsl.lower.model import Model


@click.command(epilog=EPILOG, short_help="Lower a spec to PyTorch code.")
@click.argument("path")
@spec_options
@click.option("--emit", type=click.Choice(["python", "fx"]), help="Write one self-contained module, or the fx code.")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write here, all or nothing.")
def command(
    path: str,
    model: str | None,
    params: tuple[str, ...],
    overrides: tuple[str, ...],
    emit: str | None,
    output: Path | None,
) -> None:
    """Lower a model of PATH (the last one, unless --model says which) to PyTorch. Needs moedsl[torch].

    Without --emit it only tells what came out; no weights are allocated.

    \b
    moedsl compile specs/demo.moe
    moedsl compile specs/demo.moe --emit python -o demo_model.py
    moedsl compile specs/demo.moe::Demo --param pairs=6 --emit fx
    """  # noqa: D301
    if output is not None and emit is None:
        raise click.UsageError("`-o` needs something to write: add `--emit python` or `--emit fx`")
    require("torch")
    checked = check_specs([path], settings(model, params, overrides))
    require_graphs(checked)
    graph = _only(checked, path)
    text = _emitted(graph, emit)
    if output is None:
        click.echo(text, nl=False)
    else:
        write_text(output, text)


def _only(checked: Checked, path: str) -> Graph:
    if len(checked.results) > 1:
        raise click.UsageError(f"`{path}` holds {len(checked.results)} specs: name one file")
    (result,) = checked.results.values()
    if result.graph is None:
        raise Stop(f"`{path}` holds no model", code=ExitCode.FINDINGS, help="add a `model NAME { … }`")
    return result.graph


def _emitted(graph: Graph, emit: str | None) -> str:
    from moedsl.lower.code import show_code
    from moedsl.lower.model import lower
    from moedsl.passes.pipeline import run_pipeline

    graph = run_pipeline(graph)
    if emit == "python":
        from moedsl.lower.emit import emit_python

        return emit_python(graph)
    lowered = lower(graph, device="meta")
    return show_code(lowered) if emit == "fx" else _summary(lowered)


def _summary(lowered: Model) -> str:
    layers = lowered.layers.values()
    bodies = len({type(layer) for layer in layers})
    total = sum(p.numel() for p in lowered.parameters())
    shared = "body" if bodies == 1 else "bodies"
    return f"{lowered.spec.name}: {len(layers)} layers that share {bodies} compiled {shared}, {total:,} parameters\n"
