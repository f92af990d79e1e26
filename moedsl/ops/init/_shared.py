"""What every initialisation is, and the defaults that ops use."""

from __future__ import annotations

from math import sqrt

from moedsl.ops.base import Init, Op

ZEROS = Init(rule="constant", scale=0.0)
ONES = Init(rule="constant", scale=1.0)


class Initialiser(Op):
    """Base of initialisations: fields that become an `Init` once the shape is known."""

    def resolve(self, shape: tuple[int, ...]) -> Init:
        """The rule for a parameter of this shape; the last axis is the fan-in, the one before it the fan-out."""
        raise NotImplementedError(self.keyword)


def fan_in_uniform(fan_in: int) -> Init:
    """PyTorch's default for a linear layer: uniform within 1/sqrt(fan_in)."""
    return Init(rule="uniform", scale=1.0 / sqrt(fan_in))


def weight_start(init: Initialiser | None, shape: tuple[int, ...]) -> Init:
    """How a weight of this shape starts: as the user says, else like PyTorch's linear layer."""
    return init.resolve(shape) if init is not None else fan_in_uniform(shape[-1])


def bias_start(init: Initialiser | None, fan_in: int) -> Init:
    """How the bias beside it starts: at zero once the user chose `init`, else like PyTorch's linear layer."""
    return ZEROS if init is not None else fan_in_uniform(fan_in)


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Fan-in and fan-out of a weight `[..., out, in]`; a vector counts as its own output."""
    *_, fan_out, fan_in = (shape[-1], *shape)
    return fan_in, fan_out
