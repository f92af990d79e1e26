"""From a recipe's data to token files on disk: read in pieces, encoded in pieces, mapped into memory when used.

The token files stay in the run folder, so a resumed run reads exactly what the first one read, even when the corpus has
changed since.
"""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from moedsl.ops.base import Problem
from moedsl.ops.data._shared import Corpus, Document
from moedsl.ops.tokenizers._shared import Codec, Tokenizer
from moedsl.ops.unusable import UnusableData
from moedsl.runtime.files import read_json, sha256, sweep, write_json

SCHEMA = "moedsl.data/1"
INDEX = "index.json"
SPLITS = ("train", "held_out")
_CHUNK = 1 << 20
_BETWEEN_DOCUMENTS = "\n\n"

Watch = Callable[[str, int, int], None]
"""Told what is being done, how many bytes are done, and of how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """One token file and what it holds."""

    file: str
    dtype: str
    tokens: int
    bytes: int
    """Of the text, to turn a loss per token into bits per byte."""
    sha256: str

    def open(self, folder: Path, vocab_size: int) -> np.ndarray:
        """The tokens, mapped into memory.

        Args:
            folder: Where the file lies.
            vocab_size: The codec's; every token is below it.

        Raises:
            ValueError: the file is not what was written.
        """
        path = folder / self.file
        if self.file not in {f"{name}.tokens" for name in SPLITS} or not path.is_file() or sha256(path) != self.sha256:
            raise ValueError(f"`{path}` is not what the run wrote")
        if self.tokens == 0:
            return np.empty(0, np.dtype(self.dtype))
        tokens = np.memmap(path, dtype=np.dtype(self.dtype), mode="r")
        if len(tokens) != self.tokens or tokens.max() >= vocab_size:
            raise ValueError(f"`{path}` holds other tokens than `{INDEX}` says")
        return tokens


def texts(documents: Iterable[Document]) -> Iterator[str]:
    """All text, in pieces of about a megabyte that end with a line where lines are not longer than that.

    Raises:
        UnusableData: a document is not UTF-8.
    """
    for number, document in enumerate(documents):
        if number:
            yield _BETWEEN_DOCUMENTS
        yield from _pieces(document)


def _pieces(document: Document) -> Iterator[str]:
    decoder, done, rest = codecs.getincrementaldecoder("utf-8")(), document.start, ""
    for chunk in chain(document.chunks(_CHUNK), (b"",)):
        waiting = len(decoder.getstate()[0])
        try:
            text = rest + decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as damage:
            raise UnusableData(_not_utf8(document, done - waiting + damage.start)) from damage
        done += len(chunk)
        end = text.rfind("\n") + 1 if chunk and len(text) < 2 * _CHUNK else len(text)
        if end:
            yield text[:end]
        rest = text[end:]


def _not_utf8(document: Document, offset: int) -> Problem:
    help = "convert it to UTF-8, or leave it out of `path`"
    return Problem(code="E1003", message=f"`{document.name}` is not UTF-8 at byte {offset}", field="path", help=help)


def prepare(corpus: Corpus, tokenizer: Tokenizer, *, folder: Path, target: Path, watch: Watch) -> None:
    """Read, learn a vocabulary, encode, and leave token files and their index in `target`.

    Args:
        corpus: The recipe's data.
        tokenizer: The recipe's tokenizer.
        folder: Where the corpus's relative paths start.
        target: The run's data folder.
        watch: Told about progress.

    Raises:
        UnusableData: the corpus cannot be trained on.
        OSError: something could not be read or written.
    """
    target.mkdir(exist_ok=True)
    sweep(target)
    documents = dict(zip(SPLITS, corpus.splits(folder), strict=True))
    if not any(d.stop > d.start for d in documents["train"]):
        raise UnusableData(_empty(documents["train"]))
    watch("learning the vocabulary", 0, 1)
    codec = tokenizer.train(texts(documents["train"]))
    codec.save(target)
    splits = {name: _encode(name, documents[name], codec, target, watch) for name in SPLITS}
    write_json(target / INDEX, {"schema": SCHEMA, "splits": {n: asdict(s) for n, s in splits.items()}})


def load(tokenizer: Tokenizer, target: Path) -> tuple[Codec, dict[str, Split]]:
    """The codec and the token files that `prepare` left.

    Raises:
        ValueError: they are damaged.
        OSError: they cannot be read.
    """
    index = read_json(target / INDEX, schema=SCHEMA)
    try:
        splits = {name: Split(**index["splits"][name]) for name in SPLITS}
    except (KeyError, TypeError) as damage:
        raise ValueError("`index.json` does not describe both splits") from damage
    codec = tokenizer.load(target)
    counts = [n for split in splits.values() for n in (split.tokens, split.bytes)]
    if {split.dtype for split in splits.values()} != {_dtype(codec).name} or {type(n) for n in counts} != {int}:
        raise ValueError("`index.json` does not fit the tokenizer")
    return codec, splits


def encode_text(documents: Iterable[Document], codec: Codec) -> tuple[np.ndarray, int]:
    """Tokens and number of bytes of a corpus that fits into memory."""
    pieces, size = [], 0
    for text in texts(documents):
        pieces.append(np.asarray(codec.encode(text), dtype=_dtype(codec)))
        size += len(text.encode())
    return np.concatenate(pieces) if pieces else np.empty(0, _dtype(codec)), size


def _encode(name: str, documents: Iterable[Document], codec: Codec, target: Path, watch: Watch) -> Split:
    """Append the tokens of one piece after the other to a file."""
    documents, path = tuple(documents), target / f"{name}.tokens"
    total = sum(d.stop - d.start for d in documents)
    digest, size, tokens, dtype = hashlib.sha256(), 0, 0, _dtype(codec)
    with path.open("wb") as file:
        for text in texts(documents):
            ids = np.ascontiguousarray(codec.encode(text), dtype=dtype)
            file.write(ids.data)
            digest.update(ids.data)
            tokens += len(ids)
            size += len(text.encode())
            watch("encoding", size, total)
    return Split(file=path.name, dtype=dtype.name, tokens=tokens, bytes=size, sha256=digest.hexdigest())


def _dtype(codec: Codec) -> np.dtype:
    """The smallest integers that hold every id."""
    return np.min_scalar_type(codec.vocab_size - 1)


def _empty(documents: tuple[Document, ...]) -> Problem:
    names = ", ".join(f"`{d.name}`" for d in documents[:3])
    return Problem(code="E1004", message=f"there is no text in {names}", field="path", help="train on files with text")
