"""Bounds on evaluation: a short spec can neither build a billion of anything nor hang.

Each bound is far above what an architecture needs. The number of steps bounds time whatever the program does; the
others give a better message where they apply.
"""

from __future__ import annotations

from dataclasses import dataclass

from moedsl.diagnostics import Report
from moedsl.source import Span

MAX_LAYERS = 10_000
MAX_LIST = 100_000
MAX_DEPTH = 64
"""Of values in values and bodies in bodies; also of declarations, models and files that build on each other."""
MAX_STEPS = 2_000_000
MAX_BITS = 2048
"""Of a numerator or a denominator while computing."""
MAX_INT = 2**63 - 1
"""Of a whole number that a field receives: what tensors can be indexed with."""
MAX_FILES = 200


class Exhausted(Exception):
    """The steps are used up; reported already. Only `evaluate` catches it."""


@dataclass(slots=True)
class Budget:
    """What is left of the steps, and how deep evaluation stands."""

    report: Report
    steps: int = MAX_STEPS
    depth: int = 0

    def spend(self, span: Span | None, steps: int = 1) -> None:
        """Use up steps.

        Raises:
            Exhausted: none are left.
        """
        self.steps -= steps
        if self.steps < 0:
            self.report.add(
                "E0311",
                f"evaluating this takes more than {MAX_STEPS:,} steps",
                span,
                help="make lists shorter, or nest fewer of them in each other",
            )
            raise Exhausted

    def is_too_deep(self, span: Span) -> bool:
        """Whether nesting has reached its bound; reported here."""
        if self.depth < MAX_DEPTH:
            return False
        self.report.add(
            "E0310", f"this is nested more than {MAX_DEPTH} deep", span, help="give inner parts a name with `let`"
        )
        return True
