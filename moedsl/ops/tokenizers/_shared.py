"""What every tokenizer is: fields that become a codec once there is text to learn from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

from moedsl.ops.base import Op, Problem, Sizes


class Codec(Protocol):
    """Text to token ids and back."""

    vocab_size: int

    def encode(self, text: str) -> Any:
        """The ids, as a one-dimensional numpy array."""
        ...

    def decode(self, ids: Iterable[int]) -> str:
        """The text; bytes that are no valid UTF-8 become U+FFFD."""
        ...

    def save(self, folder: Path) -> None:
        """Write what `Tokenizer.load` needs, if anything."""
        ...


class Tokenizer(Op):
    """Base of tokenizers."""

    def num_tokens(self) -> int:
        """How many different ids it gives."""
        raise NotImplementedError(self.keyword)

    def train(self, texts: Iterator[str]) -> Codec:
        """Learn from the training text. The same text gives the same codec.

        Raises:
            UnusableData: the text is too small for the vocabulary that was asked for.
        """
        raise NotImplementedError(self.keyword)

    def load(self, folder: Path) -> Codec:
        """The codec that `Codec.save` left in a run folder.

        Raises:
            ValueError: the folder holds no such codec.
        """
        raise NotImplementedError(self.keyword)

    def problems(self, sizes: Sizes) -> Iterable[Problem]:
        """Whether the model's vocabulary holds all ids."""
        vocab_size = sizes.get("vocab_size")
        if vocab_size is not None and vocab_size < self.num_tokens():
            yield Problem(
                code="E1007",
                message=f"tokenizer `{self.keyword}` has {self.num_tokens()} tokens, and the model only {vocab_size}",
                field="vocab_size" if "vocab_size" in type(self).model_fields else None,
                help=f"give the model's `embed token` a `vocab_size` of at least {self.num_tokens()}",
                other="vocab_size",
            )
