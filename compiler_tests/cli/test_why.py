"""`moedsl why`: everything that set a value, first to last."""

from __future__ import annotations

import json

import pytest

from compiler_tests.cli.specs import RECIPE, TINY
from moedsl.cli.main import run


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.moe").write_text(TINY + RECIPE)
    return tmp_path


def why(capsys, name, *options):
    assert run(["why", "tiny.moe", name, *options, "--format", "json"]) == 0
    (field,) = json.loads(capsys.readouterr().out)["fields"]
    assert field["path"] == name
    return field


def steps(field):
    return [(o["how"], o["value"], o["line"]) for o in field["origins"]]


def test_a_value_as_written(capsys):
    assert steps(why(capsys, "decoder.layers.0.moe.experts.d_ff")) == [("written", "8", 10)]


def test_a_default_has_no_place(capsys):
    assert steps(why(capsys, "decoder.layers.0.moe.router.score")) == [("default", "softmax", None)]


def test_an_override_comes_after_what_it_overrides(capsys):
    field = why(capsys, "decoder.layers.2.moe.router.top_k")
    assert field["value"] == "1"
    assert steps(field) == [("written", "2", 9), ("at", "1", 18)]


def test_the_command_line_comes_last(capsys):
    name = "decoder.layers.2.moe.router.top_k"
    field = why(capsys, name, "--set", f"{name}=4")
    assert steps(field)[-1] == ("set", "4", 1)
    assert field["origins"][-1]["path"] == "--set"


def test_an_argument_and_where_it_went(capsys):
    field = why(capsys, "decoder.layers.0.moe.momentum.mu", "--param", "mu=0.25")
    assert field["value"] == "0.25"
    assert [o["how"] for o in field["origins"]] == ["argument", "written"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("d_model", [("written", "16", 3)]),
        ("decoder.causal", [("written", "true", 16)]),
        ("decoder.layers.0.moe.dropout", [("default", "0.0", None)]),
        ("head.tie", [("written", "embed", 21)]),
        ("quick.steps", [("written", "2", 24)]),
        ("quick.optimizer.lr", [("written", "0.0003", 24)]),
        ("quick.batch_size", [("default", "16", None)]),
    ],
)
def test_blocks_and_recipes_too(capsys, name, expected):
    assert steps(why(capsys, name)) == expected


def test_a_place_shows_all_its_fields(capsys):
    assert run(["why", "tiny.moe", "decoder.layers.0.moe.router"]) == 0
    shown = capsys.readouterr().out
    assert "decoder.layers.0.moe.router.top_k = 2\n  tiny.moe:9:29  2  written here\n" in shown
    assert "decoder.layers.0.moe.router.score = softmax\n  -  softmax  the op's default\n" in shown


def test_a_preset_is_named(folder, capsys):
    (folder / "tiny.moe").write_text("use std.mixtral as mixtral\nmodel M extends mixtral.decoder {}\n")
    field = why(capsys, "decoder.layers.0.moe.router.top_k")
    assert field["origins"][0]["how"] == "preset"
    assert field["origins"][0]["path"] == "std/mixtral.moe"


def test_an_unknown_path_is_offered_the_closest(capsys):
    assert run(["why", "tiny.moe", "decoder.layers.0.moe.router.topk"]) == 2
    assert "did you mean `decoder.layers.0.moe.router.top_k`?" in capsys.readouterr().err


def test_each_model_of_a_file_has_its_own_answer(folder, capsys):
    (folder / "tiny.moe").write_text(TINY + "\nmodel Wider extends Tiny { d_model = 32 }\n")
    assert run(["why", "tiny.moe", "d_model", "--format", "json"]) == 0
    fields = json.loads(capsys.readouterr().out)["fields"]
    assert [(f["of"], f["value"]) for f in fields] == [("Tiny", "16"), ("Wider", "32")]
    assert run(["why", "tiny.moe", "d_model"]) == 0
    assert capsys.readouterr().out.startswith("Tiny:\nd_model = 16\n")
