"""What every norm is: it says where around a sublayer it stands."""

from __future__ import annotations

from typing import Literal

from moedsl.ops.base import Op, field


class Norm(Op):
    """Base of norms. `place` is read by the wiring of the layer, not by the norm; a model's last norm ignores it."""

    place: Literal["pre", "post", "sandwich", "pre_post"] = field(
        "pre", effect="numerics", description="Where around each sublayer it stands."
    )
