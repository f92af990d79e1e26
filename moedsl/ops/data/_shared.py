"""What every data source is: named documents of UTF-8 bytes, and how much of them is held out.

Documents are opened, never loaded: a corpus may be larger than memory.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from moedsl.ops.base import Op, Problem, field
from moedsl.ops.unusable import UnusableData

BOM = b"\xef\xbb\xbf"
_CUT_SEARCH = 1 << 16
"""How far, in bytes, a cut looks for the end of a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A range of the bytes of one text."""

    name: str
    """What messages print: a path, or a title."""
    open: Callable[[], BinaryIO]
    start: int = 0
    stop: int
    """One past the last byte."""

    def split(self, held_out: float) -> tuple[Document, Document]:
        """The first part for training, and the last `held_out` share of it, cut at the end of a line if one is near."""
        cut = self._line_end(self.stop - int((self.stop - self.start) * held_out))
        first = Document(name=self.name, open=self.open, start=self.start, stop=cut)
        return first, Document(name=self.name, open=self.open, start=cut, stop=self.stop)

    def _line_end(self, offset: int) -> int:
        with self.open() as file:
            file.seek(offset)
            window = file.read(min(_CUT_SEARCH, self.stop - offset))
        end = window.find(b"\n")
        if end < 0:
            end = next((i for i, byte in enumerate(window) if byte & 0xC0 != 0x80), len(window)) - 1
        return offset + end + 1

    def chunks(self, size: int) -> Iterator[bytes]:
        """The bytes in pieces of at most `size`, without a byte-order mark."""
        with self.open() as file:
            file.seek(self.start)
            left = self.stop - self.start
            while left > 0 and (piece := file.read(min(size, left))):
                left -= len(piece)
                is_first = file.tell() - len(piece) == 0
                yield piece.removeprefix(BOM) if is_first else piece


class Corpus(Op):
    """Base of data sources."""

    held_out: float = field(
        0.1, gt=0, lt=1, effect="training", description="The share of each document that is kept for evaluation."
    )

    def documents(self, folder: Path) -> tuple[Document, ...]:
        """All documents, in an order that only depends on their names.

        Args:
            folder: What relative paths start from: where the spec lies.

        Raises:
            UnusableData: there is nothing to read.
        """
        raise NotImplementedError(self.keyword)

    def splits(self, folder: Path) -> tuple[tuple[Document, ...], tuple[Document, ...]]:
        """Documents for training and for evaluation."""
        pairs = [d.split(self.held_out) for d in self.documents(folder)]
        return tuple(first for first, _ in pairs), tuple(last for _, last in pairs)


def in_memory(name: str, text: bytes) -> Document:
    """A document that is already loaded."""
    return Document(name=name, open=lambda: io.BytesIO(text), stop=len(text))


def from_file(path: Path, *, field: str) -> Document:
    """A document that is a file.

    Args:
        path: Where it lies.
        field: The field that named it, for messages.

    Raises:
        UnusableData: it cannot be opened, or is no regular file.
    """
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "is no regular file" if path.exists() else "does not exist"
        help = f'write `{field} = "{path.name}/**/*.txt"`' if path.is_dir() else f"mend `{field}`"
        raise UnusableData(Problem(code="E1001", message=f"`{path}` {what}", field=field, help=help))
    try:
        with path.open("rb"):
            size = path.stat().st_size
    except OSError as refusal:
        message = f"`{path}` cannot be read: {(refusal.strerror or 'unknown reason').lower()}"
        problem = Problem(code="E1002", message=message, field=field, help="check its permissions")
        raise UnusableData(problem) from refusal
    return Document(name=str(path), open=lambda: path.open("rb"), stop=size)
