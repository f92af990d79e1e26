"""The wheel holds all it needs, and works without torch."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    pip(sys.executable, "wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT))
    (found,) = folder.glob("moedsl-*.whl")
    return found


def pip(python, *arguments):
    command = [python, "-m", "pip", *arguments, "--quiet", "--disable-pip-version-check"]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


@pytest.mark.slow
def test_the_wheel_holds_what_is_no_python(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    own = {p.relative_to(ROOT).as_posix() for kind in ("std/*.moe", "codes/*.md") for p in (ROOT / "moedsl").glob(kind)}
    assert own <= names
    assert {"moedsl/syntax/moe.lark", "moedsl/syntax/table.json", "moedsl/py.typed"} <= names
    assert not {n for n in names if n.startswith(("compiler_tests", "specs", "examples"))}


@pytest.mark.slow
def test_the_core_install_checks_without_torch(wheel, tmp_path):
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / ("Scripts" if os.name == "nt" else "bin") / "python"
    pip(str(python), "install", "--constraint", str(ROOT / ".ci" / "constraints.txt"), str(wheel))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}

    def moedsl(*arguments):
        command = [str(python.with_name("moedsl")), *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    assert subprocess.run([python, "-c", "import torch"], env=environment, capture_output=True, check=False).returncode
    specs = [str(path) for path in sorted((ROOT / "specs").glob("*.moe"))]
    for arguments in (["check", *specs], ["cost", *specs], ["show", specs[0]], ["explain", "E0601"], ["list"]):
        ended = moedsl(*arguments)
        assert ended.returncode == 0, ended.stderr
    for command, extra in (("compile", "torch"), ("train", "train")):
        ended = moedsl(command, specs[0])
        assert ended.returncode == 2
        assert f"pip install 'moedsl[{extra}]'" in ended.stderr
