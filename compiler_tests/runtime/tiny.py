"""A small model and recipe for tests of training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from moedsl.lower.model import lower
from moedsl.runtime.job import Job, Request, find_job
from moedsl.runtime.progress import Silent
from moedsl.runtime.runs import begin, resume
from moedsl.runtime.train import Outcome, train

SPEC = """edition 2026

model Tiny(pairs: int = 2, d_ff: int = 16) {{
  d_model = 16
  embed token {{ vocab_size = {vocab_size} }}
  layer sparse {{
    norm rmsnorm {{ place = pre }}
    {attention}
    moe {{
      router topk {{ top_k = 2  jitter = 0.1 }}
      experts ffn {{ num_experts = 4  d_ff = d_ff }}
      loss load_balance {{ weight = 0.01 }}
    }}
  }}
  stack decoder {{ causal = true  layers = [sparse] * pairs }}
  norm rmsnorm {{}}
  head lm {{ tie = embed }}
}}

recipe quick for Tiny {{
  steps = {steps}
  batch_size = 4
  block_size = 16
  log_every = 2
  eval_every = 5
  eval_blocks = 4
  save_every = {save_every}
  data text {{ path = "corpus.txt" }}
  optimizer adamw {{ lr = {lr} }}
  schedule cosine {{ warmup = 3 }}
  {recipe}
}}
"""
SOFTMAX = "attention softmax { num_heads = 2  position = rotary }"


def write_spec(folder: Path, *, text: str | None = None, **changes: Any) -> Path:
    """The spec above and its corpus in a folder.

    Args:
        folder: Where to put both.
        text: The corpus.
        **changes: What to put into the spec: attention, recipe, vocab_size, steps, save_every, lr.
    """
    words = "".join(f"{n} bottles of beer on the wall, {n * n} of them empty\n" for n in range(200))
    (folder / "corpus.txt").write_text(words if text is None else text)
    path = folder / "tiny.moe"
    plain = {"attention": SOFTMAX, "recipe": "", "vocab_size": 256, "steps": 12, "save_every": 3, "lr": 0.01}
    path.write_text(SPEC.format(**{**plain, **changes}))
    return path


def tiny_job(folder: Path, *, params: tuple[str, ...] = (), **spec: Any) -> Job:
    """The job of that spec."""
    return find_job(Request(spec=str(write_spec(folder, **spec)), params=params))


def run_new(folder: Path, **spec: Any) -> tuple[Path, Outcome]:
    """A run of that spec from beginning to end."""
    job = tiny_job(folder, **spec)
    run = begin(job, folder / "run")
    return run.path, train(job, run, device=torch.device("cpu"), watcher=Silent(), build=lower)


def run_on(path: Path, **options: Any) -> Outcome:
    """Go on with a run."""
    run, job = resume(path, **options)
    return train(job, run, device=torch.device("cpu"), watcher=Silent(), build=lower)
