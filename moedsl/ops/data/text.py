"""Text files of your own, by path or glob."""

from __future__ import annotations

from glob import glob, has_magic
from pathlib import Path

from moedsl.names import did_you_mean
from moedsl.ops.base import Problem, field
from moedsl.ops.data._shared import Corpus, Document, from_file
from moedsl.ops.registry import register
from moedsl.ops.unusable import UnusableData


@register("data", "text")
class Text(Corpus):
    """UTF-8 text files, read in the order of their paths and never loaded whole."""

    path: str = field(
        effect="training",
        description="A file, or a glob such as `corpus/**/*.txt`; relative paths start at the spec's folder.",
    )
    validation: str | None = field(
        None, effect="training", description="Files for evaluation; without it, the end of each file is held out."
    )

    def documents(self, folder: Path) -> tuple[Document, ...]:
        return _matching(folder, self.path, field="path")

    def splits(self, folder: Path) -> tuple[tuple[Document, ...], tuple[Document, ...]]:
        if self.validation is None:
            return super().splits(folder)
        return self.documents(folder), _matching(folder, self.validation, field="validation")


def _matching(folder: Path, pattern: str, *, field: str) -> tuple[Document, ...]:
    if not has_magic(pattern):
        return (from_file(_existing(folder, pattern, field), field=field),)
    paths = sorted(p for p in glob(pattern, root_dir=folder, recursive=True) if (folder / p).is_file())
    if not paths:
        message = f"no file matches `{pattern}` in `{folder}`"
        help = f"mend `{field}`; relative paths start at the spec's folder"
        raise UnusableData(Problem(code="E1001", message=message, field=field, help=help))
    return tuple(from_file(folder / p, field=field) for p in paths)


def _existing(folder: Path, name: str, field: str) -> Path:
    path = folder / name
    if not path.exists():
        siblings = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        help = did_you_mean(path.name, siblings) or "relative paths start at the spec's folder"
        raise UnusableData(Problem(code="E1001", message=f"`{path}` does not exist", field=field, help=help))
    return path
