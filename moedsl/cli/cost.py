"""`moedsl cost`: parameters, operations and bytes, counted from the spec alone."""

from __future__ import annotations

from typing import Any

import click

from moedsl.cli._exit import EPILOG
from moedsl.cli._report import require_graphs
from moedsl.cli._specs import check_specs, settings, spec_options
from moedsl.cli._text import columns, format_option, print_json

_DTYPES = ["float64", "float32", "bfloat16", "float16", "float8", "int8", "int4"]


@click.command(epilog=EPILOG, short_help="Count parameters, operations and bytes.")
@click.argument("paths", nargs=-1, metavar="PATH...", required=True)
@spec_options
@click.option("--batch", type=click.IntRange(1), default=1, show_default=True, help="Sequences in the cache.")
@click.option("--seq", type=click.IntRange(1), default=2048, show_default=True, help="Tokens per sequence.")
@click.option(
    "--dtype", type=click.Choice(_DTYPES), default="bfloat16", show_default=True, help="Of weights and cache."
)
@format_option
def command(
    paths: tuple[str, ...],
    model: str | None,
    params: tuple[str, ...],
    overrides: tuple[str, ...],
    batch: int,
    seq: int,
    dtype: str,
    form: str,
) -> None:
    """Count what the models of PATH weigh and cost: in all, and for each layer.

    \b
    moedsl cost specs/mixtral_8x7b.moe
    moedsl cost specs/demo.moe --seq 512 --batch 8 --dtype float32
    moedsl cost specs/ --format json
    """  # noqa: D301
    checked = check_specs(paths, settings(model, params, overrides))
    require_graphs(checked)
    from moedsl.checker.cost import cost_of

    counted = cost_of((graph for _, graph in checked.graphs), batch=batch, seq=seq, dtype=dtype)
    if form == "json":
        print_json(counted)
        return
    setting = f"{batch} x {seq} tokens, {dtype}"
    click.echo("\n\n".join(_table(found, setting) for found in counted["models"]))


def _table(found: dict[str, Any], setting: str) -> str:
    """A model's totals, then its layers; neighbours that cost the same share a line."""
    totals = [
        ("parameters", f"{found['total_params']:,}", short(found["total_params"])),
        ("active per token", f"{found['active_params']:,}", short(found["active_params"])),
        ("in embeddings", f"{found['embedding_params']:,}", short(found["embedding_params"])),
        ("operations per token", f"{found['flops_per_token']:,.0f}", short(found["flops_per_token"])),
        ("bytes of weights", f"{found['weight_bytes']:,}", size(found["weight_bytes"])),
        ("bytes of cache", f"{found['kv_cache_bytes']:,}", size(found["kv_cache_bytes"])),
    ]
    header = ("layer", "made from", "parameters", "active", "ops/token", "weights", "cache")
    layers = [header, *(_layer(group) for group in _alike(found["layers"]))]
    lines = [f"{found['model']} ({setting})", *columns(totals, right=frozenset({1, 2}), indent=2), ""]
    return "\n".join([*lines, *columns(layers, right=frozenset({2, 3, 4, 5, 6}), indent=2)])


def _alike(layers: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Layers in runs of neighbours that differ in their name alone."""
    groups: list[list[dict[str, Any]]] = []
    for layer in layers:
        if groups and {**groups[-1][-1], "name": ""} == {**layer, "name": ""}:
            groups[-1].append(layer)
        else:
            groups.append([layer])
    return groups


def _layer(group: list[dict[str, Any]]) -> tuple[str, ...]:
    first, last = group[0], group[-1]
    name = first["name"] if len(group) == 1 else f"{first['name']} .. {last['name'].rpartition('.')[2]}"
    times = f" x {len(group)}" if len(group) > 1 else ""
    return (
        name,
        first["template"] + times,
        short(first["total_params"]),
        short(first["active_params"]),
        short(first["flops_per_token"]),
        size(first["weight_bytes"]),
        size(first["kv_cache_bytes"]),
    )


def short(count: float) -> str:
    """A count for reading: `46.70B`, `12.9M`."""
    return _scaled(count, 1000, ("", "k", "M", "B", "T", "P"))


def size(count: float) -> str:
    """A number of bytes for reading: `87.0GiB`."""
    return _scaled(count, 1024, ("B", "KiB", "MiB", "GiB", "TiB", "PiB"))


def _scaled(count: float, step: int, units: tuple[str, ...]) -> str:
    power = 0
    while count >= step and power < len(units) - 1:
        count, power = count / step, power + 1
    digits = 0 if power == 0 else 1 if count >= 100 else 2
    return f"{count:.{digits}f}{units[power]}"
