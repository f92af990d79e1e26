"""Where each node and each resolved value was written.

Kept beside the graph and never in its identity: two specs that say the same thing in other places are equal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from moedsl.source import Span

How = Literal["default", "inherited", "preset", "written", "extends", "at", "when", "set", "argument"]
"""What gave a value: the op's default, an enclosing block, a preset, the text itself, a deeper override, `--set`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """One step in the life of a value."""

    how: How
    value: object
    span: Span | None = None
    """None for an op's default."""


@dataclass(slots=True)
class SourceMap:
    """Spans of nodes and histories of fields."""

    nodes: dict[str, Span] = field(default_factory=dict)
    """Node name to the keyword that made it."""
    fields: dict[tuple[str, str], tuple[Origin, ...]] = field(default_factory=dict)
    """Node name and field to what set it, first to last: the last one won."""
