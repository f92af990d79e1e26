"""Runs from beginning to end, interrupted and resumed."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from compiler_tests.runtime.tiny import run_new, run_on, tiny_job, write_spec
from moedsl.lower.model import lower
from moedsl.runtime import checkpoint
from moedsl.runtime import train as train_module
from moedsl.runtime.failures import Interrupted, RunFailure
from moedsl.runtime.job import Request
from moedsl.runtime.metrics import read_lines
from moedsl.runtime.runs import begin, open_run
from moedsl.runtime.signals import Signals

WINDOW = "attention window { num_heads = 2  span = 8 }"
MOVING = ("tokens_per_second",)


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    """They cost more than these runs; the run that nothing disturbs draws them."""
    monkeypatch.setattr("moedsl.runtime.plots.draw", lambda folder: ())


def record(path):
    """Everything that was computed: all lines, without what a clock says."""
    lines = list(read_lines(path / "metrics.jsonl"))
    return [{k: v for k, v in line.items() if k not in MOVING} for line in lines]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    path, outcome = run_new(folder)
    return path, outcome


def test_a_run_learns_and_leaves_everything(whole):
    path, outcome = whole
    assert outcome.step == 12
    assert outcome.after["loss"] < outcome.before["loss"] - 0.5
    assert set(outcome.loads) == {"decoder.layers.0.moe", "decoder.layers.1.moe"}
    for name in ("run.json", "spec/tiny.moe", "loss.png", "expert_load.png", "data/train.tokens"):
        assert (path / name).stat().st_size > 0
    assert [p.name for p in sorted((path / "checkpoints").iterdir())] == ["step-00000009", "step-00000012"]
    assert list((path / "tensorboard").glob("events*"))


def test_the_record_has_every_step_window_and_evaluation(whole):
    lines = record(whole[0])
    steps = {kind: [line["step"] for line in lines if line["kind"] == kind] for kind in ("train", "window", "eval")}
    assert steps == {"train": list(range(1, 13)), "window": [2, 4, 6, 8, 10, 12], "eval": [0, 5, 10, 12]}
    first = next(line for line in lines if line["kind"] == "train")
    assert first["lr"] == pytest.approx(0.01 / 3)
    window = next(line for line in lines if line["kind"] == "window")
    assert sum(window["shares"]["decoder.layers.0.moe"]) == pytest.approx(1, abs=1e-5)
    assert 0 < window["balance"]["decoder.layers.0.moe"] <= 1


def test_the_same_run_twice_gives_the_same_bits(tmp_path, whole):
    path, _ = run_new(tmp_path)
    assert record(path) == record(whole[0])


class Stop(Signals):
    """Sends a signal to itself after some looks at the clock."""

    def __init__(self, looks, number=signal.SIGTERM):
        super().__init__()
        self.looks, self.number = looks, number

    @property
    def received(self):
        self.looks -= 1
        return self.number if self.looks < 0 else None

    @received.setter
    def received(self, value):
        pass


@pytest.mark.parametrize("step", [1, 3, 4, 11])
def test_a_signal_saves_and_resuming_gives_the_same_bits(tmp_path, whole, monkeypatch, step):
    monkeypatch.setattr(train_module, "Signals", lambda: Stop(step))
    path, outcome = run_new(tmp_path)
    assert (outcome.step, outcome.signal, outcome.after) == (step, signal.SIGTERM, None)
    monkeypatch.undo()
    assert run_on(path).after == whole[1].after
    assert record(path) == record(whole[0])


def test_a_run_that_died_before_its_first_checkpoint_starts_over(tmp_path, whole):
    path, _ = run_new(tmp_path)
    shutil.rmtree(path / "checkpoints")
    run_on(path)
    assert record(path) == record(whole[0])


def test_what_a_crash_left_half_written_is_swept(tmp_path, whole):
    shutil.copytree(whole[0], tmp_path / "run")
    leftover = tmp_path / "run" / "checkpoints" / ".new-step-00000013"
    leftover.mkdir()
    (leftover / "model.safetensors").write_bytes(b"half")
    run_on(tmp_path / "run", steps=12)
    assert not leftover.exists()


@pytest.mark.parametrize(
    "spec",
    [
        {"recipe": "accumulate = 2"},
        {"recipe": "precision = bfloat16"},
        {"recipe": "precision = float64"},
        {"recipe": "recompute = true"},
        {"recipe": "tokenizer bpe { vocab_size = 280 }", "vocab_size": 280},
        {"recipe": "carry_cache = true  accumulate = 2", "attention": WINDOW},
    ],
    ids=lambda spec: spec["recipe"],
)
def test_resuming_is_exact_however_the_model_runs(tmp_path, monkeypatch, spec):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    undisturbed, _ = run_new(tmp_path / "a", **spec)
    with monkeypatch.context() as patch:
        patch.setattr(train_module, "Signals", lambda: Stop(5))
        path, _ = run_new(tmp_path / "b", **spec)
    run_on(path)
    assert record(path) == record(undisturbed)


def test_recomputing_changes_no_bit(tmp_path, whole):
    path, _ = run_new(tmp_path, recipe="recompute = true")
    assert record(path) == record(whole[0])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
def test_compiled_layers_compute_the_same_to_rounding(tmp_path, whole):
    path, _ = run_new(tmp_path, recipe="compile = on")
    compiled, eager = ([line["loss"] for line in record(p) if line["kind"] == "eval"] for p in (path, whole[0]))
    assert compiled == pytest.approx(eager, abs=0.05)


def test_carried_caches_start_over_at_the_left_end(tmp_path):
    """A row is 15 blocks here, so 12 steps stay in it and 40 do not; both learn and end."""
    text = "ab" * 600
    _, outcome = run_new(tmp_path, recipe="carry_cache = true", attention=WINDOW, text=text)
    assert outcome.after["loss"] < outcome.before["loss"]


# ---- what stops a run


def failed(action, *args, **kwargs):
    with pytest.raises(RunFailure) as failure:
        action(*args, **kwargs)
    return failure.value


def test_not_a_number_stops_with_step_layer_and_line(tmp_path, monkeypatch):
    """The gate of layer 1 breaks at step 6; the message says so, and the checkpoint of step 3 is good."""
    real = train_module.Trainer.advance

    def advance(trainer):
        if trainer.step == 5:
            router = trainer.model.get_submodule("decoder.layers.1.moe.router")
            router.register_forward_hook(lambda m, i, out: out._replace(weights_TK=out.weights_TK * float("nan")))
        real(trainer)

    monkeypatch.setattr(train_module.Trainer, "advance", advance)
    failure = failed(run_new, tmp_path)
    found = failure.diagnostics[0]
    assert (found.code, failure.exit_code) == ("E1012", 4)
    assert found.message == "step 6: NaN in the output of `decoder.layers.1.moe.router`"
    assert found.span.file.line(found.span.position.line).strip().startswith("router topk")
    assert checkpoint.newest_step(tmp_path / "run" / "checkpoints") == 3
    assert max(line["step"] for line in record(tmp_path / "run") if line["kind"] == "train") == 5
    monkeypatch.undo()
    assert run_on(tmp_path / "run").step == 12


def test_a_gradient_that_is_not_finite_names_the_parameter(tmp_path, monkeypatch):
    real = train_module.Trainer.advance

    def advance(trainer):
        if trainer.step == 1:
            weight = trainer.model.get_parameter("decoder.layers.0.moe.experts.w_out")
            weight.register_hook(lambda gradient: gradient / 0)
        real(trainer)

    monkeypatch.setattr(train_module.Trainer, "advance", advance)
    found = failed(run_new, tmp_path).diagnostics[0]
    assert found.message == "step 2: NaN in the gradient of `decoder.layers.0.moe.experts.w_out`"
    assert found.path == "decoder.layers.0.moe.experts"
    assert found.span.text == "ffn"


def test_a_learning_rate_that_is_far_too_high(tmp_path):
    found = failed(run_new, tmp_path, recipe="clip = none", params=("pairs=1",), lr="1.5e37").diagnostics[0]
    assert found.code == "E1012"


def test_a_disk_that_fills_up_loses_nothing(tmp_path, monkeypatch, whole):
    real = checkpoint.save_file

    def full(tensors, path, metadata):
        if "step-00000006" in str(path):
            raise OSError(28, "No space left on device", str(path))
        real(tensors, path, metadata=metadata)

    monkeypatch.setattr(checkpoint, "save_file", full)
    failure = failed(run_new, tmp_path)
    found = failure.diagnostics[0]
    assert (found.code, failure.exit_code) == ("E1013", 4)
    assert "the disk is full" in found.message
    assert found.note == "the checkpoint of step 3 is intact"
    monkeypatch.undo()
    run_on(tmp_path / "run")
    assert record(tmp_path / "run") == record(whole[0])


def test_too_little_room_is_known_before_training(tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("moedsl.runtime.preflight.shutil.disk_usage", lambda path: usage)
    found = failed(run_new, tmp_path).diagnostics[0]
    assert (found.code, found.span.file.path[-8:]) == ("E1013", "tiny.moe")


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        ({"text": ""}, "E1004"),
        ({"text": "too short"}, "E1005"),
        (
            {"text": "long enough to train, not to carry" * 2, "recipe": "carry_cache = true", "attention": WINDOW},
            "E1005",
        ),
        ({"recipe": "tokenizer bpe { vocab_size = 9999 }", "vocab_size": 9999}, "E1006"),
        ({"recipe": "tokenizer bpe { vocab_size = 300 }"}, "E1007"),
        ({"recipe": "accumulate = 3"}, "E1010"),
        ({"recipe": "carry_cache = true"}, "E1011"),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_what_is_known_before_training(tmp_path, spec, code):
    found = failed(run_new, tmp_path, **spec).diagnostics[0]
    assert found.code == code
    assert found.span is not None
    assert found.help


def test_memory_that_runs_out_has_a_code(tmp_path, monkeypatch):
    def advance(trainer):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(train_module.Trainer, "advance", advance)
    assert failed(run_new, tmp_path).diagnostics[0].code == "E1014"


# ---- what does not fit


def test_a_checkpoint_of_another_spec_is_refused_with_the_difference(tmp_path, whole):
    other = Request(spec=str(write_spec(tmp_path)), params=("d_ff=8",))
    found = failed(run_on, whole[0], request=other).diagnostics[0]
    assert found.code == "E0903"
    assert "`arch` and `params` differ" in found.message or "`params`" in found.message
    assert "`decoder.layers.0.moe.experts.w_in` was [4, 16, 16] and is [4, 8, 16]" in found.note


def test_a_model_that_only_computes_something_else_is_refused(tmp_path, whole):
    path = write_spec(tmp_path)
    path.write_text(path.read_text().replace("rmsnorm { place = pre }", "rmsnorm { place = post }"))
    found = failed(run_on, whole[0], request=Request(spec=str(path))).diagnostics[0]
    assert found.code == "E0903"
    assert "same shape" in found.note


def test_a_changed_recipe_is_refused_and_named(tmp_path, whole):
    path = write_spec(tmp_path)
    path.write_text(path.read_text().replace("lr = 0.01", "lr = 0.02"))
    found = failed(run_on, whole[0], request=Request(spec=str(path))).diagnostics[0]
    assert found.code == "E0904"
    assert "`optimizer.lr` was 0.01 and is 0.02" in found.message


def test_how_often_to_save_may_change(tmp_path, monkeypatch, whole):
    monkeypatch.setattr(train_module, "Signals", lambda: Stop(4))
    path, _ = run_new(tmp_path)
    monkeypatch.undo()
    spec = tmp_path / "tiny.moe"
    spec.write_text(spec.read_text().replace("save_every = 3", "save_every = 1"))
    run_on(path, request=Request(spec=str(spec)))
    assert record(path) == record(whole[0])


def test_training_longer_is_asked_for_and_remembered(tmp_path):
    path, _ = run_new(tmp_path)
    assert run_on(path, steps=15).step == 15
    assert run_on(path).step == 15


def test_a_folder_with_something_in_it_is_left_alone(tmp_path, whole):
    failure = failed(begin, tiny_job(tmp_path), whole[0])
    assert failure.diagnostics[0].code == "E0905"
    assert "--resume" in failure.diagnostics[0].help


@pytest.mark.parametrize(
    "change",
    [
        lambda about: about.pop("spec"),
        lambda about: about.update(spec="../../tiny.moe"),
        lambda about: about.update(spec=3),
        lambda about: about.update(request=[]),
        lambda about: about.update(threads="many"),
        lambda about: about.update(spec="a\0b"),
    ],
)
def test_a_hostile_run_json_is_refused(tmp_path, whole, change):
    shutil.copytree(whole[0], tmp_path / "run")
    path = tmp_path / "run" / "run.json"
    about = json.loads(path.read_text())
    change(about)
    path.write_text(json.dumps(about))
    failure = failed(open_run, tmp_path / "run", device=torch.device("cpu"), build=lower)
    assert failure.diagnostics[0].code == "E0901"


def test_a_run_that_has_not_saved_yet(tmp_path, whole):
    shutil.copytree(whole[0], tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    failure = failed(open_run, tmp_path / "run", device=torch.device("cpu"), build=lower)
    assert (failure.diagnostics[0].code, failure.exit_code) == ("E0906", 3)


def test_nothing_in_a_run_folder_is_a_pickle(whole):
    kinds = {p.suffix for p in whole[0].rglob("*") if p.is_file() and "events" not in p.name}
    assert kinds == {".json", ".jsonl", ".moe", ".png", ".safetensors", ".tokens"}


# ---- killed


def moedsl(*arguments, folder):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-m", "moedsl", *map(str, arguments)]
    return subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE)


def test_killed_once_and_resumed(tmp_path, whole):
    """SIGKILL soon after the first checkpoint appears."""
    write_spec(tmp_path)
    process = moedsl("train", "tiny.moe", "--out", "run", folder=tmp_path)
    while process.poll() is None and not list(tmp_path.glob("run/checkpoints/step-*")):
        time.sleep(0.005)
    process.kill()
    process.communicate()
    process = moedsl("train", "--resume", "run", folder=tmp_path)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors.decode()
    assert b"run folder: run" in output
    assert record(tmp_path / "run") == record(whole[0])


@pytest.mark.slow
def test_killed_at_random_moments_while_it_saves_after_every_step(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    undisturbed, _ = run_new(tmp_path / "a", steps=120, save_every=1)
    write_spec(tmp_path / "b", steps=120, save_every=1)
    chance, kills, command = random.Random(0), 0, ("train", "tiny.moe", "--out", "run")
    path, process = tmp_path / "b" / "run", None
    while process is None or process.returncode != 0:
        before = checkpoint.newest_step(path / "checkpoints")
        process = moedsl(*command, folder=tmp_path / "b")
        while process.poll() is None and checkpoint.newest_step(path / "checkpoints") == before:
            time.sleep(0.001)
        time.sleep(chance.uniform(0.0, 0.3))
        if kills < 8 and process.poll() is None:
            process.kill()
            kills += 1
        _, errors = process.communicate(timeout=120)
        assert process.returncode in {0, -signal.SIGKILL}, errors.decode()
        command = ("train", "--resume", "run")
    assert kills >= 4
    assert record(path) == record(undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_save_first_and_have_their_exit_code(tmp_path, number, code):
    write_spec(tmp_path, save_every=100_000, steps=100_000)
    process = moedsl("train", "tiny.moe", "--out", "run", folder=tmp_path)
    metrics = tmp_path / "run" / "metrics.jsonl"
    while process.poll() is None and not (metrics.is_file() and metrics.stat().st_size > 100):
        time.sleep(0.01)
    time.sleep(0.3)
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == code, errors.decode()
    assert b"goes on" in output
    assert checkpoint.newest_step(tmp_path / "run" / "checkpoints") > 0


def test_a_signal_before_there_is_anything_to_save_ends_at_once():
    with Signals(), pytest.raises(Interrupted):
        signal.raise_signal(signal.SIGTERM)


def test_a_second_signal_does_not_wait():
    with Signals() as signals:
        signals.can_save = True
        signal.raise_signal(signal.SIGINT)
        assert signals.received == signal.SIGINT
        with pytest.raises(Interrupted):
            signal.raise_signal(signal.SIGINT)
