"""Language models whose first mixtures are plain and whose later ones weigh features by clusters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compiler_tests.golden_harness import one_segment, switch_and_glam
from compiler_tests.golden_harness.acmoe import _spec
from compiler_tests.golden_harness.case import Case, Computed
from compiler_tests.golden_harness.momentum_smoe import _spec as mixtures

BASE = "unit expert embeddings"


def run(case: Case) -> Computed:
    """What every layer makes, and gradients of the loss."""
    return one_segment.run(case, SYSTEM, inside={})


def _mixture(config: Mapping[str, Any], rule: str) -> str:
    if rule == "smoe":
        return mixtures.mixture(config, rule)
    return f"""
      {_spec.router(config, BASE)}
      {mixtures.experts(config)}"""


SYSTEM = switch_and_glam.System(mixture=_mixture, routers={"ac": _spec.BASES[BASE][1]}, is_faithful=True)
