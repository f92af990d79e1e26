"""`moedsl why`: where the value of a field comes from, from the op's default to the last override."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from moedsl.cli._exit import EPILOG
from moedsl.cli._report import require_graphs
from moedsl.cli._specs import check_specs, settings, spec_options
from moedsl.cli._text import columns, format_option, print_json
from moedsl.names import closest

if TYPE_CHECKING:
    from moedsl.checker.provenance import Histories, History, Step

_WORDS = {
    "default": "the op's default",
    "inherited": "taken from the enclosing block",
    "preset": "set by a preset",
    "written": "written here",
    "extends": "set by a model that extends it",
    "at": "overridden by `at`",
    "when": "set by `when`",
    "set": "overridden by `--set`",
    "argument": "given as an argument",
}


@click.command(epilog=EPILOG, short_help="Say where a field's value comes from.")
@click.argument("path", metavar="PATH")
@click.argument("name", metavar="FIELD")
@spec_options
@format_option
def command(
    path: str, name: str, model: str | None, params: tuple[str, ...], overrides: tuple[str, ...], form: str
) -> None:
    """Say where the value of FIELD comes from: everything that set it, first to last. The last one won.

    FIELD is a spec path such as decoder.layers.3.moe.router.top_k; without the last part, all fields of that place.

    \b
    moedsl why specs/demo.moe decoder.layers.0.moe.router.top_k
    moedsl why specs/demo.moe decoder.layers.0.moe.router
    """  # noqa: D301
    checked = check_specs([path], settings(model, params, overrides))
    require_graphs(checked)
    from moedsl.checker.provenance import histories

    owners = [owner for result in checked.results.values() for owner in histories(result).items()]
    found = [(owner, fields) for owner, places in owners if (fields := _matching(places, name))]
    if not found:
        raise click.UsageError(_unknown([places for _, places in owners], name))
    if form == "json":
        fields = [{"of": owner, **_data(*field)} for owner, fields in found for field in fields.items()]
        print_json({"schema": "moedsl.why/1", "fields": fields})
        return
    for owner, fields in found:
        if len(found) > 1:
            click.echo(f"{owner}:")
        for field, history in fields.items():
            click.echo(_text(field, history))


def _matching(places: Histories, name: str) -> dict[str, History]:
    """The fields that a path means: that one, or all of a place."""
    place, _, field = name.rpartition(".")
    if field in places.get(place, {}):
        return {name: places[place][field]}
    return {_join(name, field): origins for field, origins in places.get(name, {}).items()}


def _join(place: str, field: str) -> str:
    return f"{place}.{field}" if place else field


def _text(path: str, history: History) -> str:
    rows = [(str(step.span) if step.span else "-", step.value, _WORDS[step.how]) for step in history]
    return "\n".join([f"{path} = {history[-1].value}", *columns(rows, indent=2)])


def _data(path: str, history: History) -> dict[str, Any]:
    return {"path": path, "value": history[-1].value, "origins": [_step(step) for step in history]}


def _step(step: Step) -> dict[str, Any]:
    at = step.span.position if step.span else None
    return {
        "how": step.how,
        "value": step.value,
        "path": step.span.file.path if step.span else None,
        "line": at.line if at else None,
        "column": at.column if at else None,
    }


def _unknown(places: list[Histories], name: str) -> str:
    known = [
        n for group in places for place, fields in group.items() for n in (place, *(_join(place, f) for f in fields))
    ]
    best = closest(name, filter(None, known))
    return f"nothing here is called `{name}`: " + (f"did you mean `{best}`?" if best else "see `moedsl show --ir`")
