"""One case: what stands in its files, and how close is close enough."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy
import torch
from torch import Tensor

FLOOR = 0.01
"""Errors are relative to the largest expected number, but never to less than this."""


@dataclass(frozen=True, kw_only=True)
class Computed:
    """What a harness computed, under the names that the case uses."""

    outputs: Mapping[str, Tensor]
    gradients: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Case:
    """The files of one case, read."""

    system: str
    kind: str
    config: Mapping[str, Any]
    inputs: Mapping[str, Tensor]
    params: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]
    gradients: Mapping[str, Tensor]
    tolerance: Mapping[str, float]

    @classmethod
    def read(cls, path: Path) -> Case:
        """The case whose two files are called `path` with the endings `.json` and `.npz`."""
        about = json.loads(path.with_suffix(".json").read_text())
        with numpy.load(path.with_suffix(".npz")) as arrays:
            tensors = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
        parts = {"input": "inputs", "param": "params", "output": "outputs", "grad": "gradients"}
        listed = {f"{prefix}/{name}" for prefix, part in parts.items() for name in about[part]}
        assert listed == tensors.keys(), f"not in both files: {sorted(listed ^ tensors.keys())}"
        return cls(
            system=about["system"],
            kind=about["kind"],
            config=about["config"],
            inputs=_under("input", tensors),
            params=_under("param", tensors),
            outputs=_under("output", tensors),
            gradients=_under("grad", tensors),
            tolerance=about["tolerance"],
        )

    def differences(self, computed: Computed) -> list[str]:
        """One line for each expected array that is missing, has another shape, or is too far off."""
        return [
            *_differences("output", self.outputs, computed.outputs, self.tolerance["outputs"]),
            *_differences("gradient", self.gradients, computed.gradients, self.tolerance["gradients"]),
        ]

    def require(self, **allowed: Iterable[object]) -> None:
        """Refuse a case whose `config` asks for something that the harness does not know."""
        for name, choices in allowed.items():
            if self.config.get(name) not in choices:
                raise NotImplementedError(f"the harness knows no `{name} = {self.config.get(name)!r}`")


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(f"{prefix}/"): t for name, t in tensors.items() if name.startswith(f"{prefix}/")}


def _differences(
    what: str, expected: Mapping[str, Tensor], got: Mapping[str, Tensor], tolerance: float
) -> Iterator[str]:
    for name, wanted in expected.items():
        if name not in got:
            yield f"{what} {name}: not computed"
        elif got[name].shape != wanted.shape:
            yield f"{what} {name}: shape {list(got[name].shape)} instead of {list(wanted.shape)}"
        elif not (error := _error(got[name].detach(), wanted)) < tolerance:
            yield f"{what} {name}: off by {error:.2e}, and {tolerance:.0e} is allowed"


def _error(got: Tensor, wanted: Tensor) -> float:
    """Zero or infinity for whole numbers; nothing is far off in an empty array."""
    if not wanted.is_floating_point():
        return 0.0 if torch.equal(got.to(wanted.dtype), wanted) else float("inf")
    if not wanted.numel():
        return 0.0
    return float((got - wanted).abs().max() / max(FLOOR, float(wanted.abs().max())))
