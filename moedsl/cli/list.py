"""`moedsl list`: what there is to write, read from the registry, the presets and the pages."""

from __future__ import annotations

from collections.abc import Callable

import click

from moedsl.cli._exit import EPILOG
from moedsl.cli._text import columns, format_option, print_json
from moedsl.names import did_you_mean

Row = dict[str, str]


@click.command(epilog=EPILOG, short_help="List components, presets, codes or commands.")
@click.argument("what", default="components", metavar="[WHAT]")
@format_option
def command(what: str, form: str) -> None:
    """List WHAT there is: components, kinds, presets, codes, commands, or the components of one kind.

    \b
    moedsl list
    moedsl list router
    moedsl list presets
    moedsl list codes --format json
    """  # noqa: D301
    rows = _rows(what)
    if form == "json":
        print_json({"schema": "moedsl.list/1", what: rows})
        return
    for line in columns([tuple(row.values()) for row in rows]) if rows else [f"no {what}"]:
        click.echo(line)


def _rows(what: str) -> list[Row]:
    lists: dict[str, Callable[[], list[Row]]] = {
        "components": lambda: [row for kind in _kinds() for row in _components(kind)],
        "kinds": _kind_rows,
        "presets": _presets,
        "codes": _codes,
        "commands": _commands,
    }
    if what in lists:
        return lists[what]()
    if what in _kinds():
        return _components(what)
    help = did_you_mean(what, [*lists, *_kinds()]) or "use one of " + ", ".join(f"`{name}`" for name in lists)
    raise click.UsageError(f"there is nothing called `{what}` to list: {help}")


def _kinds() -> tuple[str, ...]:
    """Kinds that users write."""
    from moedsl.ops.kinds import KINDS

    return tuple(name for name in KINDS if name != "wiring")


def _kind_rows() -> list[Row]:
    from moedsl.ops.kinds import KINDS

    return [{"kind": name, "summary": KINDS[name].summary} for name in _kinds()]


def _components(kind: str) -> list[Row]:
    from moedsl.ops import registry
    from moedsl.ops.describe import summary

    found = [registry.find(kind, keyword) for keyword in registry.keywords(kind)]
    return [{"kind": op.kind, "keyword": op.keyword, "summary": summary(op)} for op in found if op is not None]


def _presets() -> list[Row]:
    from moedsl.checker.presets import presets

    return [{"preset": p.file, "model": p.model, "summary": p.summary} for p in presets()]


def _codes() -> list[Row]:
    from moedsl.codes import all_codes, page

    return [{"code": code, "slug": page(code).slug, "title": page(code).title} for code in all_codes()]


def _commands() -> list[Row]:
    from moedsl.cli.main import moedsl_command

    context = click.Context(moedsl_command, info_name="moedsl")
    commands = ((name, moedsl_command.get_command(context, name)) for name in moedsl_command.list_commands(context))
    return [{"command": name, "summary": c.get_short_help_str(limit=80)} for name, c in commands if c is not None]
