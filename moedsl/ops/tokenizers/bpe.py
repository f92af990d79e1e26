"""Byte-level byte-pair encoding, learned from the training text.

Paper: Sennrich et al. 2016, algorithm 1 (arXiv 1508.07909), on bytes rather than characters. The `tokenizers` library
does the work; its file `tokenizer.json` stays in the run folder and loads elsewhere too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

from moedsl.ops.base import Problem, field
from moedsl.ops.registry import register
from moedsl.ops.tokenizers._shared import Codec, Tokenizer
from moedsl.ops.unusable import UnusableData

FILE = "tokenizer.json"
_LARGEST_FILE = 1 << 28


class BpeCodec:
    """A learned vocabulary."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self.vocab_size: int = tokenizer.get_vocab_size()

    def encode(self, text: str) -> Any:
        import numpy

        pieces = self._tokenizer.encode_batch_fast(text.splitlines(keepends=True))
        return numpy.fromiter((i for piece in pieces for i in piece.ids), dtype=numpy.uint32)

    def decode(self, ids: Iterable[int]) -> str:
        return self._tokenizer.decode(list(ids), skip_special_tokens=False)

    def save(self, folder: Path) -> None:
        self._tokenizer.save(str(folder / FILE))


@register("tokenizer", "bpe")
class Bpe(Tokenizer):
    """Frequent byte sequences become tokens of their own; any text can be written with them."""

    vocab_size: int = field(4096, ge=257, effect="training", description="Tokens, the 256 single bytes included.")
    sample: int = field(
        64_000_000, ge=1, effect="training", unit="characters", description="How much training text to learn from."
    )

    paper = "Sennrich et al. 2016, algorithm 1, arXiv 1508.07909"
    rejects: ClassVar = (({"vocab_size": 512}, {"vocab_size": 256}, "E1007"),)

    def num_tokens(self) -> int:
        return self.vocab_size

    def train(self, texts: Iterator[str]) -> Codec:
        from tokenizers import Tokenizer as Library
        from tokenizers import decoders, models, pre_tokenizers, trainers

        tokenizer = Library(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(vocab_size=self.vocab_size, initial_alphabet=alphabet, show_progress=False)
        tokenizer.train_from_iterator(self._lines(texts), trainer)
        codec = BpeCodec(tokenizer)
        if codec.vocab_size < self.vocab_size:
            raise UnusableData(self._too_large(codec.vocab_size), slot="tokenizer")
        return codec

    def load(self, folder: Path) -> Codec:
        from tokenizers import Tokenizer as Library

        path = folder / FILE
        if not path.is_file() or path.stat().st_size > _LARGEST_FILE:
            raise ValueError(f"`{path}` is missing or too large")
        try:
            return BpeCodec(Library.from_file(str(path)))
        except Exception as damage:  # the library raises plain Exception
            raise ValueError(f"`{path}` is no tokenizer") from damage

    def _lines(self, texts: Iterator[str]) -> Iterator[str]:
        left = self.sample
        for text in texts:
            yield from text[:left].splitlines(keepends=True)
            left -= len(text)
            if left <= 0:
                return

    def _too_large(self, possible: int) -> Problem:
        return Problem(
            code="E1006",
            message=f"the training text yields {possible} tokens, not the `vocab_size = {self.vocab_size}` asked for",
            field="vocab_size",
            help=f"lower `vocab_size` to {possible} or less, or train on more text",
        )
