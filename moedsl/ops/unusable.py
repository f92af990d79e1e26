"""What can only be found out by opening the data."""

from __future__ import annotations

from moedsl.ops.base import Problem


class UnusableData(Exception):
    """A corpus that cannot be trained on, and why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem
