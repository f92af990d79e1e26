"""What every initialisation is, and the defaults that ops use."""

from __future__ import annotations

from math import sqrt

from moedsl.ops.base import Init, Op


class Initialiser(Op):
    """Base of initialisations: fields that become an `Init` once the shape is known."""

    def resolve(self, shape: tuple[int, ...]) -> Init:
        """The rule for a parameter of this shape; the last axis is the fan-in, the one before it the fan-out."""
        raise NotImplementedError(self.keyword)


def fan_in_uniform(fan_in: int) -> Init:
    """PyTorch's default for a linear layer: uniform within 1/sqrt(fan_in)."""
    return Init(rule="uniform", scale=1.0 / sqrt(fan_in))
