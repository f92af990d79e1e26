"""`moedsl check`: what it reads, what it prints, how it ends."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from compiler_tests.cli.specs import BAD, TINY
from moedsl.cli.main import run


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.moe").write_text(TINY)
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "bad.moe").write_text(BAD)
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "bad.moe").write_text(BAD)
    return tmp_path


def checked(capsys, *arguments):
    code = run(["check", *arguments, "--format", "json"])
    return code, json.loads(capsys.readouterr().out)


def test_a_good_file(capsys):
    assert run(["check", "good.moe"]) == 0
    assert capsys.readouterr() == ("1 file, 1 model: no errors\n", "")


def test_text_goes_to_standard_error(capsys):
    assert run(["check", "below/bad.moe"]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "error[E0221]" in shown.err
    assert "--> below/bad.moe:4:17" in shown.err
    assert "did you mean `vocab_size`?" in shown.err


def test_json_is_the_contract(capsys):
    code, data = checked(capsys, "below/bad.moe")
    assert code == 1
    assert list(data) == ["schema", "diagnostics", "models"]
    assert data["schema"] == "moedsl.check/1"
    keys = ["code", "slug", "severity", "message", "path", "line", "column", "end_line", "end_column"]
    assert all(list(d) == [*keys, "labels", "help", "fixes"] for d in data["diagnostics"])
    first = next(d for d in data["diagnostics"] if d["code"] == "E0221")
    assert (first["path"], first["line"], first["column"]) == ("below/bad.moe", 4, 17)
    assert (first["end_line"], first["end_column"]) == (4, 28)


def test_json_lists_the_models(capsys):
    code, data = checked(capsys, "good.moe")
    (model,) = data["models"]
    assert code == 0
    assert (model["name"], model["path"]) == ("Tiny", "good.moe")
    assert set(model["digests"]) == {"arch", "numerics", "params", "interface", "training"}
    assert model["counts"]["layers"] == 4
    assert 0 < model["counts"]["active_params"] < model["counts"]["total_params"]


def test_a_folder_is_everything_below_it_but_what_is_hidden(capsys):
    code, data = checked(capsys, ".")
    assert code == 1
    assert {d["path"] for d in data["diagnostics"]} == {"below/bad.moe"}
    assert [m["path"] for m in data["models"]] == ["good.moe"]
    assert checked(capsys) == (code, data)


def test_standard_input(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(BAD.encode())))
    code, data = checked(capsys, "-")
    assert code == 1
    assert {d["path"] for d in data["diagnostics"]} == {"<stdin>"}


def test_one_model_of_a_file(folder, capsys):
    (folder / "two.moe").write_text(TINY + "\nmodel Wider extends Tiny { d_model = 32 }\n")
    assert [m["name"] for m in checked(capsys, "two.moe")[1]["models"]] == ["Tiny", "Wider"]
    assert [m["name"] for m in checked(capsys, "two.moe::Wider")[1]["models"]] == ["Wider"]
    assert [m["name"] for m in checked(capsys, "two.moe", "--model", "Tiny")[1]["models"]] == ["Tiny"]
    code, data = checked(capsys, "two.moe::Wide")
    assert code == 1
    assert "did you mean `Wider`?" in data["diagnostics"][0]["help"]


def test_parameters_and_overrides(capsys):
    total = checked(capsys, "good.moe")[1]["models"][0]["counts"]
    deeper = checked(capsys, "good.moe", "--param", "pairs=3")[1]["models"][0]["counts"]
    assert deeper["layers"] == total["layers"] + 2
    spec = ["good.moe", "--set", "decoder.layers.0.moe.router.top_k=1"]
    fewer = checked(capsys, *spec)[1]["models"][0]["counts"]
    assert fewer["total_params"] == total["total_params"]
    assert fewer["active_params"] < total["active_params"]


def test_a_bad_parameter_is_a_finding(capsys):
    code, data = checked(capsys, "good.moe", "--param", "mu=1.5")
    assert code == 1
    assert data["diagnostics"][0]["code"] == "E0302"


@pytest.mark.parametrize("option", ["--param", "--set"])
@pytest.mark.parametrize("text", ["pairs", "pairs=", "=3"])
def test_a_setting_without_a_name_or_value_is_usage(option, text, capsys):
    assert run(["check", "good.moe", option, text]) == 2
    assert "NAME=VALUE" in capsys.readouterr().err


def test_warnings_fail_when_asked(folder, capsys):
    (folder / "warned.moe").write_text(TINY.replace("pairs: int = 2", "pairs: int = 2, unused: int = 1"))
    assert run(["check", "warned.moe"]) == 0
    assert "1 file, 1 model: 1 warning" in capsys.readouterr().err
    assert run(["check", "warned.moe", "--fail-on", "warning"]) == 1


def test_concise_is_one_line_a_finding_on_standard_output(capsys):
    assert run(["check", "below/bad.moe", "--format", "concise"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("below/bad.moe:4:17: ") and "E0221" in line for line in lines)


def test_github_annotates_lines(capsys):
    assert run(["check", "below/bad.moe", "--format", "github"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("::error file=below/bad.moe,line=4,") and "title=E0221" in line for line in lines)


# ---- what cannot be read


def test_a_missing_file(capsys):
    code, data = checked(capsys, "god.moe")
    assert code == 3
    (found,) = data["diagnostics"]
    assert (found["code"], found["path"], found["line"]) == ("E0702", "god.moe", 1)
    assert "did you mean `good.moe`?" in found["help"]


def test_a_folder_without_specs(folder, capsys):
    (folder / "empty").mkdir()
    code, data = checked(capsys, "empty")
    assert (code, data["diagnostics"][0]["code"]) == (3, "E0710")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"\x7fELF\x00\x01\x02\x00", "E0102"),
        ("model Größe {}".encode("latin-1"), "E0101"),
        ("model A {}".encode("utf-16"), "E0101"),
        (b"{" * 10_000_000, "E0103"),
    ],
    ids=["binary", "latin1", "utf16", "10MB"],
)
def test_what_is_no_text_is_unreadable(folder, capsys, content, code):
    (folder / "odd.moe").write_bytes(content)
    ended, data = checked(capsys, "odd.moe")
    assert (ended, data["diagnostics"][0]["code"]) == (3, code)
    assert data["diagnostics"][0]["line"] >= 1


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b"\r\n\t\r\n"], ids=["empty", "bom", "blank"])
def test_an_empty_file_is_fine(folder, capsys, content):
    (folder / "odd.moe").write_bytes(content)
    ended, data = checked(capsys, "odd.moe")
    assert ended in (0, 1)
    assert data["models"] == []


def test_a_file_that_may_not_be_read(monkeypatch, capsys):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    code, data = checked(capsys, "good.moe")
    assert (code, data["diagnostics"][0]["code"]) == (3, "E0702")
    assert "permission denied" in data["diagnostics"][0]["message"].lower()


def test_a_missing_import_is_the_specs_content(folder, capsys):
    (folder / "importing.moe").write_text('import "gone.moe" as gone\n' + TINY)
    code, data = checked(capsys, "importing.moe")
    assert (code, data["diagnostics"][0]["code"]) == (1, "E0702")


def test_one_unreadable_file_does_not_hide_the_others(capsys):
    code, data = checked(capsys, "gone.moe", "below/bad.moe", "good.moe")
    assert code == 3
    assert {d["path"] for d in data["diagnostics"]} == {"gone.moe", "below/bad.moe"}
    assert [m["name"] for m in data["models"]] == ["Tiny"]


def test_a_folder_has_no_model(capsys):
    assert run(["check", "below::Tiny"]) == 2
    assert "is a folder" in capsys.readouterr().err
