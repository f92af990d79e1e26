"""Checkpoints: a folder per saved step, safetensors and JSON only, complete as soon as it has its name.

    step-00000100/checkpoint.json         step, digests, and the sha256 of the two files below
    step-00000100/model.safetensors       the state dict
    step-00000100/training.safetensors    optimizer state, caches, expert loads not yet written to the record

Loading runs no code from the folder, and believes nothing whose digest does not match.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from moedsl.ir.graph import Graph
from moedsl.lower.output import Caches
from moedsl.runtime.failures import failure
from moedsl.runtime.files import new_folder, read_json, remove_folder, sha256, sweep, write_json

SCHEMA = "moedsl.checkpoint/1"
MODEL, TRAINING, INDEX = "model.safetensors", "training.safetensors", "checkpoint.json"

_OS_ERROR = re.compile(r"\(os error (\d+)\)")
"""How safetensors words what the system refused."""

Flat = dict[str, Tensor]


@dataclass(slots=True, kw_only=True)
class TrainingState:
    """Everything besides the weights that the next step depends on."""

    step: int = 0
    optimizer: Flat = field(default_factory=dict)
    """`PARAMETER/STATE` to tensor."""
    caches: list[Caches] | None = None
    """One per part of the batch."""
    loads: Flat = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A complete checkpoint on the disk."""

    folder: Path
    step: int
    digests: Mapping[str, str]
    files: Mapping[str, str]
    """File name to sha256."""


# ---- saving


def save(
    folder: Path, *, model: nn.Module, state: TrainingState, graph: Graph, digests: Mapping[str, str], keep: int
) -> Path:
    """Write a checkpoint unless this step has one, then remove older ones beyond `keep`.

    Args:
        folder: The run's `checkpoints`.
        model: Its parameters and buffers are saved by their spec paths.
        state: The rest.
        graph: Says which parameters are tied, and so saved once.
        digests: Of the graph; stored in every file.
        keep: How many checkpoints stay.

    Raises:
        OSError: the disk is full or failing; older checkpoints are still there.
    """
    about = {"schema": SCHEMA, "step": state.step, "digests": dict(digests)}
    target = folder / f"step-{state.step:08d}"
    if target.is_dir():
        return target
    with new_folder(target) as temporary:
        _write_tensors(temporary / MODEL, _weights(model, graph), about)
        _write_tensors(temporary / TRAINING, _flatten(state), about)
        files = {name: sha256(temporary / name) for name in (MODEL, TRAINING)}
        write_json(temporary / INDEX, {**about, "files": files})
    for old in _step_folders(folder)[:-keep]:
        remove_folder(old)
    return target


def optimizer_state(optimizer: torch.optim.Optimizer, model: nn.Module) -> Flat:
    """The optimizer's tensors by parameter path."""
    flat = {}
    for name, parameter in model.named_parameters():
        for key, value in optimizer.state.get(parameter, {}).items():
            if value is not None:
                flat[f"{name}/{key}"] = torch.as_tensor(value)
    return flat


def _weights(model: nn.Module, graph: Graph) -> Flat:
    tied = {path for path, spec in graph.params.items() if spec.tied_to is not None}
    return {name: value for name, value in model.state_dict().items() if name not in tied}


def _flatten(state: TrainingState) -> Flat:
    tensors = {f"optimizer/{name}": value for name, value in state.optimizer.items()}
    tensors |= {f"loads/{name}": value for name, value in state.loads.items()}
    for part, caches in enumerate(state.caches or ()):
        for name, cache in caches.items():
            tensors |= {f"caches/{part:03d}/{name}/{index:03d}": tensor for index, tensor in enumerate(cache)}
    return tensors


def _write_tensors(path: Path, tensors: Flat, about: Mapping[str, Any]) -> None:
    dense = {name: value.detach().contiguous() for name, value in tensors.items()}
    try:
        save_file(dense, path, metadata={"moedsl": json.dumps(about)})
    except SafetensorError as refusal:
        number = _OS_ERROR.search(str(refusal))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from refusal


# ---- finding and reading


def latest(folder: Path) -> Checkpoint | None:
    """The newest checkpoint, or none when the run has not saved yet.

    Raises:
        RunFailure: it is damaged (E0902).
    """
    found = _step_folders(folder)
    return open_checkpoint(found[-1]) if found else None


def newest_step(folder: Path) -> int | None:
    """The step of the newest checkpoint, without opening it."""
    found = _step_folders(folder)
    return int(found[-1].name[5:]) if found else None


def num_saved(folder: Path) -> int:
    """How many checkpoints there are."""
    return len(_step_folders(folder))


def open_checkpoint(folder: Path) -> Checkpoint:
    """Read a checkpoint's index and compare its files with it.

    Raises:
        RunFailure: it is damaged (E0902).
    """
    try:
        index = read_json(folder / INDEX, schema=SCHEMA)
        checkpoint = Checkpoint(
            folder=folder, step=index["step"], digests=dict(index["digests"]), files=dict(index["files"])
        )
        for name in (MODEL, TRAINING):
            if sha256(folder / name) != checkpoint.files.get(name):
                raise ValueError(f"the content of `{name}` is not what was saved")
    except (OSError, ValueError, KeyError, TypeError) as damage:
        raise _damaged(folder, damage) from damage
    if not isinstance(checkpoint.step, int):
        raise _damaged(folder, ValueError("its step is no number"))
    return checkpoint


def clean(folder: Path) -> None:
    """Remove what a crash left half written."""
    folder.mkdir(parents=True, exist_ok=True)
    sweep(folder)


def read_tensors(checkpoint: Checkpoint, name: str, device: torch.device | str = "cpu") -> Flat:
    """All tensors of one file.

    Raises:
        RunFailure: it is damaged (E0902).
    """
    try:
        with safe_open(checkpoint.folder / name, framework="pt", device=str(device)) as file:
            return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118, it is no mapping
    except (SafetensorError, OSError) as damage:
        raise _damaged(checkpoint.folder, ValueError(f"`{name}` is no safetensors file")) from damage


def load_weights(checkpoint: Checkpoint, model: nn.Module, graph: Graph) -> None:
    """Put the saved weights into the model. Compare digests first: this trusts that they fit.

    Raises:
        RunFailure: the file does not hold exactly the model's tensors (E0902).
    """
    saved, wanted = read_tensors(checkpoint, MODEL), _weights(model, graph)
    shapes = {name: tuple(value.shape) for name, value in saved.items()}
    if shapes != {name: tuple(value.shape) for name, value in wanted.items()}:
        raise _damaged(checkpoint.folder, ValueError("its tensors are not those of the model"))
    with torch.no_grad():
        for name, value in wanted.items():
            value.copy_(saved[name])


def load_training(checkpoint: Checkpoint, device: torch.device) -> TrainingState:
    """Everything besides the weights.

    Raises:
        RunFailure: the file is damaged (E0902).
    """
    groups: dict[str, Flat] = {"optimizer": {}, "loads": {}, "caches": {}}
    for name, value in read_tensors(checkpoint, TRAINING, device).items():
        group, _, rest = name.partition("/")
        if group not in groups:
            raise _damaged(checkpoint.folder, ValueError(f"`{name}` is unknown"))
        groups[group][rest] = value
    return TrainingState(
        step=checkpoint.step,
        optimizer=groups["optimizer"],
        loads=groups["loads"],
        caches=_unflatten_caches(groups["caches"]) or None,
    )


def restore_optimizer(checkpoint: Checkpoint, optimizer: torch.optim.Optimizer, model: nn.Module, flat: Flat) -> None:
    """Put saved state back, on each parameter's own.

    Raises:
        RunFailure: it does not fit the parameters (E0902).
    """
    parameters = dict(model.named_parameters())
    for name, value in flat.items():
        path, _, key = name.rpartition("/")
        parameter = parameters.get(path)
        if parameter is None or value.shape not in {parameter.shape, torch.Size()}:
            raise _damaged(checkpoint.folder, ValueError(f"`{name}` fits no parameter"))
        optimizer.state[parameter][key] = value


def check_caches(checkpoint: Checkpoint, saved: list[Caches], empty: list[Caches]) -> None:
    """Compare the shapes of saved caches with those of empty ones, which do not grow.

    Raises:
        RunFailure: they differ (E0902).
    """
    if [_shapes(caches) for caches in saved] != [_shapes(caches) for caches in empty]:
        raise _damaged(checkpoint.folder, ValueError("its caches are not those of the model"))


def _shapes(caches: Caches) -> dict[str, list[torch.Size]]:
    return {name: [t.shape for t in value] for name, value in caches.items()}


def _unflatten_caches(flat: Flat) -> list[Caches]:
    parts: dict[str, Caches] = {}
    for name in sorted(flat):
        part, _, rest = name.partition("/")
        caches, node = parts.setdefault(part, {}), rest.rpartition("/")[0]
        caches[node] = (*caches.get(node, ()), flat[name])
    return [parts[part] for part in sorted(parts)]


def _step_folders(folder: Path) -> list[Path]:
    """Complete checkpoints, oldest first."""
    return sorted(p for p in folder.glob("step-*") if p.is_dir() and p.name[5:].isdigit())


def _damaged(folder: Path, damage: Exception) -> Exception:
    reason = "a file is missing" if isinstance(damage, FileNotFoundError) else str(damage)
    help = f"remove `{folder}` to go back to the checkpoint before it"
    return failure("E0902", f"checkpoint `{folder.name}` is damaged: {reason}", help=help)
