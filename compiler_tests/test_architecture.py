"""What holds for the whole package: who imports whom, what stays without torch, that every op is documented."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from moedsl.ops import registry
from moedsl.ops.base import Op, effect_of
from moedsl.ops.describe import details, fields, summary

ROOT = Path(__file__).parents[1]
SPECS = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "specs").glob("*.moe"))
OPS = list(registry.load_all())

WITHOUT_TORCH = """
import contextlib, io, sys
from moedsl.cli.main import run

VIEWS = ("--resolved", "--params", "--ir", "--json", "--digests")
COMMANDS = [
    ["check", *sys.argv[1:]],
    ["check", *sys.argv[1:], "--format", "json"],
    ["cost", *sys.argv[1:]],
    ["explain", "E0601"],
    ["explain", "router.topk"],
    ["list"],
    ["list", "presets"],
    ["--help"],
    *(["show", path, view] for path in sys.argv[1:] for view in VIEWS),
    *(["why", path, "decoder.causal"] for path in sys.argv[1:]),
    ["fmt", "--check", *sys.argv[1:]],
]
for command in COMMANDS:
    with contextlib.redirect_stdout(io.StringIO()):
        code = run(command)
    assert code == 0, (command, code)
    heavy = {"torch", "networkx", "numpy"} & set(sys.modules)
    assert not heavy, (command, heavy)
"""


def test_layers_import_downwards_only():
    lint = Path(sys.executable).with_name("lint-imports")
    shown = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stdout


def test_the_front_end_never_imports_torch():
    shown = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, *SPECS],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert shown.returncode == 0, shown.stderr


def test_importing_the_package_imports_nothing_else():
    code = "import sys, moedsl; print(sorted(m for m in sys.modules if m.startswith('moedsl')))"
    shown = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True)
    assert shown.strip() == "['moedsl', 'moedsl.version']"


def test_public_names_resolve():
    import moedsl

    for name in moedsl.__all__:
        assert getattr(moedsl, name) is not None
    with pytest.raises(AttributeError, match="`nothing`"):
        _ = moedsl.nothing


@pytest.mark.parametrize("op", OPS, ids=lambda op: f"{op.kind}-{op.keyword}")
def test_every_op_is_documented(op: type[Op]):
    assert summary(op).endswith(".")
    assert details(op)
    for field in fields(op):
        assert field.description.endswith("."), field
        assert field.type != "value", field
        assert effect_of(op, field.name)


def test_a_new_op_is_one_file():
    """No list of ops, no grammar and no index names a component."""
    grammar = re.sub(r"//.*", "", (ROOT / "grammars" / "moe.lark").read_text(encoding="utf-8"))
    words = set(re.findall(r'"([a-z_]+)"', grammar))
    assert not words & {op.keyword for op in OPS}
    assert not words & {op.kind for op in OPS}
