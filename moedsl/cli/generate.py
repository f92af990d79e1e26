"""`moedsl generate`: text from a trained model."""

from __future__ import annotations

from pathlib import Path

import click

from moedsl.cli._exit import EPILOG
from moedsl.cli._extras import require
from moedsl.cli._runs import device_of, device_option, reporting


@click.command(epilog=EPILOG, short_help="Text from a trained model.")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--prompt", default="\n", help="Text to continue; an empty line if not given.")
@click.option(
    "--max-tokens", type=click.IntRange(min=1), metavar="N", default=200, show_default=True, help="How many to add."
)
@click.option(
    "--temperature",
    type=click.FloatRange(min=0),
    metavar="T",
    default=0.8,
    show_default=True,
    help="0 takes the likeliest token.",
)
@click.option(
    "--top-p",
    type=click.FloatRange(min=0, max=1, min_open=True),
    metavar="P",
    default=1.0,
    show_default=True,
    help="Draw from the likeliest tokens that together have this probability.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    metavar="N",
    default=0,
    show_default=True,
    help="The same seed, the same text.",
)
@click.option("--no-cache", is_flag=True, help="Read the whole text again for each token; slower, same result.")
@device_option
def command(
    run: Path,
    prompt: str,
    max_tokens: int,
    temperature: float,
    top_p: float,
    seed: int,
    no_cache: bool,
    device: str | None,
) -> None:
    """Continue a text with the model in the run folder RUN.

    \b
    moedsl generate runs/first --prompt 'The statement'
    moedsl generate runs/first --prompt 'The statement' --temperature 0
    """  # noqa: D301, click wants the character
    require("train")
    from moedsl.lower.model import lower
    from moedsl.runtime.generate import continue_text, printable
    from moedsl.runtime.runs import open_run

    prompt = prompt.encode("utf-8", "surrogateescape").decode("utf-8", "replace") or "\n"
    with reporting():
        trained = open_run(run, device=device_of(device), build=lower)
        text = continue_text(
            trained,
            prompt,
            max_tokens=max_tokens,
            temperature=temperature,
            top_p=top_p,
            seed=seed,
            use_cache=not no_cache,
        )
    click.echo(printable(prompt + text))
