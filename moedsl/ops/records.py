"""What routers and dispatches return: named tuples of tensors, so that torch sees through them."""

from __future__ import annotations

from typing import Any, NamedTuple


class Routing(NamedTuple):
    """A router's decision for T tokens."""

    experts_TK: Any
    """Chosen experts, int64, best first."""
    weights_TK: Any
    """What combine multiplies by."""
    logits_TE: Any
    """Raw scores, before noise: what the losses see."""
    scores_TE: Any
    """After the score function, over all experts."""
    scale_TD: Any = None
    """Factors on the tokens that the router judged by; None when it took them as they are."""


class Slots(NamedTuple):
    """Tokens laid out for the experts: sorted rows (dropless) or a padded grid (capacity)."""

    x: Any
    """`x_RD`, rows sorted by expert, or `x_ECD`, padded with zeros."""
    ends_E: Any
    """Sorted rows: where each expert's rows end, int32. Padded grid: None."""
    row_TK: Any
    """The row (of R, or of E*C) that holds each assignment; for dropped ones any row, with `kept_TK` false."""
    kept_TK: Any
    """Which assignments have a slot; None when all have."""
