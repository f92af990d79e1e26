"""Which ops exist: the folders of `moedsl/ops`, and what plugins add by entry point `moedsl.ops`.

The registry is the file system: `router topk` is `moedsl/ops/routers/topk.py`. Looking one op up imports one file, so a
check of a small spec never pays for the whole vocabulary. A plugin's entry point names a module whose import registers
its ops; it is visible only to a spec that says `use` its package.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from functools import cache
from typing import TypeVar

from moedsl.ops.base import Op
from moedsl.ops.kinds import KINDS

_OPS: dict[tuple[str, str], type[Op]] = {}
_T = TypeVar("_T", bound=type[Op])

ENTRY_POINTS = "moedsl.ops"


def register(kind: str, keyword: str) -> Callable[[_T], _T]:
    """Class decorator: make an op known as `kind keyword`.

    Raises:
        ValueError: the kind does not exist, or another file already claims the pair.
    """

    def add(op: _T) -> _T:
        if kind not in KINDS:
            raise ValueError(f"{op.__module__} registers `{kind} {keyword}`, and there is no kind `{kind}`")
        other = _OPS.get((kind, keyword))
        if other is not None and other.__module__ != op.__module__:
            raise ValueError(f"`{kind} {keyword}` is registered by {other.__module__} and by {op.__module__}")
        op.kind, op.keyword = kind, keyword
        _OPS[kind, keyword] = op
        return op

    return add


def find(kind: str, keyword: str) -> type[Op] | None:
    """The op known as `kind keyword`, or none. Imports its file at most once."""
    if (kind, keyword) not in _OPS and keyword in keywords(kind):
        importlib.import_module(f"moedsl.ops.{KINDS[kind].folder}.{keyword}")
    return _OPS.get((kind, keyword))


def keywords(kind: str) -> tuple[str, ...]:
    """All keywords of a kind, without importing their files."""
    return tuple(sorted(_files(kind) | {k for (other, k) in _OPS if other == kind}))


@cache
def _files(kind: str) -> frozenset[str]:
    """The keywords that are files of the package."""
    folder = importlib.import_module(f"moedsl.ops.{KINDS[kind].folder}")
    return frozenset(m.name for m in pkgutil.iter_modules(folder.__path__) if not m.name.startswith("_"))


def use_plugin(package: str) -> bool:
    """Import the ops of an installed plugin package; False when no such package is installed."""
    from importlib.metadata import entry_points  # takes longer to import than a small spec to check

    found = [e for e in entry_points(group=ENTRY_POINTS) if e.name == package or e.value.split(".")[0] == package]
    for entry in found:
        entry.load()
    return bool(found)


def load_all() -> Iterator[type[Op]]:
    """Every op of the package, in order of kind and keyword. For tests, docs and `list`."""
    for kind in KINDS:
        for keyword in keywords(kind):
            op = find(kind, keyword)
            assert op is not None, f"moedsl/ops/{KINDS[kind].folder}/{keyword}.py registers no `{kind} {keyword}`"
            yield op
