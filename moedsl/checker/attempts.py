"""Statements that may find nothing to act on: judged after all layers have had their turn.

`at all { moe.router.top_k = 1 }` is about the layers that have a `moe`. Only where none has one is it a mistake.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from moedsl.diagnostics import Report
from moedsl.source import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class _Failure:
    code: str
    message: str
    span: Span
    help: str


@dataclass(slots=True, kw_only=True)
class Attempts:
    """Which statements had an effect somewhere, and what to say about those that had none."""

    _done: dict[int, object] = field(default_factory=dict)
    """Statements by identity; kept, so that none is mistaken for another that takes its place in memory."""
    _failed: dict[int, tuple[object, _Failure]] = field(default_factory=dict)

    def succeed(self, node: object) -> None:
        """Note that a statement found what it is about."""
        self._done[id(node)] = node

    def fail(self, node: object, code: str, message: str, span: Span, *, help: str) -> None:
        """Note that it did not, this time."""
        self._failed.setdefault(id(node), (node, _Failure(code=code, message=message, span=span, help=help)))

    def conclude(self, report: Report) -> None:
        """Report the statements that never found anything, and start anew."""
        for identity, (_, failure) in self._failed.items():
            if identity not in self._done:
                report.add(failure.code, failure.message, failure.span, help=failure.help)
        self._done.clear()
        self._failed.clear()
