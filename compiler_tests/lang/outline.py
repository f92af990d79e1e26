"""The outline of a resolved model: one line a block, with the fields that were set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from moedsl.checker import hir
from moedsl.checker.evaluate import evaluate
from moedsl.checker.loader import Loader
from moedsl.diagnostics import Report


def resolve(path: Path) -> hir.Model:
    """The last model of a file."""
    report = Report()
    loader = Loader.for_path(path, report)
    file = loader.main()
    assert file is not None, list(report)
    model = evaluate(file, loader, report).models[-1]
    assert not report.has_errors, list(report)
    return model


def outline(path: Path, place: str = "") -> str:
    """The outline of a file's last model; of a stack or a layer alone where the example writes only that."""
    blocks: Sequence[hir.Block] = [resolve(path).block]
    if place in ("stack", "layer"):
        blocks = next(child for child in blocks[0].children if child.slot == "stack").children
    return "".join(f"{line}\n" for line in _lines(blocks, 0))


def _lines(blocks: Sequence[hir.Block], depth: int) -> Iterator[str]:
    """Equal neighbours are one line with a number."""
    for block, group in groupby(blocks):
        number = len(list(group))
        words = [block.slot, block.name or block.keyword or ""]
        fields = ", ".join(f"{name} = {_show(s.value)}" for name, s in block.settings.items())
        title = " ".join(w for w in words if w) + (f" x{number}" if number > 1 else "")
        yield "  " * depth + title + (f": {fields}" if fields else "")
        yield from _lines(block.children, depth + 1)


def _show(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, hir.Symbol):
        return value.text
    if isinstance(value, hir.Bytes):
        return f"{value.value} bytes"
    if isinstance(value, hir.Component):
        return f"{value.keyword}({', '.join(f'{n} = {_show(s.value)}' for n, s in value.settings.items())})"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_show, value))}]"
    return "none" if value is None else repr(value)
