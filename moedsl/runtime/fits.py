"""Whether a checkpoint was trained from this spec, and what differs when it was not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from safetensors import SafetensorError, safe_open

from moedsl.ir.graph import Graph
from moedsl.runtime.checkpoint import MODEL, Checkpoint
from moedsl.runtime.failures import failure

RESUMING = ("arch", "params", "numerics", "interface", "training")
"""What must be equal for a resumed run to compute the same losses."""
USING = ("arch", "params", "numerics", "interface")
"""What must be equal for a trained model to compute what it was trained to."""
_MOST_SHOWN = 6


def check_fit(checkpoint: Checkpoint, graph: Graph, digests: Mapping[str, str], *, levels: tuple[str, ...]) -> None:
    """Refuse a checkpoint of another model.

    Raises:
        RunFailure: a digest differs; the note lists the tensors that do (E0903).
    """
    differing = [level for level in levels if checkpoint.digests.get(level) != digests[level]]
    if not differing:
        return
    tensors = list(_differing_tensors(checkpoint, graph))
    raise failure(
        "E0903",
        f"checkpoint `{checkpoint.folder.name}` was trained from another spec: {_and(differing)} differ",
        note=_listed(tensors, "; ") or "every tensor has the same shape: what differs is how they are used",
        help="use the spec that lies in the run folder, or start a new run",
    )


def check_recipe(saved: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuse to go on with a recipe that computes something else.

    Raises:
        RunFailure: a field differs (E0904).
    """
    differing = [name for name in sorted({*saved, *now}) if saved.get(name) != now.get(name)]
    if not differing:
        return
    changes = [f"`{name}` was {_value(saved.get(name))} and is {_value(now.get(name))}" for name in differing]
    help = "undo that, start a new run, or pass `--steps` to train longer"
    raise failure("E0904", f"the recipe has changed since this run began: {_listed(changes, ', ')}", help=help)


def _differing_tensors(checkpoint: Checkpoint, graph: Graph) -> Iterator[str]:
    wanted = {path: p.shape for path, p in graph.params.items() if p.tied_to is None}
    saved = _shapes(checkpoint)
    for path in [*wanted, *(path for path in saved if path not in wanted)]:
        old, new = saved.get(path), wanted.get(path)
        if old is None:
            yield f"`{path}` {_shape(new)} is new"
        elif new is None:
            yield f"`{path}` {_shape(old)} is gone"
        elif old != new:
            yield f"`{path}` was {_shape(old)} and is {_shape(new)}"


def _shapes(checkpoint: Checkpoint) -> dict[str, tuple[int, ...]]:
    try:
        with safe_open(checkpoint.folder / MODEL, framework="np") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError):
        return {}


def _listed(words: list[str], between: str) -> str:
    more = [f"and {len(words) - _MOST_SHOWN} more"] if len(words) > _MOST_SHOWN else []
    return between.join([*words[:_MOST_SHOWN], *more])


def _value(value: object) -> str:
    """As it is written in a spec."""
    return "none" if value is None else json.dumps(value)


def _shape(shape: tuple[int, ...] | None) -> str:
    return "[" + ", ".join(map(str, shape or ())) + "]"


def _and(words: list[str]) -> str:
    """`arch` and `params`; a single one gets a noun, so that "differ" fits both."""
    *first, last = (f"`{w}`" for w in words)
    return f"{', '.join(first)} and {last}" if first else f"its digests of {last}"
