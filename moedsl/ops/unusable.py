"""What can only be found out by opening the data."""

from __future__ import annotations

from moedsl.ops.base import Problem


class UnusableData(Exception):
    """A corpus that cannot be trained on, and why.

    Args:
        problem: Code, words and field.
        slot: The slot of the recipe that the field belongs to.
    """

    def __init__(self, problem: Problem, *, slot: str = "data") -> None:
        super().__init__(problem.message)
        self.problem, self.slot = problem, slot
