"""Plain-Python arithmetic for references: lists of floats, one step at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

Vector = Sequence[float]

Activation = Literal["relu", "silu", "gelu", "gelu_tanh"]
"""`gelu` is exact (erf); `gelu_tanh` is its usual approximation."""


def dot(a: Vector, b: Vector) -> float:
    """Sum of products."""
    return sum(x * y for x, y in zip(a, b, strict=True))


def add(a: Vector, b: Vector) -> list[float]:
    """Elementwise sum."""
    return [x + y for x, y in zip(a, b, strict=True)]


def times(a: Vector, b: Vector) -> list[float]:
    """Elementwise product."""
    return [x * y for x, y in zip(a, b, strict=True)]


def scale(a: Vector, factor: float) -> list[float]:
    """Every entry times a number."""
    return [x * factor for x in a]


def matvec(matrix: Sequence[Vector], vector: Vector) -> list[float]:
    """Rows of a matrix times a vector: `W x`."""
    return [dot(row, vector) for row in matrix]


def affine(matrix: Sequence[Vector], vector: Vector, bias: Vector | None) -> list[float]:
    """A linear layer: `W x + b`, or `W x` without a bias."""
    product = matvec(matrix, vector)
    return product if bias is None else add(product, bias)


def weighted_sum(weights: Vector, vectors: Sequence[Vector]) -> list[float]:
    """The sum of vectors, each times its weight."""
    return [dot(weights, entries) for entries in zip(*vectors, strict=True)]


def slices(vector: list[float], size: int) -> list[list[float]]:
    """Consecutive parts of that size: the heads of a projection."""
    return [vector[i : i + size] for i in range(0, len(vector), size)]


def unit(vector: Vector) -> list[float]:
    """The vector at length 1."""
    return scale(vector, 1.0 / math.sqrt(dot(vector, vector)))


def rms_norm(vector: Vector, weight: Vector, eps: float) -> list[float]:
    """Divided by the root of the mean square, times the weight."""
    size = math.sqrt(sum(x * x for x in vector) / len(vector) + eps)
    return [x / size * w for x, w in zip(vector, weight, strict=True)]


def softmax(logits: Vector) -> list[float]:
    """Exponentials that sum to 1."""
    top = max(logits)
    powers = [math.exp(v - top) for v in logits]
    return [v / sum(powers) for v in powers]


def sigmoid(x: float) -> float:
    """1 / (1 + e^-x)."""
    return 1.0 / (1.0 + math.exp(-x))


def largest(values: Vector, count: int) -> list[int]:
    """Indices of the `count` largest values, largest first; ties go to the lower index."""
    return sorted(range(len(values)), key=lambda i: (-values[i], i))[:count]


def activation(name: str, x: float) -> float:
    """The activations of `ops/numerics.py`, by the same names."""
    if name == "relu":
        return max(x, 0.0)
    if name == "silu":
        return x * sigmoid(x)
    if name == "gelu":
        return 0.5 * x * (1.0 + math.erf(x / math.sqrt(2.0)))
    assert name == "gelu_tanh", name
    return 0.5 * x * (1.0 + math.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3)))
