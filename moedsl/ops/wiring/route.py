"""A mixture's choice of experts, left for later layers."""

from __future__ import annotations

from typing import Any

from moedsl.ops.base import Carry, Op
from moedsl.ops.records import Routing
from moedsl.ops.registry import register


@register("wiring", "route")
class Route(Op):
    """Hands a routing on unchanged and writes what it chose, token by token of each sequence."""

    def writes(self) -> dict[str, Carry]:
        return {
            "route": Carry(shape=("B", "S", "K"), dtype="int", description="The experts chosen, best first."),
            "route_weights": Carry(shape=("B", "S", "K"), description="Their weights."),
        }

    def forward(self, p: Any, routing: Routing, like_BSD: Any) -> tuple[Routing, dict[str, Any]]:
        axes = like_BSD.shape[:2]
        experts_BSK, weights_BSK = routing.experts_TK.unflatten(0, axes), routing.weights_TK.unflatten(0, axes)
        return routing, {"route": experts_BSK, "route_weights": weights_BSK}

    def reference(self, p: Any, routing: dict[str, Any], like_BSD: list[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Rows dealt out to sequences in order."""
        experts, weights = iter(routing["experts_TK"]), iter(routing["weights_TK"])
        written = {
            "route": [[next(experts) for _ in sequence] for sequence in like_BSD],
            "route_weights": [[next(weights) for _ in sequence] for sequence in like_BSD],
        }
        return routing, written
