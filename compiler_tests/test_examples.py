"""Every example runs from top to bottom, as a user would run it."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "examples"
PLUGIN = EXAMPLES / "02_write_a_router"

COMPILE_AND_TRAIN = """
import sys
import torch
from moedsl.checker.run import check
from moedsl.lower.model import lower
from moedsl.ops import registry
from moedsl.runtime.batches import Batch
from moedsl.runtime.step import build_optimizer, train_step

result = check(sys.argv[1])
assert result.diagnostics == (), result.diagnostics
model, recipe = lower(result.graphs["Softcap"], dtype=torch.float64), result.recipes["quick"]
optimizer = build_optimizer(model, model.spec, recipe.optimizer)
tokens = torch.randint(0, 256, (2, 17))
losses = [train_step(model, Batch(tokens[:, :-1], tokens[:, 1:]), optimizer).loss for _ in range(2)]
assert losses[1] < losses[0], losses

op = registry.find("router", "softcap")(top_k=2, cap=1.5)
gate, x = torch.randn(8, 4, dtype=torch.float64), torch.randn(5, 4, dtype=torch.float64)
p = type("P", (), {"gate": gate})
routing = op.forward(p, x)
dense = torch.zeros(5, 8, dtype=torch.float64).scatter(1, routing.experts_TK, routing.weights_TK)
wanted = torch.tensor(op.reference({"gate": gate.tolist()}, x.tolist()), dtype=torch.float64)
torch.testing.assert_close(dense, wanted)
"""


def run(*arguments: object, path: tuple[Path, ...] = (), ok: bool = True) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (*path, EXAMPLES.parent)))}
    command = [sys.executable, "-W", "error", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=300)
    assert (done.returncode == 0) == ok, done.stdout + done.stderr
    return done.stdout


def installed(folder: Path) -> tuple[Path, Path]:
    """What `pip install --no-deps` of the plugin leaves on the path: its module, and metadata with its entry points."""
    project = tomllib.loads((PLUGIN / "pyproject.toml").read_text())["project"]
    metadata = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    metadata.mkdir()
    header = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (metadata / "METADATA").write_text(header)
    groups = (
        f"[{group}]\n" + "".join(f"{name} = {target}\n" for name, target in entries.items())
        for group, entries in project["entry-points"].items()
    )
    (metadata / "entry_points.txt").write_text("".join(groups))
    return folder, PLUGIN


def test_check_and_compile():
    shown = run(EXAMPLES / "01_check_and_compile.py")
    assert "E0601" in shown
    assert "logits [1, 16, 256]" in shown


def test_a_router_in_a_package_of_its_own(tmp_path):
    run("-c", COMPILE_AND_TRAIN, PLUGIN / "softcap.moe", path=installed(tmp_path))


def test_a_package_that_is_not_installed_is_named():
    shown = run("-m", "moedsl", "check", "--format", "json", PLUGIN / "softcap.moe", ok=False)
    assert "softcap_router" in shown


def test_train_and_generate(tmp_path):
    shown = run(EXAMPLES / "03_train_and_generate.py", "--steps", 2, "--out", tmp_path / "run")
    assert "The import statement " in shown
    assert (tmp_path / "run").is_dir()
