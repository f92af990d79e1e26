"""A language and compiler for Mixture-of-Experts architectures.

Names resolve on first use, so `import moedsl` is instant and needs no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from moedsl.version import __version__

if TYPE_CHECKING:
    from moedsl.checker.cost import cost
    from moedsl.checker.run import check
    from moedsl.diagnostics import Diagnostic, SpecError
    from moedsl.runtime.compile import compile
    from moedsl.syntax.format import format

_PUBLIC = {
    "check": "moedsl.checker.run",
    "cost": "moedsl.checker.cost",
    "format": "moedsl.syntax.format",
    "compile": "moedsl.runtime.compile",
    "Diagnostic": "moedsl.diagnostics",
    "SpecError": "moedsl.diagnostics",
}

__all__ = ["Diagnostic", "SpecError", "__version__", "check", "compile", "cost", "format"]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module `moedsl` has no attribute `{name}`")
    return getattr(importlib.import_module(_PUBLIC[name]), name)
