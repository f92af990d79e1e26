"""Another folder of conformance cases: whatever cannot be run, or comes out differently, fails and says why."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy
import pytest

HERE = Path(__file__).parent
CASE = HERE / "golden" / "momentum_smoe" / "router_linear"

CHANGED = {
    "unknown_kind": {"kind": "teapot"},
    "unknown_system": {"system": "teapots"},
    "unknown_router": {"config": {"router": "teapot"}},
    "other_arrays": {"outputs": {}},
    "too_strict": {"tolerance": {"outputs": 1e-18, "gradients": 1e-18}},
}
"""What the JSON of a copy says instead."""

WORDS = {
    "unknown_kind": "no harness runs the kind `teapot` of the system `momentum_smoe`",
    "unknown_system": "no harness runs the kind `router` of the system `teapots`",
    "unknown_router": "the harness knows no `router = 'teapot'`",
    "other_arrays": "not in both files",
    "too_strict": "and 1e-18 is allowed",
    "not_a_number": "output gates: off by nan",
    "without_json": "momentum_smoe-unreadable-without_json",
}
"""What its failure says."""


def copy(folder: Path, name: str, **changed: object) -> Path:
    """The router's case under another name, with some of what its JSON says changed."""
    path = folder / "momentum_smoe" / name
    path.parent.mkdir(exist_ok=True)
    about = {**json.loads(CASE.with_suffix(".json").read_text()), **changed}
    path.with_suffix(".json").write_text(json.dumps(about))
    shutil.copy(CASE.with_suffix(".npz"), path.with_suffix(".npz"))
    return path


def run(folder: Path) -> str:
    environment = {**os.environ, "MOEDSL_GOLDEN": str(folder)}
    command = [sys.executable, "-m", "pytest", "-k", "golden", "-rA", "-p", "no:cacheprovider", HERE / "test_golden.py"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=HERE.parent, check=False)
    assert "skipped" not in done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What one run over good and bad cases prints."""
    folder = tmp_path_factory.mktemp("cases")
    copy(folder, "good")
    for name, changed in CHANGED.items():
        copy(folder, name, **changed)
    copy(folder, "without_json").with_suffix(".json").unlink()
    arrays_path = copy(folder, "not_a_number").with_suffix(".npz")
    arrays = dict(numpy.load(arrays_path))
    arrays["output/gates"][0] = numpy.nan
    numpy.savez(arrays_path, **arrays)
    return run(folder)


def test_a_good_case_passes(shown):
    assert "PASSED compiler_tests/test_golden.py::test_case[momentum_smoe-router-good]" in shown
    assert f"{len(WORDS)} failed, 1 passed" in shown


@pytest.mark.parametrize("name", WORDS)
def test_a_bad_case_fails_and_says_why(shown, name):
    assert WORDS[name] in shown


def test_an_empty_folder_fails(tmp_path):
    assert "no cases in" in run(tmp_path)
