"""Conformance cases, recomputed through the compiler: a `.moe` text per kind, weights mapped by name, float64.

`MOEDSL_GOLDEN=DIR` takes the cases of another folder. A case that no harness can run fails; none is skipped.
"""

from __future__ import annotations

import json
import os
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from compiler_tests.golden_harness.case import Case

FOLDER = Path(os.environ.get("MOEDSL_GOLDEN") or Path(__file__).parent / "golden")


def cases() -> list[Path]:
    """Every case of the folder, also one that lacks one of its two files."""
    return sorted({f.with_suffix("") for pattern in ("*/*.json", "*/*.npz") for f in FOLDER.glob(pattern)})


def title(path: Path | None) -> str:
    """`system-kind-case`."""
    if path is None:
        return "none"
    try:
        kind = json.loads(path.with_suffix(".json").read_text())["kind"]
    except (OSError, ValueError, KeyError, TypeError):
        kind = "unreadable"
    return f"{path.parent.name}-{kind}-{path.name}"


@pytest.mark.parametrize("path", cases() or [None], ids=title)
def test_case(path: Path | None) -> None:
    if path is None:
        pytest.fail(f"no cases in {FOLDER}", pytrace=False)
    case = Case.read(path)
    harness = f"compiler_tests.golden_harness.{case.system}.{case.kind}"
    if not _exists(harness):
        pytest.fail(f"no harness runs the kind `{case.kind}` of the system `{case.system}`", pytrace=False)
    differences = case.differences(import_module(harness).run(case))
    assert not differences, "\n".join(differences)


def _exists(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False
