"""`moedsl show`: a checked model, seen in one of several ways."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from moedsl.cli._exit import EPILOG
from moedsl.cli._extras import require
from moedsl.cli._report import require_graphs
from moedsl.cli._specs import check_specs, settings, spec_options
from moedsl.cli._text import columns, format_option, print_json

if TYPE_CHECKING:
    from moedsl.checker.bind import Bound
    from moedsl.ir.graph import Graph


@click.command(epilog=EPILOG, short_help="Show a model resolved, as parameters, graph, code or digests.")
@click.argument("path")
@spec_options
@click.option("--resolved", "view", flag_value="resolved", default="resolved", help="As .moe, every field written out.")
@click.option("--params", "view", flag_value="params", help="Its parameters: shapes, dtypes, how they start.")
@click.option("--ir", "view", flag_value="ir", help="Its graph.")
@click.option("--code", "view", flag_value="code", help="The code it lowers to; needs moedsl[torch].")
@click.option("--digests", "view", flag_value="digests", help="Its digests.")
@click.option("--json", "view", flag_value="json", help="Its graph as JSON.")
@format_option
def command(
    path: str,
    model: str | None,
    params: tuple[str, ...],
    overrides: tuple[str, ...],
    view: str,
    form: str,
) -> None:
    """Show the models of PATH. Without an option, resolved: no preset, parameter or override is left.

    \b
    moedsl show specs/mixtral_8x7b.moe
    moedsl show specs/demo.moe --params
    moedsl show specs/demo.moe --ir --set decoder.layers.0.moe.momentum.mu=0
    moedsl show specs/demo.moe --digests --format json
    """  # noqa: D301
    if view == "code":
        require("torch")
    checked = check_specs([path], settings(model, params, overrides))
    require_graphs(checked)
    found = [(graph, r.bound[name]) for r in checked.results.values() for name, graph in r.graphs.items()]
    text, data = _VIEWS[view]
    if form == "json" or view == "json":
        models = [{"model": graph.name, view: data(graph, bound)} for graph, bound in found]
        print_json({"schema": "moedsl.show/1", "models": models})
    else:
        click.echo("\n".join(text(graph, bound) for graph, bound in found), nl=False)


def _resolved(graph: Graph, bound: Bound) -> str:
    from moedsl.checker.resolved import resolved

    return resolved(graph, bound)


def _params(graph: Graph, bound: Bound) -> str:
    header = ("parameter", "shape", "axes", "starts", "notes")
    rows = [
        (p["path"], str(p["shape"]), " ".join(p["axes"]), p["starts"], p["notes"]) for p in _param_list(graph, bound)
    ]
    return _with_title(graph, columns([header, *rows], indent=2))


def _param_list(graph: Graph, bound: Bound) -> list[dict[str, Any]]:
    return [
        {
            "path": p.path,
            "shape": list(p.shape),
            "axes": list(p.axes),
            "dtype": p.dtype,
            "starts": _start(p.init.rule, p.init.scale),
            "trainable": p.trainable,
            "tied_to": p.tied_to,
            "notes": _notes(p.trainable, p.tied_to),
        }
        for p in graph.params.values()
    ]


def _start(rule: str, scale: float) -> str:
    return {"constant": f"{scale:.4g}", "uniform": f"uniform ±{scale:.4g}", "normal": f"normal {scale:.4g}"}[rule]


def _notes(trainable: bool, tied_to: str | None) -> str:
    if tied_to:
        return f"the same tensor as {tied_to}"
    return "" if trainable else "not trained"


def _ir(graph: Graph, bound: Bound) -> str:
    from moedsl.ir.text import to_text

    return to_text(graph).rstrip("\n") + "\n"


def _graph_json(graph: Graph, bound: Bound) -> dict[str, Any]:
    from moedsl.ir.json import to_json

    return to_json(graph, source=True)


def _code(graph: Graph, bound: Bound) -> str:
    from moedsl.lower.code import show_code
    from moedsl.lower.model import lower

    return show_code(lower(graph, device="meta"))


def _digests(graph: Graph, bound: Bound) -> str:
    return _with_title(graph, columns(list(_digest_map(graph, bound).items()), indent=2))


def _digest_map(graph: Graph, bound: Bound) -> dict[str, str]:
    from moedsl.ir.digests import digests

    return digests(graph)


def _with_title(graph: Graph, lines: list[str]) -> str:
    return "\n".join([graph.name, *lines]) + "\n"


_View = Callable[["Graph", "Bound"], Any]
_VIEWS: dict[str, tuple[_View, _View]] = {
    "resolved": (_resolved, _resolved),
    "params": (_params, _param_list),
    "ir": (_ir, _graph_json),
    "json": (_ir, _graph_json),
    "code": (_code, _code),
    "digests": (_digests, _digest_map),
}
"""How each view is written for a person, and for a program."""
