from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

import moedsl.passes
from compiler_tests.ir.graphs import balance, dense, model, momentum, sparse
from moedsl.ir.graph import Graph
from moedsl.lower.model import lower
from moedsl.passes.pipeline import PIPELINE, run_pipeline


def outer() -> Graph:
    return model(sparse(momentum("adam"), balance()), dense(), sparse(momentum(), balance()))


def test_every_pass_is_a_file_of_its_name_and_a_sentence():
    for step in PIPELINE:
        assert step.__module__ == f"moedsl.passes.{step.__name__}"
        assert (step.__doc__ or "").splitlines()[0].endswith(".")
    files = {path.stem for path in Path(moedsl.passes.__file__).parent.glob("*.py")}
    assert files == {step.__name__ for step in PIPELINE} | {"__init__", "base", "pipeline"}


def test_a_graph_is_verified_before_and_after_each_pass():
    def break_outputs(graph: Graph) -> Graph:
        return replace(graph, outputs=graph.outputs * 2)

    with pytest.raises(AssertionError, match="not valid after `break_outputs`"):
        run_pipeline(outer(), (*PIPELINE, break_outputs))
    with pytest.raises(AssertionError, match="not valid before the passes"):
        run_pipeline(break_outputs(outer()))


def test_a_second_run_changes_nothing():
    once = run_pipeline(outer())
    assert run_pipeline(once) is once


@pytest.mark.parametrize("layers", ["adam, then heavy ball", "one momentum layer", "no carries"])
def test_results_and_gradients_are_bit_identical(layers):
    graph = {
        "adam, then heavy ball": outer(),
        "one momentum layer": model(dense(), sparse(momentum(), balance())),
        "no carries": model(sparse(), dense()),
    }[layers]
    before, after = (_run(g) for g in (graph, run_pipeline(graph)))
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def _run(graph: Graph) -> dict[str, torch.Tensor]:
    """Everything that comes out of one step: results, losses, loads, and the gradient of every parameter."""
    built = lower(graph, dtype=torch.float64, seed=3)
    tokens = torch.arange(12).view(2, 6) % 16
    out = built(tokens)
    generator = torch.Generator().manual_seed(5)
    cotangent = torch.randn(out.logits.shape, generator=generator, dtype=torch.float64)
    ((out.logits * cotangent).sum() + sum(out.losses.values())).backward()
    gradients = {name: p.grad for name, p in built.named_parameters() if p.grad is not None}
    assert gradients
    return {"logits": out.logits, **out.losses, **{f"{k}.load": v for k, v in out.loads.items()}, **gradients}
