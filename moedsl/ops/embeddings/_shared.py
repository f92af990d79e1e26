"""What every embedding is: it says what the model is called with."""

from __future__ import annotations

from typing import ClassVar

from moedsl.ops.base import Op
from moedsl.types import DType, Shape


class Embedding(Op):
    """Base of embeddings: the model's input and its way into the residual stream."""

    input_name: ClassVar[str] = "tokens"
    """What the model's argument is called."""
    input_dtype: ClassVar[DType] = "int"
    input_shape: ClassVar[Shape] = ("B", "S")
