"""What stops a run: a diagnostic and the exit code that the shell gets."""

from __future__ import annotations

import errno

from moedsl.diagnostics import Diagnostic
from moedsl.source import Span

FINDINGS, UNREADABLE, FAILED = 1, 3, 4
_BY_CODE = {"E0901": UNREADABLE, "E0906": UNREADABLE, "E1001": UNREADABLE, "E1002": UNREADABLE} | {
    code: FAILED for code in ("E1012", "E1013", "E1014")
}


class RunFailure(Exception):
    """A run that cannot start or go on, because of its spec, its data, its files or its numbers."""

    def __init__(self, *diagnostics: Diagnostic) -> None:
        super().__init__(diagnostics[0].message)
        self.diagnostics = diagnostics

    @property
    def exit_code(self) -> int:
        """What the first diagnostic's code stands for: 1 content, 3 unreadable, 4 failed while running."""
        return _BY_CODE.get(self.diagnostics[0].code, FINDINGS)


class Interrupted(BaseException):
    """A signal that arrived while there was nothing to save, or for the second time."""

    def __init__(self, signal: int) -> None:
        super().__init__(signal)
        self.signal = signal


def failure(code: str, message: str, span: Span | None = None, *, help: str | None = None, **rest: str) -> RunFailure:
    """A failure with one diagnostic."""
    return RunFailure(Diagnostic(code=code, message=message, span=span, help=help, **rest))  # type: ignore[arg-type]


def disk_failure(refusal: OSError, path: object, *, saved: str) -> RunFailure:
    """The failure of a disk.

    Args:
        refusal: What the system said.
        path: What was being read or written.
        saved: What of the run is safe.
    """
    full = refusal.errno in {errno.ENOSPC, errno.EDQUOT}
    reason = "the disk is full" if full else (refusal.strerror or str(refusal)).lower()
    help = ("free some space" if full else "mend that") + ", then go on with `moedsl train --resume RUN`"
    message = f"the run stopped at `{path}`: {reason}"
    return RunFailure(Diagnostic(code="E1013", message=message, help=help, note=saved))
