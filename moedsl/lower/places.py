"""Which line of the spec an error in generated code comes from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import TracebackType

from torch import fx

ASSIGNED = re.compile(r"\s*(\w+) = ")


def add_place(error: BaseException) -> None:
    """Add the spec's path and line to an error, when it passed through generated code."""
    nodes = list(_nodes(error.__traceback__))
    if nodes:
        path, place = nodes[-1].meta["spec"], nodes[-1].meta["place"]
        error.add_note(f"in {path}, {place}" if place else f"in {path}")


def _nodes(traceback: TracebackType | None) -> Iterator[fx.Node]:
    """The nodes that were running, outermost first."""
    while traceback is not None:
        module = traceback.tb_frame.f_locals.get("self")
        if traceback.tb_frame.f_code.co_name == "forward" and isinstance(module, fx.GraphModule):
            found = ASSIGNED.match(module.code.splitlines()[traceback.tb_lineno - 1])
            yield from (n for n in module.graph.nodes if found and n.name == found[1] and "spec" in n.meta)
        traceback = traceback.tb_next
