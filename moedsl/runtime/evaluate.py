"""Loss on text that was not trained on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from moedsl.lower.output import Caches
from moedsl.ops.blocks.recipe import RecipeBlock
from moedsl.runtime.batches import Batch, ParallelRows, held_out
from moedsl.runtime.engine import autocast_of
from moedsl.runtime.metrics import describe_loss
from moedsl.runtime.step import Autocast, token_loss


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What a model makes of a text."""

    loss: float
    """Mean negative log-likelihood per token."""
    tokens: int
    loads: dict[str, list[float]]
    """Tokens per expert, by layer."""

    def described(self, bytes_per_token: float) -> dict[str, float]:
        """The loss as people compare it."""
        return describe_loss(self.loss, bytes_per_token=bytes_per_token)


def evaluate_as(
    recipe: RecipeBlock, model: nn.Module, tokens: np.ndarray, *, limit: int | None, device: torch.device
) -> Evaluation:
    """Mean loss with the blocks, parts and precision of a recipe."""
    return evaluate(
        model,
        tokens,
        block_size=recipe.block_size,
        batch_size=recipe.batch_size // recipe.accumulate,
        limit=limit,
        carry_cache=recipe.carry_cache,
        device=device,
        autocast=autocast_of(recipe, device),
    )


def evaluate(
    model: nn.Module,
    tokens: np.ndarray,
    *,
    block_size: int,
    batch_size: int,
    limit: int | None = None,
    carry_cache: bool = False,
    device: torch.device | str = "cpu",
    autocast: Autocast = nullcontext,
) -> Evaluation:
    """Mean loss over at most `limit` blocks, in evaluation mode; the model is left in the mode it was in."""
    rows = min(batch_size, (len(tokens) - 1) // block_size)
    if carry_cache:
        batches = _rows(tokens, block_size, rows, limit)
        caches = cast(Any, model).empty_cache(rows)
    else:
        batches, caches = held_out(tokens, block_size=block_size, batch_size=batch_size, limit=limit), None
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            return _mean(model, batches, caches, torch.device(device), autocast)
    finally:
        model.train(was_training)


def _mean(
    model: nn.Module, batches: Iterator[Batch], caches: Caches | None, device: torch.device, autocast: Autocast
) -> Evaluation:
    loss, count = torch.zeros((), dtype=torch.float64, device=device), 0
    loads: dict[str, Tensor] = {}
    for batch in batches:
        inputs_BS, targets_BS = (t.to(device) for t in batch)
        with autocast():
            out = model(inputs_BS, caches=caches)
        caches = None if caches is None else out.caches
        loss += token_loss(out.logits, targets_BS).double() * targets_BS.numel()
        count += targets_BS.numel()
        for layer, load_E in out.loads.items():
            loads[layer] = loads.get(layer, 0) + load_E.double()
    return Evaluation(loss=float(loss) / count, tokens=count, loads={n: x.tolist() for n, x in loads.items()})


def _rows(tokens: np.ndarray, block_size: int, rows: int, limit: int | None) -> Iterator[Batch]:
    """Blocks that continue each other, as caches want them."""
    source = ParallelRows(tokens=tokens, block_size=block_size, batch_size=rows)
    count = source.num_blocks if limit is None else min(source.num_blocks, max(1, limit // rows))
    return (source.batch(step) for step in range(1, count + 1))
