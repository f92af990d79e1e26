"""A run from beginning to end: prepare data, train, evaluate, record, draw, save; or go on where it stopped."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import cast

import numpy as np
import torch
from torch import nn

from moedsl.ops.data._shared import Corpus
from moedsl.ops.optimizers._shared import Optimizer
from moedsl.ops.schedules._shared import Schedule
from moedsl.ops.tokenizers._shared import Tokenizer
from moedsl.ops.unusable import UnusableData
from moedsl.runtime import checkpoint, corpus, engine
from moedsl.runtime.evaluate import evaluate_as
from moedsl.runtime.failures import disk_failures, failure
from moedsl.runtime.fits import RESUMING, check_fit
from moedsl.runtime.folder import RunFolder
from moedsl.runtime.job import Job
from moedsl.runtime.metrics import Log, balance, describe_loads
from moedsl.runtime.plots import Plots
from moedsl.runtime.preflight import check_room, make_batches, unusable
from moedsl.runtime.progress import Watcher
from moedsl.runtime.signals import Signals
from moedsl.runtime.trainer import Trainer, make_trainer

Build = Callable[..., nn.Module]
"""`moedsl.lower.lower`: a graph to a module; takes `device`, `dtype` and `seed` by keyword."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run ended."""

    step: int
    before: dict[str, float] | None
    """Held-out loss before the first step; none when this call resumed a run."""
    after: dict[str, float] | None
    """Held-out loss after the last step; none when the run was interrupted."""
    loads: dict[str, list[float]]
    """Tokens per expert and layer in the last window."""
    signal: int | None = None
    """What interrupted it, after a checkpoint was written."""


def train(job: Job, run: RunFolder, *, device: torch.device, watcher: Watcher, build: Build) -> Outcome:
    """Train a job in its run folder, from its last checkpoint if it has one.

    Args:
        job: What to train.
        run: A folder made for it; `run.json` and the spec are already there.
        device: Where to compute.
        watcher: Told about progress.
        build: Makes the module.

    Raises:
        RunFailure: data, files or numbers forbid to go on; what was saved is intact.
        Interrupted: a signal came before there was anything to save.
    """
    newest = partial(checkpoint.newest_step, run.checkpoints)
    with Signals() as signals, engine.memory_failures(), disk_failures(run.path, newest):
        check_room(job.graph, job.recipe, run)
        tokens, bytes_per_token = _tokens(job, run, watcher)
        trainer = _trainer(job, run, tokens, device, build)
        with closing(Log(run.path, after=trainer.step or -1)) as log:
            plots = Plots(run.path)
            loop = _Loop(job, run, trainer, watcher, log, plots, tokens["held_out"], bytes_per_token)
            return loop.go(signals)


def _tokens(job: Job, run: RunFolder, watcher: Watcher) -> tuple[dict[str, np.ndarray], float]:
    """Both splits, and how many bytes of text a held-out token stands for."""
    data, tokenizer = cast(Corpus, job.recipe.data), cast(Tokenizer, job.recipe.tokenizer)
    try:
        if not (run.data / corpus.INDEX).is_file():
            corpus.prepare(data, tokenizer, folder=job.folder, target=run.data, watch=watcher.preparing)
        codec, splits = corpus.load(tokenizer, run.data)
        tokens = {name: split.open(run.data, codec.vocab_size) for name, split in splits.items()}
    except UnusableData as refusal:
        raise unusable(job.recipe, refusal) from refusal
    except ValueError as damage:
        help = f"remove `{run.data}`: resuming then prepares the data again"
        raise failure("E0907", f"the run's data is damaged: {damage}", help=help) from damage
    return tokens, splits["held_out"].bytes / max(1, splits["held_out"].tokens)


def _trainer(job: Job, run: RunFolder, tokens: Mapping[str, np.ndarray], device: torch.device, build: Build) -> Trainer:
    """At step 0, or where the last checkpoint stopped."""
    loop = job.recipe.recipe
    batches = make_batches(tokens, job.recipe)
    checkpoint.clean(run.checkpoints)
    saved = checkpoint.latest(run.checkpoints)
    if saved is not None:
        check_fit(saved, job.graph, job.digests, levels=RESUMING)
    engine.set_determinism(loop, device)
    model = build(job.graph, device=device, dtype=engine.dtype_of(loop), seed=loop.seed)
    trainer = make_trainer(
        model.train(),
        job.graph,
        recipe=loop,
        optimizer=cast(Optimizer, job.recipe.optimizer),
        schedule=cast(Schedule, job.recipe.schedule),
        batches=batches,
        steps=job.steps,
        device=device,
    )
    if saved is not None:
        trainer.restore(saved)
    return trainer


@dataclass(slots=True)
class _Loop:
    """Drives a trainer, and writes what comes of it."""

    job: Job
    run: RunFolder
    trainer: Trainer
    watcher: Watcher
    log: Log
    plots: Plots
    held_out: np.ndarray
    bytes_per_token: float
    loads: dict[str, list[float]] = field(default_factory=dict)
    clock: float = 0.0
    """When the current window began."""
    clock_step: int = 0

    def go(self, signals: Signals) -> Outcome:
        """Train to the last step, or until a signal, and save."""
        trainer, recipe, before, after = self.trainer, self.job.recipe.recipe, None, None
        if trainer.step == 0:
            before = self.evaluate()
        if trainer.step == self.job.steps:
            self.watcher.note(f"all {trainer.step} steps are done; `--steps` trains longer")
        signals.can_save = True
        self.restart_clock()
        while trainer.step < self.job.steps and signals.received is None:
            trainer.advance()
            is_last = trainer.step == self.job.steps
            if is_last or trainer.must_look or trainer.step % recipe.log_every == 0:
                self.flush()
            if is_last or trainer.step % recipe.eval_every == 0:
                after = self.evaluate()
            if is_last or trainer.step % recipe.save_every == 0:
                self.save()
        if signals.received is not None:
            self.save()
        self.plots.draw()
        done = trainer.step == self.job.steps
        return Outcome(
            step=trainer.step,
            before=before,
            after=after if done else None,
            loads=self.loads,
            signal=None if done else signals.received,
        )

    def flush(self) -> None:
        """Look at the steps since the last look, and write them down."""
        step, lines = self.trainer.step, self.trainer.meter.take_steps()
        for line in lines:
            if not (math.isfinite(line["loss"]) and math.isfinite(line["grad_norm"])):
                raise self.trainer.blame(line["step"])
            self.log.write(line)
        if not lines or (step % self.job.recipe.recipe.log_every and step != self.job.steps):
            return
        self.loads = self.trainer.meter.take_loads()
        shown = {"loss": lines[-1]["loss"], "tokens_per_second": self.speed()}
        self.log.write({"kind": "window", "step": step, **shown, **describe_loads(self.loads)})
        if self.loads:
            shown["balance"] = sum(map(balance, self.loads.values())) / len(self.loads)
        self.log.show(lines[-1])
        self.watcher.training(step, self.job.steps, shown)
        self.restart_clock()

    def evaluate(self) -> dict[str, float]:
        """Loss on held-out text, written down."""
        recipe, trainer = self.job.recipe.recipe, self.trainer
        result = evaluate_as(recipe, trainer.model, self.held_out, limit=recipe.eval_blocks, device=trainer.device)
        described = result.described(self.bytes_per_token)
        self.log.write({"kind": "eval", "step": trainer.step, **described})
        words = f"held-out loss {described['loss']:.4f} ({described['bits_per_byte']:.3f} bits per byte)"
        self.watcher.note(f"step {trainer.step}: {words}")
        self.plots.draw_if_cheap()
        self.restart_clock()
        return described

    def save(self) -> None:
        """Write a checkpoint, after everything that it stands for is on the disk."""
        self.flush()
        self.log.sync()
        checkpoint.save(
            self.run.checkpoints,
            model=self.trainer.model,
            state=self.trainer.state(),
            graph=self.job.graph,
            digests=self.job.digests,
            keep=self.job.recipe.recipe.keep,
        )
        self.restart_clock()

    def restart_clock(self) -> None:
        """Measure speed from here: each window anew, and evaluating and saving is no training."""
        self.clock, self.clock_step = time.perf_counter(), self.trainer.step

    def speed(self) -> float:
        """Training tokens per second since then."""
        recipe, steps = self.job.recipe.recipe, self.trainer.step - self.clock_step
        tokens = steps * recipe.batch_size * recipe.block_size
        return tokens / max(1e-9, time.perf_counter() - self.clock)
