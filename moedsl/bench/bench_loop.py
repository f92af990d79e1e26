"""The training loop against a bare one on the same model: what metrics, guards and exact resuming cost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from statistics import median, quantiles

import numpy as np
import torch
import torch.nn.functional as F

from moedsl.bench.measure import SPECS, Result
from moedsl.lower.model import Model, lower
from moedsl.ops.optimizers.adamw import AdamW
from moedsl.runtime.job import Job, Request, find_job
from moedsl.runtime.preflight import make_batches
from moedsl.runtime.trainer import Trainer, make_trainer

WINDOW = 5
"""Steps per sample; the loop looks at its results once per window, as a run does."""


def run() -> Iterator[Result]:
    """The demo's model and recipe, a window of one loop after a window of the other, in CPU time on one thread."""
    torch.set_num_threads(1)
    job = find_job(Request(spec=str(SPECS / "demo.moe")))
    trainer, bare = _trainer(job), partial(_bare_window, job, *_bare(job))
    ratios = [_cpu_seconds(partial(_window, trainer)) / _cpu_seconds(bare) for _ in range(12)][1:]
    low, _, high = quantiles(ratios, n=4)
    loop = job.recipe.recipe
    detail = f"specs/demo.moe, {loop.batch_size} x {loop.block_size} tokens a step, without evaluation and saving"
    yield Result(name="training loop by bare loop", value=median(ratios), limit=1.03, spread=(low, high), detail=detail)


def _trainer(job: Job) -> Trainer:
    loop = job.recipe.recipe
    tokens = {name: np.arange(1_000_000, dtype=np.uint16) % 251 for name in ("train", "held_out")}
    return make_trainer(
        lower(job.graph, seed=loop.seed).train(),
        job.graph,
        recipe=loop,
        optimizer=job.recipe.optimizer,  # type: ignore[arg-type]
        schedule=job.recipe.schedule,  # type: ignore[arg-type]
        batches=make_batches(tokens, job.recipe),
        steps=job.steps,
        device=torch.device("cpu"),
    )


def _window(trainer: Trainer) -> None:
    for _ in range(WINDOW):
        trainer.advance()
    trainer.meter.take_steps()
    trainer.meter.take_loads()


def _bare(job: Job) -> tuple[Model, torch.optim.Optimizer]:
    model = lower(job.graph, seed=job.recipe.recipe.seed).train()
    optimizer = job.recipe.optimizer
    assert isinstance(optimizer, AdamW)
    return model, torch.optim.AdamW(model.parameters(), lr=optimizer.lr, fused=True)


def _bare_window(job: Job, model: Model, optimizer: torch.optim.Optimizer) -> None:
    loop = job.recipe.recipe
    for _ in range(WINDOW):
        tokens = torch.randint(0, 251, (loop.batch_size, loop.block_size + 1))
        out = model(tokens[:, :-1])
        loss = F.cross_entropy(out.logits.flatten(0, 1), tokens[:, 1:].flatten()) + sum(out.losses.values())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), loop.clip or 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)


def _cpu_seconds(work: partial[None]) -> float:
    start = time.thread_time()
    work()
    return time.thread_time() - start
