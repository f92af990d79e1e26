"""`moedsl train`, `eval` and `generate`: what they print and how they end."""

from __future__ import annotations

import io
import json

import pytest

from compiler_tests.runtime.tiny import write_spec
from moedsl.cli import _extras
from moedsl.cli.main import run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A spec and a run of it, trained by the command."""
    folder = tmp_path_factory.mktemp("cli")
    write_spec(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("moedsl.runtime.plots.draw", lambda folder: ())
        assert run(["train", "tiny.moe", "--out", "run", "--quiet"]) == 0
    return folder


@pytest.fixture(autouse=True)
def here(monkeypatch, folder):
    monkeypatch.chdir(folder)
    monkeypatch.setattr("moedsl.runtime.plots.draw", lambda folder: ())


def test_train_says_what_came_of_it(capsys):
    assert run(["train", "tiny.moe::quick", "--steps", "2", "--param", "pairs=1", "--set", "quick.batch_size=2"]) == 0
    shown = capsys.readouterr()
    assert "trained `Tiny` for 2 steps" in shown.out
    assert "held-out loss before" in shown.out
    assert "decoder.layers.0.moe" in shown.out
    assert "decoder.layers.1.moe" not in shown.out
    assert "run folder: runs/quick-2" in shown.out
    assert "step 2/2  loss" in shown.err


def test_settings_of_a_run_are_remembered(folder):
    assert run(["train", "tiny.moe", "--steps", "2", "--param", "pairs=1", "--out", "small", "--quiet"]) == 0
    assert run(["train", "--resume", "small", "--quiet"]) == 0
    assert run(["eval", "small"]) == 0
    assert json.loads((folder / "small" / "run.json").read_text())["request"]["params"] == ["pairs=1"]


def test_a_spec_from_standard_input_can_be_resumed(folder, monkeypatch):
    stdin = io.TextIOWrapper(io.BytesIO((folder / "tiny.moe").read_bytes()))
    monkeypatch.setattr("sys.stdin", stdin)
    assert run(["train", "-", "--steps", "2", "--out", "piped", "--quiet"]) == 0
    assert run(["train", "--resume", "piped", "--steps", "3", "--quiet"]) == 0


def test_warnings_are_shown_before_training(folder, capsys):
    spec = (folder / "tiny.moe").read_text()
    (folder / "warned.moe").write_text(spec.replace("d_ff: int = 16", "d_ff: int = 16, x: int = 1"))
    assert run(["train", "warned.moe", "--steps", "1", "--out", "warned", "--quiet"]) == 0
    assert "W0201" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written(folder, capsys):
    assert run(["train", "tiny.moe", "--out", "/proc/run"]) == 4
    assert "E1013" in capsys.readouterr().err


def test_eval_for_people_and_programs(capsys):
    assert run(["eval", "run"]) == 0
    assert "bits_per_byte" in capsys.readouterr().out
    assert run(["eval", "run", "--format", "json", "--blocks", "8"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["schema"] == "moedsl.eval/1"
    assert (found["model"], found["step"], found["tokens"]) == ("Tiny", 12, 128)
    assert set(found["balance"]) == {"decoder.layers.0.moe", "decoder.layers.1.moe"}


def test_generate_shows_the_prompt_and_nothing_a_terminal_obeys(capsys):
    arguments = ["generate", "run", "--prompt", "3 bottles\x1b", "--max-tokens", "30", "--temperature", "2"]
    assert run(arguments) == 0
    first = capsys.readouterr().out
    assert first.startswith("3 bottles�")
    assert all(c.isprintable() or c in "\n\t" for c in first)
    assert run([*arguments, "--no-cache"]) == 0
    assert capsys.readouterr().out == first


def test_a_prompt_of_broken_bytes_is_taken(capsys):
    assert run(["generate", "run", "--prompt", b"\xff".decode("utf-8", "surrogateescape"), "--max-tokens", "2"]) == 0
    assert capsys.readouterr().out.startswith("�")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["train"], 2, "give a FILE"),
        (["train", "--resume", "run", "--out", "x"], 2, "leave out --out"),
        (["train", "--resume", "run", "--param", "pairs=1"], 2, "need the FILE"),
        (["train", "tiny.moe", "--device", "abacus"], 2, "no device `abacus`"),
        (["train", "none.moe"], 3, "none.moe"),
        (["train", "tiny.moe::slow"], 1, "E1015"),
        (["train", "tiny.moe", "--out", "run"], 1, "E0905"),
        (["train", "--resume", "nowhere"], 3, "E0901"),
        (["train", "tiny.moe", "--set", "quick.accumulate=3"], 1, "E1010"),
        (["eval", "."], 3, "E0901"),
        (["eval", "run", "--data", "nothing.txt"], 3, "E1001"),
        (["generate", "run", "--temperature", "-1"], 2, "temperature"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_how_they_end(capsys, arguments, code, words):
    assert run(arguments) == code
    assert words in capsys.readouterr().err


def test_a_missing_extra_says_which_one_to_install(monkeypatch, capsys):
    monkeypatch.setattr(_extras, "find_spec", lambda name: None if name == "tokenizers" else object())
    assert run(["train", "tiny.moe"]) == 2
    assert "pip install 'moedsl[train]'" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["train", "eval", "generate"])
def test_help_fits_a_screen(capsys, command):
    assert run([command, "--help"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) <= 40
    assert max(map(len, shown)) <= 100
