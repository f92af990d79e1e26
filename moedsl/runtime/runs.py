"""Beginning a run, going on with one, and opening one to use its model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from moedsl.ops.data.text import Text
from moedsl.ops.tokenizers._shared import Codec, Tokenizer
from moedsl.ops.unusable import UnusableData
from moedsl.runtime import checkpoint, corpus, engine
from moedsl.runtime.checkpoint import Checkpoint
from moedsl.runtime.evaluate import Evaluation, evaluate_as
from moedsl.runtime.failures import disk_failures, failure
from moedsl.runtime.fits import USING, check_fit, check_recipe
from moedsl.runtime.folder import RunFolder, copy_spec, create, describe_recipe, versions
from moedsl.runtime.job import Job, Request, find_job
from moedsl.runtime.train import Build

_MOST_THREADS = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A model with the weights of a run, in evaluation mode."""

    run: RunFolder
    job: Job
    model: nn.Module
    codec: Codec
    checkpoint: Checkpoint


def begin(job: Job, path: Path | None) -> RunFolder:
    """A run folder that says what the run is made from.

    Raises:
        RunFailure: there is something at `path` already (E0905), or it cannot be written (E1013).
    """
    with disk_failures(path or Path("runs"), lambda: None):
        run = create(path, job.recipe.name)
        copy_spec(run, job.sources)
        started = datetime.now(tz=UTC).isoformat(timespec="seconds")
        run.write({"started": started, "threads": torch.get_num_threads(), **_describe(job)})
        return run


def resume(path: Path, *, request: Request | None = None, steps: int | None = None) -> tuple[RunFolder, Job]:
    """A run to go on with, and its job.

    Args:
        path: The run folder.
        request: A spec to take instead of the copy in the run folder; it must compute the same.
        steps: How many steps to do in all, where that is to change.

    Raises:
        RunFailure: this is no run, or the spec does not fit it.
    """
    run = RunFolder(path)
    about = run.read()
    saved = _saved(run, about)
    wanted = request or saved.request
    wanted = replace(wanted, recipe=wanted.recipe or saved.request.recipe, steps=steps or saved.request.steps)
    job = find_job(wanted, folder=None if request else saved.folder)
    check_recipe({**saved.training, "steps": job.steps} if steps else saved.training, job.training_fields)
    torch.set_num_threads(saved.threads)
    if steps:
        run.write({**about, "training": job.training_fields, "request": {**about["request"], "steps": steps}})
    return run, job


def open_run(path: Path, *, device: torch.device, build: Build) -> Trained:
    """The model of a run, with its newest weights.

    Raises:
        RunFailure: this is no run, it has no checkpoint yet, or something in it is damaged or does not fit.
    """
    run = RunFolder(path)
    saved = _saved(run, run.read())
    job = find_job(saved.request, folder=saved.folder)
    found = checkpoint.latest(run.checkpoints)
    if found is None:
        help = f"`moedsl train --resume {path}` goes on with it"
        raise failure("E0906", f"`{path}` has no checkpoint yet", help=help)
    check_fit(found, job.graph, job.digests, levels=USING)
    model = build(job.graph, device=device, dtype=engine.dtype_of(job.recipe.recipe), seed=0).eval()
    checkpoint.load_weights(found, model, job.graph)
    return Trained(run=run, job=job, model=model, codec=_codec(run, job), checkpoint=found)


def evaluate_run(
    trained: Trained, *, data: str | None, limit: int | None, device: torch.device
) -> tuple[Evaluation, dict[str, float]]:
    """Loss on the run's held-out text, or on text files; and the same as people compare it.

    Raises:
        RunFailure: the text cannot be used.
    """
    loop = trained.job.recipe.recipe
    tokens, size = _held_out(trained) if data is None else _other_text(trained, data)
    if len(tokens) <= loop.block_size:
        message = f"the text has {len(tokens)} tokens, and {loop.block_size + 1} are the least to evaluate on"
        raise failure("E1005", message, help="use more text")
    result = evaluate_as(loop, trained.model, tokens, limit=limit, device=device)
    return result, result.described(size / len(tokens))


def _held_out(trained: Trained) -> tuple[np.ndarray, int]:
    try:
        codec, splits = corpus.load(cast(Tokenizer, trained.job.recipe.tokenizer), trained.run.data)
        return splits["held_out"].open(trained.run.data, codec.vocab_size), splits["held_out"].bytes
    except (OSError, ValueError) as damage:
        raise failure("E0907", f"the run's data is damaged: {damage}", help="name a text with `--data`") from damage


def _other_text(trained: Trained, pattern: str) -> tuple[np.ndarray, int]:
    try:
        return corpus.encode_text(Text(path=pattern).documents(Path()), trained.codec)
    except UnusableData as refusal:
        problem = refusal.problem
        raise failure(problem.code, problem.message, help="mend `--data`") from refusal


def _codec(run: RunFolder, job: Job) -> Codec:
    try:
        return corpus.load(cast(Tokenizer, job.recipe.tokenizer), run.data)[0]
    except (OSError, ValueError) as damage:
        raise failure("E0907", f"the run's tokenizer cannot be used: {damage}") from damage


def _describe(job: Job) -> dict[str, Any]:
    main = next(iter(job.sources))
    return {
        "model": job.graph.name,
        "recipe": job.recipe.name,
        "seed": job.recipe.recipe.seed,
        "digests": job.digests,
        "versions": versions(),
        "spec": main,
        "folder": str(job.folder.absolute()),
        "request": asdict(job.request),
        "fields": describe_recipe(job.recipe),
        "training": job.training_fields,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Saved:
    """What a run was made from."""

    request: Request
    folder: Path
    training: dict[str, Any]
    threads: int


def _saved(run: RunFolder, about: Mapping[str, Any]) -> _Saved:
    """What `begin` wrote, believed only as far as its types and places are right."""
    try:
        spec, request = run.spec / about["spec"], about["request"]
        wanted = Request(
            spec=str(spec),
            recipe=str(about["recipe"]),
            params=tuple(map(str, request["params"])),
            overrides=tuple(map(str, request["overrides"])),
            steps=None if request["steps"] is None else int(request["steps"]),
        )
        threads = min(_MOST_THREADS, max(1, int(about["threads"])))
        folder, training = Path(about["folder"]), dict(about["training"])
        is_inside = spec.resolve().is_relative_to(run.spec.resolve())
    except (KeyError, TypeError, ValueError) as damage:
        raise failure("E0901", f"`{run.about}` does not describe a run") from damage
    if not is_inside:
        raise failure("E0901", f"`{run.about}` names a spec outside the run folder")
    return _Saved(request=wanted, folder=folder, training=training, threads=threads)
