"""`moedsl explain` and `moedsl list`: what there is, and what it means."""

from __future__ import annotations

import json

import pytest

from moedsl.cli.main import run
from moedsl.codes import all_codes, page
from moedsl.ops import registry
from moedsl.ops.describe import fields


def explained(capsys, *what):
    assert run(["explain", *what]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("code", all_codes())
def test_every_code_and_slug(code, capsys):
    by_code = explained(capsys, code)
    assert by_code == explained(capsys, page(code).slug) == explained(capsys, code.lower())
    assert by_code.startswith(f"{code} {page(code).slug}\n\n{page(code).title}\n")
    assert "\nBad:\n" in by_code
    assert "\nGood:\n" in by_code


def test_every_component_and_field(capsys):
    for op in registry.load_all():
        shown = explained(capsys, f"{op.kind}.{op.keyword}")
        for field in fields(op):
            assert field.description in shown
            assert field.description in explained(capsys, f"{op.kind}.{op.keyword}.{field.name}")


def test_words_apart_and_without_the_kind(capsys):
    assert explained(capsys, "router", "topk") == explained(capsys, "topk") == explained(capsys, "router.topk")
    assert explained(capsys, "stack.causal") == explained(capsys, "block.stack.causal")


def test_a_block_names_its_slots(capsys):
    assert "router    router    required" in explained(capsys, "moe")


def test_a_kind_is_a_contract(capsys):
    shown = explained(capsys, "router")
    assert "takes    x_TD" in shown
    assert "topk" in shown


def test_a_keyword_of_two_kinds_needs_its_kind(capsys):
    assert run(["explain", "glu"]) == 2
    assert run(["explain", "ffn.glu"]) == 0


@pytest.mark.parametrize(
    ("mistyped", "meant"),
    [
        ("E9999", None),
        ("router.topkk", "router.topk"),
        ("top-k-exceed-experts", "top-k-exceeds-experts"),
        ("router.topk.renormalise", "router.topk.renormalize"),
    ],
)
def test_unknown_names(mistyped, meant, capsys):
    assert run(["explain", mistyped]) == 2
    shown = " ".join(capsys.readouterr().err.split())
    assert f"nothing called `{mistyped}`" in shown
    assert meant is None or f"did you mean `{meant}`?" in shown


def test_explanations_as_data(capsys):
    assert run(["explain", "router.topk", "--format", "json"]) == 0
    data = json.loads(capsys.readouterr().out)
    top_k = next(f for f in data["fields"] if f["name"] == "top_k")
    assert (data["schema"], top_k["type"], top_k["default"]) == ("moedsl.explain/1", "int >= 1", "2")
    assert run(["explain", "E0601", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["slug"] == "top-k-exceeds-experts"


def listed(capsys, *what):
    assert run(["list", *what, "--format", "json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data.pop("schema") == "moedsl.list/1"
    ((name, rows),) = data.items()
    return name, rows


def test_components_are_the_registry(capsys):
    name, rows = listed(capsys)
    known = [(op.kind, op.keyword) for op in registry.load_all() if op.kind != "wiring"]
    assert (name, [(r["kind"], r["keyword"]) for r in rows]) == ("components", known)
    assert all(r["summary"] for r in rows)


def test_one_kind(capsys):
    name, rows = listed(capsys, "router")
    assert name == "router"
    assert [r["keyword"] for r in rows] == list(registry.keywords("router"))


@pytest.mark.parametrize("what", ["kinds", "presets", "codes", "commands"])
def test_other_lists(what, capsys):
    name, rows = listed(capsys, what)
    assert name == what
    assert all(all(row.values()) for row in rows)
    assert run(["list", what]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(rows)


def test_presets_can_be_used(capsys, tmp_path):
    for preset in listed(capsys, "presets")[1]:
        spec = f"use {preset['preset']} as base\nmodel M extends base.{preset['model']} {{}}\n"
        (tmp_path / "m.moe").write_text(spec)
        assert run(["check", str(tmp_path / "m.moe")]) == 0, preset


def test_unknown_lists(capsys):
    assert run(["list", "routers"]) == 2
    assert "did you mean `router`?" in capsys.readouterr().err
