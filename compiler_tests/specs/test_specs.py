"""Every spec and every preset: no findings, counts as built, costs as measured, and the small ones train."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from moedsl.checker.run import CheckResult, check
from moedsl.ir import counts
from moedsl.ir.graph import Graph
from moedsl.ir.text import to_text
from moedsl.lower.model import Model, lower
from moedsl.passes.pipeline import run_pipeline
from moedsl.runtime.batches import Batch
from moedsl.runtime.step import build_optimizer, train_step
from moedsl.syntax.format import format

ROOT = Path(__file__).parents[2]
FILES = sorted([*ROOT.glob("specs/*.moe"), *ROOT.glob("moedsl/std/*.moe")])
MODELS = [(f, m) for f in FILES for m in re.findall(r"^model (\w+)", f.read_text(), re.MULTILINE)]
MODEL_IDS = [f"{f.parent.name}-{f.stem}-{m}" for f, m in MODELS]
TRAINED = [(f, r) for f in FILES for r in re.findall(r"^recipe (\w+)", f.read_text(), re.MULTILINE)]

every_file = pytest.mark.parametrize("file", FILES, ids=lambda f: f"{f.parent.name}-{f.stem}")
every_model = pytest.mark.parametrize(("file", "name"), MODELS, ids=MODEL_IDS)
every_spec = pytest.mark.parametrize(
    ("file", "name"), [m for m in MODELS if m[0].parent.name == "specs"], ids=lambda part: getattr(part, "stem", part)
)
every_twin = pytest.mark.parametrize(("file", "recipe"), TRAINED, ids=[f"{f.stem}-{r}" for f, r in TRAINED])


@cache
def checked(file: Path) -> CheckResult:
    return check(file)


def graph_of(file: Path, name: str) -> Graph:
    return checked(file).graphs[name]


@cache
def on_meta(file: Path, name: str) -> Model:
    return lower(run_pipeline(graph_of(file, name)), device="meta")


def twin(file: Path, recipe: str) -> Model:
    """The small model of a recipe, with weights."""
    name = checked(file).recipes[recipe].model
    assert name is not None
    return lower(run_pipeline(graph_of(file, name)), dtype=torch.float64)


def tokens(rows: int = 2, length: int = 24) -> torch.Tensor:
    return torch.randint(0, 256, (rows, length), generator=torch.Generator().manual_seed(0))


@every_file
def test_nothing_is_found(file):
    assert [(d.code, d.message, str(d.span)) for d in checked(file).diagnostics] == []


@every_file
def test_it_is_laid_out(file):
    assert format(file.read_text()) == file.read_text()


@every_file
def test_the_paper_is_named_first(file):
    first = file.read_text().split("\n## ", 1)[1].split("\n\n", 1)[0]
    assert re.search(r"20[12]\d", first), "a spec opens with a doc comment that names its paper and section"


@every_model
def test_counts_equal_the_built_module(file, name):
    graph, model = graph_of(file, name), on_meta(file, name)
    assert counts.total_params(graph) == sum(p.numel() for p in model.parameters())
    shapes = {path: tuple(t.shape) for path, t in model.state_dict().items()}
    assert shapes == {p.path: p.shape for p in graph.params.values()}


@every_model
def test_flops_agree_with_torch(file, name):
    graph, model = graph_of(file, name), on_meta(file, name)
    seq = 64
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.zeros(1, seq, dtype=torch.int64, device="meta"))
    assert counts.flops_per_token(graph, seq) * seq == pytest.approx(counter.get_total_flops(), rel=0.01)


@every_spec
def test_expanded_text(file, name, golden):
    graph = graph_of(file, name)
    total = f"{counts.total_params(graph):,} parameters, {counts.active_params(graph):,} active\n"
    golden(f"specs/{file.stem}/{name}.txt", total + to_text(graph, params=True, collapse=True))


@every_twin
def test_twins_train(file, recipe):
    model, bound = twin(file, recipe), checked(file).recipes[recipe]
    optimizer = build_optimizer(model, model.spec, bound.optimizer)
    batch = Batch(tokens()[:, :-1], tokens()[:, 1:])
    results = [train_step(model, batch, optimizer, clip=bound.recipe.clip) for _ in range(2)]
    assert all(torch.isfinite(r.loss) and torch.isfinite(r.grad_norm) for r in results)
    assert results[1].loss < results[0].loss
    idle = [path for path, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert idle == []


@every_twin
def test_twins_compile_without_breaks(file, recipe):
    model = twin(file, recipe).eval()
    torch.compiler.reset()
    whole = torch.compile(model, fullgraph=True, backend="eager")
    torch.testing.assert_close(whole(tokens()).logits, model(tokens()).logits)


@every_twin
def test_twins_load_their_own_state(file, recipe):
    model, other = twin(file, recipe).eval(), twin(file, recipe).eval()
    other.reset_parameters(seed=1)
    assert not torch.equal(other(tokens()).logits, model(tokens()).logits)
    other.load_state_dict(model.state_dict())
    assert torch.equal(other(tokens()).logits, model(tokens()).logits)
