"""Device, precision, compilation and recomputation: how a model runs, which no spec has to know."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial

import torch

from moedsl.lower.model import Model
from moedsl.lower.regions import compile_layers, recompute_layers
from moedsl.ops.blocks.recipe import RecipeBlock
from moedsl.runtime.failures import failure
from moedsl.runtime.step import Autocast


def pick_device(name: str | None) -> torch.device:
    """The named device; without a name a GPU if there is one.

    Raises:
        ValueError: there is no such device here.
    """
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, NotImplementedError) as refusal:
        raise ValueError(f"there is no device `{name}` here") from refusal
    return device


def dtype_of(recipe: RecipeBlock) -> torch.dtype:
    """The precision of the weights."""
    return torch.float64 if recipe.precision == "float64" else torch.float32


def autocast_of(recipe: RecipeBlock, device: torch.device) -> Autocast:
    """The context of the forward pass."""
    if recipe.precision != "bfloat16":
        return nullcontext
    return partial(torch.autocast, device.type, dtype=torch.bfloat16)


def prepare_layers(model: Model, recipe: RecipeBlock, device: torch.device) -> None:
    """Recompute and compile layer by layer, where the recipe says so.

    A layer is the unit because equal layers share one compiled body. `auto` compiles on a GPU only: on a CPU it costs
    20 to 50 seconds before the first step and gains little.
    """
    recompute_layers(model, on=recipe.recompute)
    if recipe.compile == "on" or (recipe.compile == "auto" and device.type == "cuda"):
        compile_layers(model)


def set_determinism(recipe: RecipeBlock, device: torch.device) -> None:
    """Ask a GPU for operations that give the same bits each time; a CPU's do so already."""
    if device.type == "cuda" and recipe.deterministic:
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.utils.deterministic.fill_uninitialized_memory = False  # pyright: ignore[reportAttributeAccessIssue]


def seed_step(device: torch.device, seed: int) -> None:
    """Seed what a step draws from: `torch.manual_seed` would take longer than the rest of the loop."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)


@contextmanager
def memory_failures() -> Iterator[None]:
    """Running out of memory is the user's to mend, and has a code."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as refusal:
        raise _out_of_memory() from refusal
    except RuntimeError as refusal:
        if "can't allocate memory" not in str(refusal):
            raise
        raise _out_of_memory() from refusal


def _out_of_memory() -> Exception:
    help = "raise `accumulate`, lower `batch_size` or `block_size`, or set `recompute = true`"
    return failure("E1014", "there is not enough memory for this batch", help=help)
