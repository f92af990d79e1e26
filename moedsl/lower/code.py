"""The generated code of a model as text to read."""

from __future__ import annotations

import re

from moedsl.lower.lowered import Lowered
from moedsl.lower.model import Layer, Model

FREED = re.compile(r";  (\w+ = )+None$", re.MULTILINE)
"""How fx drops values after their last use; it says nothing about the model."""


def show_code(model: Model) -> str:
    """The model's own code and that of each distinct layer, once, with the layers that run it."""
    groups: dict[type, list[str]] = {}
    layers = {name: layer for name, layer in model.layers.items() if isinstance(layer, Layer)}
    for name, layer in layers.items():
        groups.setdefault(type(layer), []).append(name)
    parts = [_section(model, "the model")]
    parts += [_section(layers[names[0]], ", ".join(names)) for names in groups.values()]
    return "\n\n".join(parts) + "\n"


def _section(module: Lowered, what: str) -> str:
    body = FREED.sub("", module.code.strip()).replace("\n", "\n    ")
    return f"# {what}\nclass {type(module).__name__}(nn.Module):\n    {body}"
