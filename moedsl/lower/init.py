"""How parameters start: the rules of the spec, drawn from a seed and the parameter's path alone.

Each parameter has a generator of its own, so its numbers depend neither on the order of construction nor on what else
the model holds. They are drawn on the CPU in float32 and then rounded to the model's precision: the same seed gives the
same model on every device and in every precision. The price is that large models are filled at the speed of one CPU.
"""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor, nn

from moedsl.ir.graph import ParamSpec


def fill(tensor: Tensor, spec: ParamSpec, *, seed: int) -> None:
    """Overwrite a parameter, or this process's shard of it, with its initial values; nothing on the meta device."""
    if tensor.is_meta:
        return
    init = spec.init
    values = draw(spec.path, spec.shape, init.rule, init.scale, init.truncate, seed=seed)
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        values = _shard(values, tensor)
    with torch.no_grad():
        tensor.copy_(values)


def _shard(values: Tensor, like: Tensor) -> Tensor:
    """The part of the values that this process holds."""
    from torch.distributed.tensor import DTensor, distribute_tensor  # takes most of a second

    if not isinstance(like, DTensor):
        return values
    return distribute_tensor(values.to(like.device), like.device_mesh, like.placements)


def draw(
    path: str, shape: tuple[int, ...], rule: str, scale: float, truncate: float | None = None, *, seed: int
) -> Tensor:
    """A parameter's initial values, float32 on the CPU."""
    digest = hashlib.sha256(f"{seed}:{path}".encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:8], "big", signed=True))
    values = torch.empty(shape, dtype=torch.float32, device="cpu")
    if rule == "constant":
        return values.fill_(scale)
    if rule == "uniform":
        return values.uniform_(-scale, scale, generator=generator)
    if truncate is None:
        return values.normal_(0.0, scale, generator=generator)
    edge = truncate * scale
    return nn.init.trunc_normal_(values, std=scale, a=-edge, b=edge, generator=generator)
