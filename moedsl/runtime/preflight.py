"""What can be known before hours are spent: enough text, and enough room on the disk."""

from __future__ import annotations

import shutil
from collections.abc import Mapping

import numpy as np

from moedsl.checker.recipe import BoundRecipe
from moedsl.diagnostics import Diagnostic, Label
from moedsl.ir.graph import Graph
from moedsl.ops.unusable import UnusableData
from moedsl.runtime.batches import Batches, ParallelRows, ShuffledBlocks
from moedsl.runtime.checkpoint import num_saved
from moedsl.runtime.failures import RunFailure, failure
from moedsl.runtime.folder import RunFolder

_BYTES_PER_PARAMETER = 12
"""Weights and two averages of Adam, each float32."""


def check_room(graph: Graph, recipe: BoundRecipe, run: RunFolder) -> None:
    """Refuse to start where the checkpoints that are still to come will not fit.

    Raises:
        RunFailure: the disk is too full (E1013).
    """
    loop = recipe.recipe
    parameters = sum(p.count for p in graph.params.values() if p.tied_to is None)
    each = parameters * _BYTES_PER_PARAMETER * (2 if loop.precision == "float64" else 1)
    needed = each * max(1, loop.keep + 1 - num_saved(run.checkpoints))
    free = shutil.disk_usage(run.path).free
    if free < needed:
        raise failure(
            "E1013",
            f"checkpoints need {_size(needed)} and `{run.path}` has {_size(free)} free",
            recipe.span("recipe", "keep"),
            help="free some space, choose another disk with `--out`, or lower `keep`",
        )


def make_batches(tokens: Mapping[str, np.ndarray], recipe: BoundRecipe) -> Batches:
    """The training set, as the recipe wants it read.

    Raises:
        RunFailure: a split is shorter than one block (E1005).
    """
    loop = recipe.recipe
    rows = loop.batch_size if loop.carry_cache else 1
    for name, least in (("train", rows), ("held_out", 1)):
        if len(tokens[name]) // least <= loop.block_size:
            raise RunFailure(_too_short(recipe, name, len(tokens[name]), least))
    sizes = {"block_size": loop.block_size, "batch_size": loop.batch_size}
    if loop.carry_cache:
        return ParallelRows(tokens=tokens["train"], **sizes)
    return ShuffledBlocks(tokens=tokens["train"], seed=loop.seed, **sizes)


def unusable(recipe: BoundRecipe, refusal: UnusableData) -> RunFailure:
    """The failure that points at the field of the recipe which a corpus or tokenizer refused."""
    problem = refusal.problem
    span = recipe.span(refusal.slot, problem.field)
    return RunFailure(Diagnostic(code=problem.code, message=problem.message, span=span, help=problem.help))


def _too_short(recipe: BoundRecipe, split: str, found: int, rows: int) -> Diagnostic:
    part = "training" if split == "train" else "held-out"
    needed = rows * (recipe.recipe.block_size + 1)
    return Diagnostic(
        code="E1005",
        message=f"the {part} text has {found} tokens, and {needed} are the least to train on",
        span=recipe.span("data"),
        labels=(Label(span=recipe.span("recipe", "block_size"), text=f"blocks of {recipe.recipe.block_size} tokens"),),
        help="lower `block_size`" + (" or `batch_size`" * (rows > 1)) + ", hold out another share, or use more text",
    )


def _size(count: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"
