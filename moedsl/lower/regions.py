"""What can be done to each layer: compile it, recompute it in backward."""

from __future__ import annotations

from typing import Any

from torch import nn

from moedsl.lower.model import Layer, Model


def compile_layers(model: Model, **options: Any) -> None:
    """Run every layer through torch.compile, in place. Equal layers reuse one compiled body.

    Prefer this to `torch.compile(model)` for training: compile time grows with the number of distinct layers, not with
    depth.

    Args:
        model: Its layers are compiled at their first call.
        **options: For `torch.compile`; by default `fullgraph=True, dynamic=True`.
    """
    for layer in model.layers.values():
        layer.compile(**{"fullgraph": True, "dynamic": True, **options})


def recompute_layers(model: Model, *, on: bool = True) -> None:
    """Keep only the inputs of each layer, and compute the rest again in backward: less memory, a third more time."""
    for layer in model.layers.values():
        _layer_in(layer).recompute = on


def _layer_in(module: nn.Module) -> Layer:
    """The layer itself, also inside a wrapper."""
    return next(m for m in module.modules() if isinstance(m, Layer))
