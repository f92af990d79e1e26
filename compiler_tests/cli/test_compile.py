"""`moedsl compile` and `moedsl fmt`: what they write, and when they write nothing."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from compiler_tests.cli.specs import BAD, TINY
from moedsl.cli import _extras
from moedsl.cli.main import run


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.moe").write_text(TINY)
    (tmp_path / "bad.moe").write_text(BAD)
    return tmp_path


# ---- compile


def test_what_came_out(capsys):
    assert run(["compile", "tiny.moe"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("Tiny: 4 layers that share 3 compiled bodies, ")


def test_fx_code(folder, capsys):
    assert run(["compile", "tiny.moe", "--emit", "fx"]) == 0
    shown = capsys.readouterr().out
    assert run(["compile", "tiny.moe", "--emit", "fx", "-o", "code.txt"]) == 0
    assert capsys.readouterr().out == ""
    assert (folder / "code.txt").read_text() == shown
    assert "def forward" in shown


def test_python_code_runs(folder):
    assert run(["compile", "tiny.moe", "--emit", "python", "-o", "tiny_model.py"]) == 0
    text = (folder / "tiny_model.py").read_text()
    assert "moedsl" not in "".join(line for line in text.splitlines() if line.startswith(("import", "from")))
    compile(text, "tiny_model.py", "exec")


def test_a_place_that_cannot_be_written(folder, capsys):
    assert run(["compile", "tiny.moe", "--emit", "fx", "-o", "none/code.txt"]) == 4
    assert "`none/code.txt` cannot be written: no such file or directory" in capsys.readouterr().err
    assert sorted(p.name for p in folder.iterdir()) == ["bad.moe", "tiny.moe"]


def test_output_needs_something_to_write(capsys):
    assert run(["compile", "tiny.moe", "-o", "x"]) == 2
    assert "--emit" in capsys.readouterr().err


def test_a_broken_spec_writes_nothing(folder):
    assert run(["compile", "bad.moe", "--emit", "python", "-o", "bad.py"]) == 1
    assert not (folder / "bad.py").exists()


def test_one_spec_at_a_time(folder, capsys):
    (folder / "bad.moe").unlink()
    (folder / "other.moe").write_text(TINY)
    assert run(["compile", "."]) == 2
    assert "name one file" in capsys.readouterr().err


def test_a_file_without_a_model(folder, capsys):
    (folder / "none.moe").write_text("let x = 1\n")
    assert run(["compile", "none.moe"]) == 1
    assert "no model" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [(["compile", "tiny.moe"], "torch"), (["show", "tiny.moe", "--code"], "torch"), (["train", "tiny.moe"], "train")],
)
def test_a_missing_extra_is_named(arguments, extra, monkeypatch, capsys):
    monkeypatch.setattr(_extras, "find_spec", lambda name: None)
    assert run(arguments) == 2
    assert f"pip install 'moedsl[{extra}]'" in capsys.readouterr().err


# ---- fmt


def test_a_file_is_laid_out_once(folder, capsys):
    (folder / "odd.moe").write_text("let   x=1\n")
    (folder / "odd.moe").chmod(0o640)
    assert run(["fmt", "--check", "odd.moe"]) == 1
    assert "would change odd.moe" in capsys.readouterr().err
    assert (folder / "odd.moe").read_text() == "let   x=1\n"
    assert run(["fmt", "odd.moe"]) == 0
    assert (folder / "odd.moe").read_text() == "let x = 1\n"
    assert (folder / "odd.moe").stat().st_mode & 0o777 == 0o640
    assert run(["fmt", "--check", "odd.moe"]) == 0


def test_standard_input_goes_to_standard_output(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"let   x=1\r\n")))
    assert run(["fmt", "-"]) == 0
    assert capsys.readouterr().out == "let x = 1\n"


def test_a_file_with_syntax_errors_is_left_alone(folder, capsys):
    (folder / "broken.moe").write_text("model A {\n  d_model =\n}\n")
    assert run(["fmt", "broken.moe"]) == 1
    assert "error[E01" in capsys.readouterr().err
    assert (folder / "broken.moe").read_text() == "model A {\n  d_model =\n}\n"


def test_a_missing_file_is_3():
    assert run(["fmt", "gone.moe"]) == 3


def test_a_file_that_may_not_be_read(folder, monkeypatch, capsys):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert run(["fmt", "tiny.moe"]) == 3
    assert "`tiny.moe` cannot be read: permission denied" in capsys.readouterr().err


def test_a_link_stays_a_link(folder):
    (folder / "odd.moe").write_text("let   x=1\n")
    (folder / "link.moe").symlink_to("odd.moe")
    assert run(["fmt", "link.moe"]) == 0
    assert (folder / "link.moe").is_symlink()
    assert (folder / "odd.moe").read_text() == "let x = 1\n"
