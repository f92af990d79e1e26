"""What is measured while training, gathered on the device and written now and then.

`metrics.jsonl` is the record; plots are drawn from it. It holds one line of kind `train` per step, one of kind `load`
per `log_every` steps, and one of kind `eval` per evaluation.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from moedsl.runtime.files import write_atomically
from moedsl.runtime.step import StepResult

_TRAIN = ("loss", "aux_loss", "grad_norm")
_LONGEST_LINE = 1 << 22


@dataclass(slots=True, kw_only=True)
class Meter:
    """Collects the results of steps without waiting for the device."""

    pending: list[tuple[int, float, Tensor]] = field(default_factory=list)
    """Step, learning rate, and loss, auxiliary loss and gradient norm on the device."""
    loads: dict[str, Tensor] = field(default_factory=dict)
    """Tokens per expert and layer since the last line of kind `window`."""

    def add(self, step: int, lr: float, result: StepResult) -> None:
        """Note one step."""
        self.pending.append((step, lr, torch.stack([getattr(result, name).double() for name in _TRAIN])))
        for layer, load_E in result.loads.items():
            total_E = self.loads.setdefault(layer, torch.zeros_like(load_E, dtype=torch.float64))
            total_E += load_E.detach()

    def take_steps(self) -> list[dict[str, Any]]:
        """The lines of the steps since the last call; this waits for the device."""
        if not self.pending:
            return []
        rows = torch.stack([values for _, _, values in self.pending]).tolist()
        lines = [
            {"kind": "train", "step": step, **dict(zip(_TRAIN, row, strict=True)), "lr": lr}
            for (step, lr, _), row in zip(self.pending, rows, strict=True)
        ]
        self.pending.clear()
        return lines

    def take_loads(self) -> dict[str, list[float]]:
        """Tokens per expert and layer since the last call; this waits for the device."""
        loads = {layer: load_E.tolist() for layer, load_E in self.loads.items()}
        self.loads.clear()
        return loads


def shares(load_E: Sequence[float]) -> list[float]:
    """The share of all tokens that each expert got."""
    total = sum(load_E)
    return [x / total if total else 0.0 for x in load_E]


def balance(load_E: Sequence[float]) -> float:
    """How evenly tokens are spread: entropy over its largest value; 1 is even, 0 is all to one expert."""
    if len(load_E) < 2:
        return 1.0
    entropy = -sum(s * math.log(s) for s in shares(load_E) if s > 0)
    return entropy / math.log(len(load_E))


def describe_loads(loads: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """What a line says about experts: shares, balance, the largest share times the number of experts, and dead ones."""
    return {
        "shares": {layer: [round(s, 6) for s in shares(load_E)] for layer, load_E in loads.items()},
        "balance": {layer: balance(load_E) for layer, load_E in loads.items()},
        "max_over_mean": {layer: max(shares(load_E)) * len(load_E) for layer, load_E in loads.items()},
        "dead": {layer: sum(x == 0 for x in load_E) for layer, load_E in loads.items()},
    }


def describe_loss(loss: float, *, bytes_per_token: float) -> dict[str, float]:
    """A loss per token as people compare it."""
    return {
        "loss": loss,
        "perplexity": math.exp(min(loss, 700.0)),
        "bits_per_byte": loss / math.log(2) / bytes_per_token,
    }


class Log:
    """The file `metrics.jsonl` and TensorBoard's events, opened to go on after a step."""

    def __init__(self, folder: Path, *, after: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._path = folder / "metrics.jsonl"
        drop_after(self._path, after)
        self._file = self._path.open("a", encoding="utf-8")
        self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=after + 1)

    def write(self, line: Mapping[str, Any]) -> None:
        """Append one line; all but those of single steps go to TensorBoard too."""
        self._file.write(json.dumps(line) + "\n")
        if line["kind"] != "train":
            self.show(line)

    def show(self, line: Mapping[str, Any]) -> None:
        """Send a line's numbers to TensorBoard."""
        for name, value in _scalars(line):
            self._board.add_scalar(name, value, line["step"])

    def sync(self) -> None:
        """Put everything on the disk: what a checkpoint stands for must be in the record."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._board.flush()

    def close(self) -> None:
        """Flush and close."""
        self._file.close()
        self._board.close()


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a record; a last line that a crash cut off is left out."""
    if not path.is_file():
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        while text := file.readline(_LONGEST_LINE):
            try:
                line = json.loads(text)
            except (ValueError, RecursionError):
                continue
            if isinstance(line, dict) and isinstance(line.get("step"), int):
                yield line


def drop_after(path: Path, step: int) -> None:
    """Forget lines of steps that will be done again."""
    if path.is_file():
        kept = (json.dumps(line) for line in read_lines(path) if line["step"] <= step)
        write_atomically(path, "".join(f"{line}\n" for line in kept))


def _scalars(line: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for name, value in line.items():
        if name in {"kind", "step", "shares"}:
            continue
        if isinstance(value, Mapping):
            yield from ((f"{name}/{key}", number) for key, number in value.items())
        else:
            yield f"{line['kind']}/{name}", value
