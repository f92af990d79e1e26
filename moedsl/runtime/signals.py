"""SIGINT and SIGTERM: remembered while the loop runs, so that it can save before it ends."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

from moedsl.runtime.failures import Interrupted

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Signals:
    """Within this context a signal ends the run at once, or after the step where something is worth saving."""

    def __init__(self) -> None:
        self.received: int | None = None
        self.can_save = False
        """Whether to remember the first signal rather than end at once."""
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Signals:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._handle) for number in _SIGNALS}
        return self

    def __exit__(self, *raised: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.received is not None or not self.can_save:
            raise Interrupted(number)
        self.received = number
