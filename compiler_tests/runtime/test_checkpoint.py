"""Saving and loading, with crashes between all writes."""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
from contextlib import suppress

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from compiler_tests.runtime.tiny import tiny_job
from moedsl.lower.model import lower
from moedsl.runtime import checkpoint
from moedsl.runtime.batches import Batch
from moedsl.runtime.failures import RunFailure
from moedsl.runtime.files import sha256
from moedsl.runtime.step import build_optimizer, train_step

WRITES = (
    (os, "fsync"),
    (os, "rename"),
    (os, "replace"),
    (shutil, "rmtree"),
    (checkpoint, "save_file"),
)
"""Everything that changes the disk while saving."""


class Crash(BaseException):
    """The process dies here: nothing that follows runs."""


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    return tiny_job(tmp_path_factory.mktemp("spec"))


@pytest.fixture
def trained(job):
    model = lower(job.graph, seed=0)
    optimizer = build_optimizer(model, job.graph, job.recipe.optimizer)
    tokens = torch.randint(0, 256, (2, 9), generator=torch.Generator().manual_seed(0))
    return model, optimizer, lambda: train_step(model, Batch(tokens[:, :-1], tokens[:, 1:]), optimizer)


def save(folder, job, trained, step, keep=2):
    model, optimizer, advance = trained
    advance()
    caches = [{"a.b": (torch.full((2,), float(step)), torch.ones(1)), "offset": (torch.tensor(step),)}]
    state = checkpoint.TrainingState(
        step=step,
        optimizer=checkpoint.optimizer_state(optimizer, model),
        caches=caches,
        loads={"x": torch.arange(3.0)},
    )
    checkpoint.save(folder, model=model, state=state, graph=job.graph, digests=job.digests, keep=keep)


def test_everything_comes_back(tmp_path, job, trained):
    save(tmp_path, job, trained, 7)
    found = checkpoint.latest(tmp_path)
    model = lower(job.graph, seed=1)
    optimizer = build_optimizer(model, job.graph, job.recipe.optimizer)
    checkpoint.load_weights(found, model, job.graph)
    state = checkpoint.load_training(found, torch.device("cpu"))
    checkpoint.restore_optimizer(found, optimizer, model, state.optimizer)
    assert {n: p.tolist() for n, p in model.named_parameters()} == {
        n: p.tolist() for n, p in trained[0].named_parameters()
    }
    old, new = trained[1].state_dict()["state"], optimizer.state_dict()["state"]
    assert all(torch.equal(old[i][k], new[i][k]) for i in old for k in old[i])
    assert found.step == state.step == 7
    assert state.loads["x"].tolist() == [0, 1, 2]
    assert [{k: [t.tolist() for t in v] for k, v in c.items()} for c in state.caches] == [
        {"a.b": [[7.0, 7.0], [1.0]], "offset": [7]}
    ]


def test_each_file_says_what_it_belongs_to(tmp_path, job, trained):
    save(tmp_path, job, trained, 3)
    for name in (checkpoint.MODEL, checkpoint.TRAINING):
        with safe_open(tmp_path / "step-00000003" / name, framework="np") as file:
            about = json.loads(file.metadata()["moedsl"])
        assert about["digests"] == job.digests
        assert about["step"] == 3


def test_a_tied_parameter_is_saved_once(tmp_path, job, trained):
    save(tmp_path, job, trained, 1)
    names = checkpoint.read_tensors(checkpoint.latest(tmp_path), checkpoint.MODEL)
    assert "embed.table" in names
    assert "head.weight" not in names


def test_only_some_are_kept(tmp_path, job, trained):
    for step in range(1, 6):
        save(tmp_path, job, trained, step, keep=2)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step-00000004", "step-00000005"]


def test_a_crash_between_any_two_writes_leaves_a_good_checkpoint(tmp_path, job, trained, monkeypatch):
    """Die before the 1st, 2nd, 3rd … write of a save; the newest complete checkpoint is the old or the new one."""
    seen = set()
    for deadline in range(200):
        folder = tmp_path / str(deadline)
        folder.mkdir()
        for step in (1, 2):
            save(folder, job, trained, step, keep=1)
        with monkeypatch.context() as patch:
            clock = _arm(patch, deadline)
            with suppress(Crash):
                save(folder, job, trained, 3, keep=1)
        checkpoint.clean(folder)
        found = checkpoint.latest(folder)
        assert found is not None
        checkpoint.load_training(found, torch.device("cpu"))
        seen.add(found.step)
        assert not list(folder.glob(".new-*"))
        if clock[0] <= deadline:
            break
    assert seen == {2, 3}
    assert deadline > 8


def _arm(patch, deadline):
    clock = [0]

    def dying(real):
        def call(*args, **kwargs):
            clock[0] += 1
            if clock[0] > deadline:
                raise Crash
            return real(*args, **kwargs)

        return call

    for module, name in WRITES:
        patch.setattr(module, name, dying(getattr(module, name)))
    return clock


def test_a_full_disk_keeps_what_was_saved(tmp_path, job, trained, monkeypatch):
    save(tmp_path, job, trained, 1)
    monkeypatch.setattr(
        checkpoint, "save_file", lambda *a, **k: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left"))
    )
    with pytest.raises(OSError, match="No space"):
        save(tmp_path, job, trained, 2)
    assert [p.name for p in tmp_path.iterdir()] == ["step-00000001"]
    assert checkpoint.latest(tmp_path).step == 1


def test_a_disk_that_refuses_while_tensors_are_written(tmp_path, job, trained):
    """The system's limit on the size of a file stands for a full disk: safetensors meets both in the same call."""
    save(tmp_path, job, trained, 1)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            save(tmp_path, job, trained, 2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [p.name for p in tmp_path.iterdir()] == ["step-00000001"]
    assert checkpoint.latest(tmp_path).step == 1


def broken(name, content):
    return lambda folder: (folder / name).write_bytes(content)


def without_index(step="1", digests="{}", files="{}"):
    text = f'{{"schema": "{checkpoint.SCHEMA}", "step": {step}, "digests": {digests}, "files": {files}}}'
    return broken(checkpoint.INDEX, text.encode())


@pytest.mark.parametrize(
    "damage",
    [
        broken(checkpoint.MODEL, b""),
        lambda folder: os.truncate(folder / checkpoint.MODEL, 3000),
        lambda folder: (folder / checkpoint.TRAINING).unlink(),
        lambda folder: (folder / checkpoint.INDEX).unlink(),
        broken(checkpoint.INDEX, b"{"),
        broken(checkpoint.INDEX, b"\x80\x04\x95"),
        without_index(),
        without_index(digests="3"),
        without_index(files="[]"),
        without_index(step='"1"'),
    ],
)
def test_damage_is_named(tmp_path, job, trained, damage):
    save(tmp_path, job, trained, 1)
    damage(tmp_path / "step-00000001")
    with pytest.raises(RunFailure, match=r"step-00000001.* is damaged") as failure:
        checkpoint.latest(tmp_path)
    assert failure.value.diagnostics[0].code == "E0902"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("optimizer/decoder.layers.0.moe.experts.w_in/exp_avg", "fits no parameter"),
        ("optimizer/nothing/exp_avg", "fits no parameter"),
        ("weights/embed.table", "is unknown"),
        ("caches/000/embed/000", "caches are not those"),
    ],
)
def test_training_state_that_fits_nothing_is_refused(tmp_path, job, trained, name, words):
    save(tmp_path, job, trained, 1)
    folder = tmp_path / "step-00000001"
    save_file({name: torch.ones(3)}, folder / checkpoint.TRAINING)
    index = json.loads((folder / checkpoint.INDEX).read_text())
    index["files"][checkpoint.TRAINING] = sha256(folder / checkpoint.TRAINING)
    (folder / checkpoint.INDEX).write_text(json.dumps(index))
    found = checkpoint.latest(tmp_path)
    with pytest.raises(RunFailure, match=words):
        restore(found, *trained[:2])


def restore(found, model, optimizer):
    state = checkpoint.load_training(found, torch.device("cpu"))
    checkpoint.restore_optimizer(found, optimizer, model, state.optimizer)
    checkpoint.check_caches(found, state.caches or [], [model.empty_cache(2)])


def test_tensors_of_another_shape_are_refused_even_with_matching_digests(tmp_path, job, trained):
    save(tmp_path, job, trained, 1)
    other = lower(tiny_job(tmp_path, params=("d_ff=8",)).graph)
    with pytest.raises(RunFailure, match="not those of the model"):
        checkpoint.load_weights(checkpoint.latest(tmp_path), other, tiny_job(tmp_path, params=("d_ff=8",)).graph)
