"""The run folder: what a run was made from, and where it keeps what it makes. The README shows the layout."""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from moedsl.checker.recipe import BoundRecipe
from moedsl.ops.base import Op, effect_of
from moedsl.runtime.failures import failure
from moedsl.runtime.files import read_json, write_atomically, write_json
from moedsl.version import __version__

SCHEMA = "moedsl.run/1"
_LIBRARIES = ("torch", "numpy", "safetensors", "tokenizers")
_PARTS = ("recipe", "data", "tokenizer", "optimizer", "schedule")


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Paths inside a run folder."""

    path: Path

    @property
    def about(self) -> Path:
        """What the run was made from."""
        return self.path / "run.json"

    @property
    def spec(self) -> Path:
        """Copies of the spec and of the files it imports."""
        return self.path / "spec"

    @property
    def data(self) -> Path:
        """Token files and tokenizer."""
        return self.path / "data"

    @property
    def checkpoints(self) -> Path:
        """One folder per saved step."""
        return self.path / "checkpoints"

    def read(self) -> dict[str, Any]:
        """What `write` wrote.

        Raises:
            RunFailure: this is no run folder, or its `run.json` is damaged (E0901).
        """
        try:
            return read_json(self.about, schema=SCHEMA)
        except OSError as absence:
            help = "give the folder that `moedsl train` printed"
            raise failure("E0901", f"`{self.path}` is no run folder: it has no `run.json`", help=help) from absence
        except ValueError as damage:
            raise failure("E0901", f"`{self.about}` cannot be used: {damage}") from damage

    def write(self, about: Mapping[str, Any]) -> None:
        """Replace `run.json`."""
        write_json(self.about, {"schema": SCHEMA, **about})


def create(path: Path | None, name: str) -> RunFolder:
    """A new, empty run folder.

    Args:
        path: Where; `runs/NAME-TIMESTAMP` when left out.
        name: The recipe's.

    Raises:
        RunFailure: there is something already (E0905).
    """
    if path is None:
        return _fresh(Path("runs"), f"{name}-{datetime.now(tz=UTC).astimezone():%Y%m%d-%H%M%S}")
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        is_run = (path / "run.json").is_file()
        help = f"`moedsl train --resume {path}` goes on with it" if is_run else "give the name of a new folder"
        raise failure("E0905", f"`{path}` is not empty", help=help)
    path.mkdir(parents=True, exist_ok=True)
    return RunFolder(path)


def _fresh(parent: Path, name: str) -> RunFolder:
    for suffix in ("", *(f"-{n}" for n in range(2, 1000))):
        path = parent / f"{name}{suffix}"
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue
        return RunFolder(path)
    raise AssertionError(f"a thousand runs called {name} within a second")


def copy_spec(folder: RunFolder, sources: Mapping[str, str]) -> None:
    """Keep the texts that the spec consists of, by their paths below its root."""
    for name, text in sources.items():
        target = folder.spec / name
        assert target.resolve().is_relative_to(folder.spec.resolve()), name
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(target, text)


def versions() -> dict[str, str]:
    """What computed the numbers of a run."""
    libraries = {name: version(name) for name in _LIBRARIES}
    return {"moedsl": __version__, "python": platform.python_version(), "platform": sys.platform, **libraries}


def describe_recipe(recipe: BoundRecipe) -> dict[str, Any]:
    """Every field of the recipe as JSON, by names such as `steps` and `optimizer.lr`."""
    described: dict[str, Any] = {}
    for part in _PARTS:
        op: Op = getattr(recipe, part)
        prefix = "" if part == "recipe" else f"{part}."
        described |= {} if part == "recipe" else {part: op.keyword}
        described |= {f"{prefix}{name}": value for name, value in op.model_dump(mode="json").items()}
    return described


def training_fields(recipe: BoundRecipe) -> dict[str, Any]:
    """The fields that change what is computed; those of effect `execution` and `cosmetic` are left out."""
    harmless = {
        ("" if part == "recipe" else f"{part}.") + name
        for part in _PARTS
        for name in type(getattr(recipe, part)).model_fields
        if effect_of(type(getattr(recipe, part)), name) in {"execution", "cosmetic"}
    }
    return {name: value for name, value in describe_recipe(recipe).items() if name not in harmless}


def recipe_digest(recipe: BoundRecipe) -> str:
    """A digest of the fields that change what is computed."""
    text = json.dumps(training_fields(recipe), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
