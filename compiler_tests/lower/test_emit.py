"""The emitted file: runs without moedsl, gives the same numbers, and reads like code that somebody wrote."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch

from compiler_tests.lower.models import assert_equal_tensors, gradients, graph, model, tokens
from moedsl.checker.run import check
from moedsl.ir.graph import Graph
from moedsl.lower.emit import emit_python
from moedsl.lower.emit.layout import Group, call, render, render_assignment, table
from moedsl.lower.model import lower
from moedsl.passes.pipeline import run_pipeline

ROOT = Path(__file__).parents[2]
SPECS = sorted(ROOT.glob("specs/*.moe"))

ALONE = """
import sys
sys.modules["moedsl"] = None  # any import of it fails
import torch
sys.path.insert(0, sys.argv[1])
from emitted import Small
given = torch.load(sys.argv[1] + "/given.pt")
model = Small().double()
model.load_state_dict(given["state"], strict=True)
out = model(given["tokens"])
((out.logits * given["cotangent"]).sum() + sum(out.losses.values())).backward()
found = {"logits": out.logits, "losses": out.losses, "loads": out.loads}
found["gradients"] = {name: p.grad for name, p in model.named_parameters()}
torch.save(found, sys.argv[1] + "/found.pt")
assert not [name for name in sys.modules if name.startswith("moedsl.")]
"""


def loaded(text: str, name: str = "emitted") -> ModuleType:
    module = ModuleType(name)
    exec(compile(text, f"{name}.py", "exec"), module.__dict__)
    return module


def test_it_runs_alone_and_gives_the_same_numbers_and_gradients(tmp_path):
    small, cotangent = model(), torch.randn(2, 6, 16, dtype=torch.float64)
    (tmp_path / "emitted.py").write_text(emit_python(graph()))
    torch.save(
        {"state": small.state_dict(), "tokens": tokens(), "cotangent": cotangent},
        tmp_path / "given.pt",
    )
    subprocess.run([sys.executable, "-W", "error", "-c", ALONE, str(tmp_path)], check=True, cwd=tmp_path)
    found = torch.load(tmp_path / "found.pt")
    out = small(tokens())
    ((out.logits * cotangent).sum() + sum(out.losses.values())).backward()
    torch.testing.assert_close(found["logits"], out.logits, rtol=0, atol=1e-12)
    assert_equal_tensors(found["losses"], out.losses)
    assert_equal_tensors(found["loads"], out.loads)
    assert_equal_tensors(found["gradients"], {name: p.grad for name, p in small.named_parameters()})


def test_the_same_seed_gives_the_same_parameters():
    alone = loaded(emit_python(graph())).Small(seed=7)
    assert_equal_tensors(alone.state_dict(), model(dtype=torch.float32, seed=7).state_dict(), atol=0)


def test_decoding_with_its_caches():
    alone = loaded(emit_python(graph())).Small().double()
    first, second = tokens(length=7).split([4, 3], dim=1)
    out = alone(first, alone.empty_cache(2))
    assert alone.empty_cache(2).keys() == model().empty_cache(2).keys()
    torch.testing.assert_close(alone(second, out.caches).logits, alone(tokens(length=7)).logits[:, 4:])


def test_it_reads_well(golden):
    text = emit_python(graph())
    golden("lower/emitted_layers.py.txt", text[text.index("class SparseLayer") :])


@pytest.mark.parametrize("name", ["F", "Output", "Tensor", "Any", "class"])
def test_a_model_may_have_a_name_that_the_file_uses(name):
    text = emit_python(replace(graph(), name=name))
    written = loaded(text).__dict__.values()
    (cls,) = (c for c in written if isinstance(c, type) and hasattr(c, "empty_cache"))
    assert cls().double()(tokens()).logits.shape == (2, 6, 16)


def test_two_files_and_moedsl_live_in_one_process():
    one, other = emit_python(graph()), emit_python(graph(layers="[sparse] * 2"))
    models = [loaded(text).Small().double() for text in (one, other, one)]
    assert [m(tokens()).logits.shape for m in models] == [(2, 6, 16)] * 3
    assert_equal_tensors(gradients(models[0], tokens()), gradients(models[2], tokens()))


@pytest.mark.parametrize("file", SPECS, ids=lambda f: f.stem)
def test_every_spec_can_be_emitted(file, tmp_path):
    """On the meta device, where the largest costs nothing; names, shapes and style are those of the lowered model."""
    result = check(file)
    for checked in result.graphs.values():
        spec = run_pipeline(checked)
        text = emit_python(spec)
        with torch.device("meta"):
            alone = getattr(loaded(text), spec.name)()
        shapes = {name: p.shape for name, p in lower(spec, device="meta").state_dict().items()}
        assert {name: p.shape for name, p in alone.state_dict().items()} == shapes
        (tmp_path / f"{spec.name}.py").write_text(text)
    assert_clean(tmp_path)


def assert_clean(folder: Path) -> None:
    """No undefined or unused names, sorted imports, and hardly a line that a formatter would move."""
    ruff = [sys.executable, "-m", "ruff"]
    config = ["--isolated", "--target-version", "py311", "--line-length", "120"]
    subprocess.run([*ruff, "check", "--quiet", *config, "--select", "F,I", str(folder)], check=True)
    written = sum(len(f.read_text().splitlines()) for f in folder.glob("*.py"))
    diff = subprocess.run(
        [*ruff, "format", *config, "--diff", str(folder)], check=False, capture_output=True, text=True
    ).stdout
    moved = [line for line in diff.splitlines() if line.startswith("-") and not line.startswith("---")]
    assert len(moved) < 0.005 * written, "\n".join(moved)


VOCABULARY = {
    "window attention": "attention window { num_heads = 2  span = 3 }",
    "grouped heads with norms and biases": (
        "attention softmax { num_heads = 4  num_kv_heads = 2  head_dim = 4  window = 2  bias = true }"
    ),
    "capacity": (
        "moe { router switch {}  dispatch capacity { capacity_factor = 1.5 }"
        "  experts ffn { num_experts = 4  d_ff = 8 } }"
    ),
    "shared experts": (
        "moe { router topk { bias = true  expert_bias = true  score = sigmoid }"
        "  experts glu { num_experts = 4  d_ff = 8 }  shared glu { d_ff = 8  bias = true } }"
    ),
    "momentum that looks ahead": (
        "moe { router topk {}  experts ffn { num_experts = 4  d_ff = 8 }  momentum nesterov { mu = 0.5 } }"
    ),
    "several carries": "moe { router xmoe {}  experts ffn { num_experts = 4  d_ff = 8 }  momentum adam {} }",
}


def variety(part: str) -> Graph:
    text = f"""
    model Variety {{
      d_model = 8
      embed token {{ vocab_size = 16 }}
      position learned {{ max_positions = 32 }}
      layer mixed {{ norm layernorm {{ place = sandwich }}  {part} }}
      stack decoder {{ causal = true  faithful = true  layers = [mixed] * 3 }}
      norm layernorm {{ bias = false }}
      head lm {{ bias = true }}
    }}"""
    result = check(text)
    assert result.graph is not None, result.diagnostics
    return result.graph


@pytest.mark.parametrize("part", VOCABULARY.values(), ids=VOCABULARY)
def test_other_ops_give_the_same_numbers_too(part):
    spec = run_pipeline(variety(part))
    lowered, alone = lower(spec, dtype=torch.float64), loaded(emit_python(spec)).Variety().double()
    alone.load_state_dict(lowered.state_dict(), strict=True)
    results = []
    for module in (alone, lowered):
        torch.manual_seed(0)  # some routers jitter their input in training
        results.append((module(tokens()).logits, gradients(module, tokens())))
    torch.testing.assert_close(results[0][0], results[1][0], rtol=0, atol=1e-12)
    assert_equal_tensors(results[0][1], results[1][1])


# ---- layout


def test_what_fits_stays_on_one_line():
    assert render(call("f", "a", b="c"), 4) == "    f(a, b=c)"


def test_long_calls_break_inside_their_brackets():
    name = "x" * 50
    assert render(call("f", name, name, name)) == f"f(\n    {name},\n    {name},\n    {name},\n)"
    assert render(call("function_of_two", name, name), 4) == f"    function_of_two(\n        {name}, {name}\n    )"


def test_long_literals_put_each_item_on_its_line():
    entries = {"a" * 60: "1", "b" * 60: "2"}
    lines = render(table(entries)).splitlines()
    assert lines == ["{", f'    "{"a" * 60}": 1,', f'    "{"b" * 60}": 2,', "}"]


def test_long_targets_break_too():
    targets = ("a" * 60, "b" * 60)
    assert (
        render_assignment(targets, Group("f(", ("x",), ")"), 0) == f"(\n    {targets[0]},\n    {targets[1]},\n) = f(x)"
    )
