"""`moedsl cost`: totals and layers, for people and for programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import moedsl
from compiler_tests.cli.specs import BAD, TINY
from moedsl.cli.cost import short, size
from moedsl.cli.main import run
from moedsl.diagnostics import SpecError

MIXTRAL = Path(__file__).parents[2] / "specs" / "mixtral_8x7b.moe"


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "tiny.moe"
    path.write_text(TINY)
    return str(path)


def cost(capsys, *arguments):
    assert run(["cost", *arguments, "--format", "json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_json_is_the_contract(capsys, spec):
    data = cost(capsys, spec)
    (model,) = data["models"]
    assert (list(data), data["schema"]) == (["schema", "models"], "moedsl.cost/1")
    totals = "model total_params active_params embedding_params flops_per_token weight_bytes kv_cache_bytes layers"
    assert list(model) == totals.split()
    assert data == moedsl.cost(spec)


def test_layers_add_up(capsys, spec):
    (model,) = cost(capsys, spec, "--batch", "3")["models"]
    for total in ("total_params", "flops_per_token", "weight_bytes", "kv_cache_bytes"):
        assert sum(layer[total] for layer in model["layers"]) == pytest.approx(model[total])


def test_mixtral(capsys):
    (model,) = cost(capsys, str(MIXTRAL))["models"]
    assert model["total_params"] == 46_702_792_704
    assert model["weight_bytes"] == 2 * 46_702_792_704
    assert model["kv_cache_bytes"] == 2 * 32 * 8 * 128 * 2048 * 2


def test_options_change_what_they_are_about(capsys, spec):
    base, wider = (cost(capsys, spec, *o)["models"][0] for o in ([], ["--batch", "4", "--dtype", "float32"]))
    assert wider["total_params"] == base["total_params"]
    assert wider["weight_bytes"] == 2 * base["weight_bytes"]
    assert wider["kv_cache_bytes"] == 8 * base["kv_cache_bytes"]
    assert cost(capsys, spec, "--seq", "64")["models"][0]["flops_per_token"] < base["flops_per_token"]


def test_equal_neighbours_share_a_line(capsys):
    assert run(["cost", str(MIXTRAL)]) == 0
    shown = capsys.readouterr().out
    assert "46,702,792,704" in shown
    assert "decoder.layers.0 .. 31  sparse x 32" in shown


def test_a_broken_spec_has_no_cost(capsys, tmp_path):
    (tmp_path / "bad.moe").write_text(BAD)
    assert run(["cost", str(tmp_path / "bad.moe"), "--format", "json"]) == 1
    assert capsys.readouterr().out == ""
    with pytest.raises(SpecError, match="vocab_sizes"):
        moedsl.cost(BAD)


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0"), (999, "999"), (1000, "1.00k"), (46_702_792_704, "46.70B"), (123_456_789, "123.5M")],
)
def test_short_counts(count, shown):
    assert short(count) == shown


@pytest.mark.parametrize(("count", "shown"), [(0, "0B"), (1024, "1.00KiB"), (93_405_585_408, "86.99GiB")])
def test_short_sizes(count, shown):
    assert size(count) == shown
