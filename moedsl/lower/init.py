"""How parameters start: the rules of the spec, drawn from a seed and the parameter's path alone.

Each parameter has a generator of its own, so its numbers depend neither on the order of construction nor on what else
the model holds. They are drawn on the CPU in float32 and then rounded to the model's precision: the same seed gives the
same model on every device and in every precision. The price is that large models are filled at the speed of one CPU.
"""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor

from moedsl.ir.graph import ParamSpec


def fill(tensor: Tensor, spec: ParamSpec, *, seed: int) -> None:
    """Overwrite a parameter with its initial values."""
    values = initial_values(spec, seed=seed)
    if isinstance(tensor, DTensor):
        values = distribute_tensor(values.to(tensor.device), tensor.device_mesh, tensor.placements)
    with torch.no_grad():
        tensor.copy_(values)


def initial_values(spec: ParamSpec, *, seed: int) -> Tensor:
    """The parameter's initial values, float32 on the CPU."""
    init, values = spec.init, torch.empty(spec.shape, dtype=torch.float32, device="cpu")
    generator = torch.Generator().manual_seed(_seed_of(spec.path, seed))
    with torch.no_grad():
        if init.rule == "constant":
            return values.fill_(init.scale)
        if init.rule == "uniform":
            return values.uniform_(-init.scale, init.scale, generator=generator)
        if init.truncate is None:
            return values.normal_(0.0, init.scale, generator=generator)
        edge = init.truncate * init.scale
        return nn.init.trunc_normal_(values, std=init.scale, a=-edge, b=edge, generator=generator)


def _seed_of(path: str, seed: int) -> int:
    digest = hashlib.sha256(f"{seed}:{path}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
