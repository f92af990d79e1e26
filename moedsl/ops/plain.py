"""Plain-Python arithmetic for references: lists of floats, one step at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence

Vector = Sequence[float]


def dot(a: Vector, b: Vector) -> float:
    """Sum of products."""
    return sum(x * y for x, y in zip(a, b, strict=True))


def add(a: Vector, b: Vector) -> list[float]:
    """Elementwise sum."""
    return [x + y for x, y in zip(a, b, strict=True)]


def scale(a: Vector, factor: float) -> list[float]:
    """Every entry times a number."""
    return [x * factor for x in a]


def matvec(matrix: Sequence[Vector], vector: Vector) -> list[float]:
    """Rows of a matrix times a vector: `W x`."""
    return [dot(row, vector) for row in matrix]


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
    """The activations of `ops/activations.py`, by the same names."""
    if name == "relu":
        return max(x, 0.0)
    if name == "silu":
        return x * sigmoid(x)
    if name == "gelu":
        return 0.5 * x * (1.0 + math.erf(x / math.sqrt(2.0)))
    assert name == "gelu_tanh", name
    return 0.5 * x * (1.0 + math.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3)))
