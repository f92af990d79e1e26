"""Axes, shapes and the letters that name them.

The legend, used as suffixes of tensor names everywhere (`weights_TK`):

    B batch      S sequence    T tokens (B*S)   D d_model     F d_ff       V vocabulary
    E experts    K top_k       G expert groups  C capacity    R routed slots (T*K)
    H heads      W window      N head size      L cached positions
"""

from __future__ import annotations

from typing import Literal

Axis = str | int
"""A letter of the legend for a size known only at run time (`B`, `S`, `T`, `R`), a number for a fixed one."""

Shape = tuple[Axis, ...]

FLOAT_BYTES: dict[str, float] = {
    "float64": 8,
    "float32": 4,
    "bfloat16": 2,
    "float16": 2,
    "float8": 1,
    "int8": 1,
    "int4": 0.5,
}
"""Bytes of one number, by the format that weights and caches are kept in."""

_SHORT = {"fp64": "float64", "fp32": "float32", "bf16": "bfloat16", "fp16": "float16", "fp8": "float8"}


def float_format(name: str) -> str | None:
    """The full name of a number format, also from its short one (`bf16`); none when there is no such format."""
    full = _SHORT.get(name, name)
    return full if full in FLOAT_BYTES else None


DType = Literal["float", "int", "bool"]
"""What kind of numbers a value holds; `float` takes the precision of the model."""
