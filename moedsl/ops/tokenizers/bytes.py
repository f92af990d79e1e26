"""One token per byte."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

from moedsl.ops.registry import register
from moedsl.ops.tokenizers._shared import Codec, Tokenizer


class ByteCodec:
    """UTF-8 bytes are the ids."""

    vocab_size = 256

    def encode(self, text: str) -> Any:
        import numpy

        return numpy.frombuffer(text.encode("utf-8"), dtype=numpy.uint8)

    def decode(self, ids: Iterable[int]) -> str:
        return bytes(ids).decode("utf-8", errors="replace")

    def save(self, folder: Path) -> None:
        """There is nothing to keep."""


@register("tokenizer", "bytes")
class Bytes(Tokenizer):
    """Each byte of UTF-8 text is one of 256 tokens; nothing is learned."""

    rejects: ClassVar = (({}, {"vocab_size": 255}, "E1007"),)

    def num_tokens(self) -> int:
        return ByteCodec.vocab_size

    def train(self, texts: Iterator[str]) -> Codec:
        return ByteCodec()

    def load(self, folder: Path) -> Codec:
        return ByteCodec()
