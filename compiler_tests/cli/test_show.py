"""`moedsl show`: each view of a model, and that the resolved text means the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from compiler_tests.cli.specs import BAD, TINY
from moedsl.checker.run import check
from moedsl.cli.main import run
from moedsl.ir.digests import digests

SPECS = sorted((Path(__file__).parents[2] / "specs").glob("*.moe"))


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "tiny.moe"
    path.write_text(TINY)
    return str(path)


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.stem)
def test_the_resolved_text_checks_to_the_same_digests(path, capsys):
    assert run(["show", str(path), "--format", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)["models"]
    graphs = check(path).graphs
    assert [m["model"] for m in shown] == list(graphs)
    for model in shown:
        again = check(model["resolved"])
        assert again.diagnostics == ()
        assert digests(again.graphs[model["model"]]) == digests(graphs[model["model"]])


def test_the_resolved_text_names_every_field_and_no_parameter(spec, capsys):
    assert run(["show", spec, "--param", "mu=0.25"]) == 0
    shown = capsys.readouterr().out
    assert "## A small model.\nmodel Tiny {" in shown
    assert "mu = 0.25" in shown
    assert "score_over = all" in shown
    assert "pairs" not in shown
    assert "at 2" not in shown
    assert "layer sparse_2 {" in shown
    assert "layers = [sparse] + [dense] + [sparse_2] + [dense]" in shown


def test_parameters(spec, capsys):
    assert run(["show", spec, "--params", "--format", "json"]) == 0
    (model,) = json.loads(capsys.readouterr().out)["models"]
    by_path = {p["path"]: p for p in model["params"]}
    assert by_path["decoder.layers.0.moe.router.gate"]["shape"] == [4, 16]
    assert by_path["decoder.layers.0.moe.router.gate"]["axes"] == ["num_experts", "d_model"]
    assert by_path["head.weight"]["tied_to"] == "embed.table"
    assert run(["show", spec, "--params"]) == 0
    text = capsys.readouterr().out
    assert all(path in text for path in by_path)
    assert "the same tensor as embed.table" in text


def test_the_graph(spec, capsys):
    assert run(["show", spec, "--ir"]) == 0
    assert "router topk(" in capsys.readouterr().out
    assert run(["show", spec, "--json"]) == 0
    (model,) = json.loads(capsys.readouterr().out)["models"]
    assert model["json"]["name"] == "Tiny"


def test_digests(spec, capsys):
    expected = digests(check(spec).graphs["Tiny"])
    assert run(["show", spec, "--digests", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["models"] == [{"model": "Tiny", "digests": expected}]
    assert run(["show", spec, "--digests"]) == 0
    assert expected["arch"] in capsys.readouterr().out


def test_code(spec, capsys):
    assert run(["show", spec, "--code"]) == 0
    shown = capsys.readouterr().out
    assert "def forward(self, tokens" in shown
    assert "moe_router = self.moe.router(" in shown


def test_a_broken_spec_is_reported_instead(tmp_path, capsys):
    (tmp_path / "bad.moe").write_text(BAD)
    assert run(["show", str(tmp_path / "bad.moe")]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "E0221" in shown.err


def test_a_missing_file_is_3(tmp_path, capsys):
    assert run(["show", str(tmp_path / "none.moe")]) == 3
    assert "there is no file" in capsys.readouterr().err
