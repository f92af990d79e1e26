"""What a model returns, and how the generated code reads and writes caches."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor
from torch.utils import _pytree as pytree

Cache = tuple[Tensor, ...]
"""What one node keeps between calls."""

Caches = dict[str, Cache]
"""The caches of a model, by the node's name."""


class Output(NamedTuple):
    """The results of one call. Nothing is kept on a module."""

    logits: Tensor
    """What the head returns; hidden states where the model has no head."""
    losses: dict[str, Tensor]
    """Auxiliary losses, already weighted, by the node that made them."""
    loads: dict[str, Tensor]
    """Assignments per expert, by the mixture of experts."""
    caches: Caches | None
    """What the next call needs; None when this one was called without caches."""

    @property
    def hidden(self) -> Tensor:
        """The result of a model without a head."""
        return self.logits


pytree._register_namedtuple(Output, serialized_type_name="moedsl.lower.output.Output")


def take_cache(caches: Caches | None, name: str) -> Cache | None:
    """One node's cache; none when the model is called without caches."""
    return None if caches is None else caches[name]


def next_caches(caches: Caches | None, entries: Caches) -> Caches | None:
    """What the nodes returned; none when the model was called without caches."""
    return None if caches is None else entries
