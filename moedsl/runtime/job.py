"""What to train: one recipe and one model of a spec, checked and found to fit each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from moedsl.checker.recipe import BoundRecipe
from moedsl.ir.digests import digests
from moedsl.ir.graph import Graph
from moedsl.runtime.folder import recipe_digest, training_fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the user asked for; kept in `run.json`, so that resuming asks for the same."""

    spec: str
    """The path of the spec, absolute or from where the command runs."""
    recipe: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    overrides: tuple[str, ...] = ()
    steps: int | None = None
    """Instead of the recipe's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A recipe and the model it trains."""

    request: Request
    graph: Graph
    recipe: BoundRecipe
    steps: int
    folder: Path
    """Where the corpus's relative paths start."""
    sources: Mapping[str, str]
    """The texts of the spec and of what it imports, by path below their root."""

    @property
    def digests(self) -> dict[str, str]:
        """Of the model and of the recipe."""
        return {**digests(self.graph), "recipe": recipe_digest(self.recipe)}

    @property
    def training_fields(self) -> dict[str, Any]:
        """What of the recipe changes what is computed, with the steps that were asked for."""
        return {**training_fields(self.recipe), "steps": self.steps}
