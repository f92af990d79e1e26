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

DType = Literal["float", "int", "bool"]
"""What kind of numbers a value holds; `float` takes the precision of the model."""
