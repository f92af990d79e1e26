"""The sources of Python's standard library: about 15 MB of code, nothing to download."""

from __future__ import annotations

import sysconfig
from pathlib import Path

from moedsl.ops.base import Problem
from moedsl.ops.data._shared import Corpus, Document, from_file
from moedsl.ops.registry import register
from moedsl.ops.unusable import UnusableData

_SKIPPED = frozenset({"site-packages", "dist-packages", "__pycache__", "test", "tests", "idle_test"})


@register("data", "python_stdlib")
class PythonStdlib(Corpus):
    """The standard library's modules, without their tests; what it holds depends on the Python version."""

    def documents(self, folder: Path) -> tuple[Document, ...]:
        root = Path(sysconfig.get_paths()["stdlib"])
        paths = (p for p in root.rglob("*.py") if not _SKIPPED.intersection(p.relative_to(root).parts))
        found = tuple(from_file(p, field="data") for p in sorted(paths))
        if not found:
            help = "use `data python_docs {}` or `data text { path = … }`"
            raise UnusableData(Problem(code="E1001", message="this Python has no sources of its library", help=help))
        return found
