"""What stops a run: a diagnostic and the exit code that the shell gets."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

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


@contextmanager
def disk_failures(folder: Path, newest_step: Callable[[], int | None]) -> Iterator[None]:
    """A disk that is full or failing is the user's to mend, and has a code.

    Args:
        folder: The run folder, to name where the system names nothing.
        newest_step: Tells which checkpoint is safe.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as refusal:
        full = refusal.errno in {errno.ENOSPC, errno.EDQUOT}
        reason = "the disk is full" if full else (refusal.strerror or str(refusal)).lower()
        saved = newest_step()
        diagnostic = Diagnostic(
            code="E1013",
            message=f"the run stopped at `{refusal.filename or folder}`: {reason}",
            help=("free some space" if full else "mend that") + ", then go on with `moedsl train --resume RUN`",
            note="nothing was saved yet" if saved is None else f"the checkpoint of step {saved} is intact",
        )
        raise RunFailure(diagnostic) from refusal
