"""Plain columns and JSON for people and programs; rich is left to what draws while it runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import click

Format = click.Choice(["text", "json"])


def format_option(command: click.decorators.FC) -> click.decorators.FC:
    """`--format text|json`, for commands whose result a program may read."""
    option = click.option("--format", "form", type=Format, default="text", show_default=True, help="Who reads it.")
    return option(command)


def print_json(data: object) -> None:
    """One JSON document on standard output."""
    click.echo(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False))


def columns(rows: Iterable[Sequence[str]], *, right: frozenset[int] = frozenset(), indent: int = 0) -> list[str]:
    """Rows as aligned lines; the columns in `right` are flush right, the last one is never padded."""
    table = [tuple(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [" " * indent + _line(row, widths, right).rstrip() for row in table]


def _line(row: Sequence[str], widths: Sequence[int], right: frozenset[int]) -> str:
    cells = (c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True)))
    return "  ".join(cells)
