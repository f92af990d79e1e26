"""The front door: commands by file, exit codes, pipes, bugs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

import moedsl.cli
from moedsl.cli.main import moedsl_command, run
from moedsl.version import __version__

ROOT = Path(__file__).parents[2]
COMMANDS = moedsl_command.list_commands(click.Context(moedsl_command))


def test_a_command_is_a_file():
    files = {p.stem for p in Path(moedsl.cli.__path__[0]).glob("*.py")}
    assert set(COMMANDS) == {f for f in files if not f.startswith("_") and f != "main"}
    assert {"check", "show", "why", "cost", "explain", "list", "compile", "train", "eval", "generate"} <= set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_fits_a_screen_and_shows_an_example(name, capsys):
    assert run([name, "--help"]) == 0
    shown = capsys.readouterr().out
    assert len(shown.splitlines()) <= 24
    assert max(map(len, shown.splitlines())) <= 80
    assert f"moedsl {name}" in shown.split("Options:")[0].partition("\n\n")[2]
    assert "Exit codes:" in shown


def test_version(capsys):
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"moedsl {__version__}\n"


def test_without_a_command_there_is_help(capsys):
    assert run([]) == 2
    assert "check" in capsys.readouterr().err


def test_a_mistyped_command_is_offered_the_closest(capsys):
    assert run(["chekc"]) == 2
    assert "there is no command `chekc`: did you mean `check`?" in capsys.readouterr().err


@pytest.mark.parametrize(("alias", "name"), [("build", "compile"), ("validate", "check")])
def test_aliases(alias, name, capsys):
    assert run([alias, "--help"]) == 0
    assert f"moedsl {name}" in capsys.readouterr().out


def test_wrong_options_are_usage(capsys):
    assert run(["check", "--formt", "json"]) == 2
    assert "--format" in capsys.readouterr().err


def test_a_bug_asks_for_a_report(monkeypatch, capsys, tmp_path):
    monkeypatch.delenv("MOEDSL_DEBUG", raising=False)
    monkeypatch.setattr("moedsl.checker.run.evaluate", lambda *_, **__: 1 // 0)
    (tmp_path / "a.moe").write_text("model A {}\n")
    assert run(["check", str(tmp_path)]) == 70
    shown = capsys.readouterr().err
    assert "has a bug" in shown
    assert "report" in shown
    assert "Traceback" not in shown
    monkeypatch.setenv("MOEDSL_DEBUG", "1")
    assert run(["check", str(tmp_path)]) == 70
    assert "Traceback" in capsys.readouterr().err


def test_an_interrupt_is_130(monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("moedsl.cli.check.check_specs", interrupt)
    assert run(["check"]) == 130


def test_whoever_reads_may_stop_reading():
    process = subprocess.Popen(
        [sys.executable, "-m", "moedsl", "list", "codes"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(30) == 0
    process.stderr.close()


def test_a_full_disk_is_no_bug():
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "moedsl", "list"]
        ended = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (4, "error: standard output cannot be written: no space is left\n")


def test_python_m_moedsl_is_the_same_as_the_script():
    shown = subprocess.check_output([sys.executable, "-m", "moedsl", "--version"], cwd=ROOT, text=True)
    assert shown == f"moedsl {__version__}\n"
