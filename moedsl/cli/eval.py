"""`moedsl eval`: the loss of a trained model on held-out text, or on a text of yours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from moedsl.cli._exit import EPILOG
from moedsl.cli._extras import require
from moedsl.cli._runs import device_of, device_option, reporting
from moedsl.cli._text import columns, format_option, print_json

if TYPE_CHECKING:
    import torch


@click.command(epilog=EPILOG, short_help="Loss of a trained model on text.")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--data", metavar="PATH", help="Text file or glob; the run's held-out text if not given.")
@click.option("--blocks", type=click.IntRange(min=1), help="At most this many blocks; all if not given.")
@device_option
@format_option
def command(run: Path, data: str | None, blocks: int | None, device: str | None, form: str) -> None:
    """Evaluate the model in the run folder RUN.

    \b
    moedsl eval runs/first
    moedsl eval runs/first --data 'corpus/*.txt' --format json
    """  # noqa: D301, click wants the character
    require("train")
    with reporting():
        found = _evaluate(run, data, blocks, device_of(device))
    if form == "json":
        print_json(found)
    else:
        for line in columns([(name, _shown(value)) for name, value in found.items() if not isinstance(value, dict)]):
            click.echo(line)


def _evaluate(run: Path, data: str | None, blocks: int | None, device: torch.device) -> dict[str, Any]:
    from moedsl.lower.model import lower
    from moedsl.runtime.metrics import balance
    from moedsl.runtime.runs import evaluate_run, open_run

    trained = open_run(run, device=device, build=lower)
    result, losses = evaluate_run(trained, data=data, limit=blocks, device=device)
    return {
        "schema": "moedsl.eval/1",
        "model": trained.job.graph.name,
        "step": trained.checkpoint.step,
        "tokens": result.tokens,
        **losses,
        "balance": {layer: balance(load_E) for layer, load_E in result.loads.items()},
    }


def _shown(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
