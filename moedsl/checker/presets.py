"""Which presets there are: the models of the package's own specs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from moedsl.checker.loader import STD, SUFFIX
from moedsl.diagnostics import Report
from moedsl.source import SourceFile
from moedsl.syntax import ast
from moedsl.syntax.parser import parse


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A model to extend: `use std.mixtral`, then `extends mixtral.Mixtral`."""

    file: str
    """What `use` takes: `std.mixtral`."""
    model: str
    summary: str
    """The first sentence of its doc comment."""


def presets() -> Iterator[Preset]:
    """Every model of every preset file, in the order of the files."""
    for path in sorted(STD.glob(f"*{SUFFIX}")):
        file = parse(SourceFile(path=path.name, text=path.read_text(encoding="utf-8")), Report())
        for item in file.items:
            if isinstance(item, ast.Block) and item.slot.text == "model":
                name = ".".join(word.text for word in item.head)
                yield Preset(file=f"std.{path.stem}", model=name, summary=_sentence(item.doc or ""))


def _sentence(doc: str) -> str:
    return re.split(r"(?<=\.) (?=[A-Z`])", " ".join(doc.split()), maxsplit=1)[0]
