"""`torch` and `F` that import on first use, so that op files load without torch."""

from __future__ import annotations

import importlib
from typing import Any


class _Lazy:
    """Stands for a module until somebody reads an attribute of it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        value = getattr(importlib.import_module(self._name), attribute)
        setattr(self, attribute, value)
        return value


torch: Any = _Lazy("torch")
F: Any = _Lazy("torch.nn.functional")


def load() -> None:
    """Import both now, with all their names: torch.compile does not trace through an import."""
    for lazy in (torch, F):
        vars(lazy).update(vars(importlib.import_module(lazy._name)))
