"""Switch- and GLaM-style language models with elliptical attention behind a plain first one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compiler_tests.golden_harness import one_segment, switch_and_glam
from compiler_tests.golden_harness.case import Case, Computed


def run(case: Case) -> Computed:
    """What every layer makes, and gradients of the loss."""
    computed = one_segment.run(case, SYSTEM, inside={"value": "attention:values", "metric": "attention:metric"})
    outputs = {n: v.squeeze(2) if n.endswith("/metric") else v for n, v in computed.outputs.items()}
    return Computed(outputs=outputs, gradients=computed.gradients)


def _elliptical(config: Mapping[str, Any]) -> str:
    return switch_and_glam.window(config, "elliptical_window", "scope = sequence")


SYSTEM = switch_and_glam.System(
    attention={"window": switch_and_glam.window, "elliptical": _elliptical},
    is_faithful=True,
)
