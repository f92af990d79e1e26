"""GraphModules that can be copied, pickled, and share their code."""

from __future__ import annotations

import copy
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any, Self, cast

from torch import fx, nn
from torch.fx.graph import PythonCode
from torch.fx.node import map_aggregate

from moedsl.lower.opmodule import OpModule

FROM_GRAPH = ("_graph", "_code", "_lineno_map", "_prologue_start")
"""Attributes of a GraphModule that follow from its graph."""


class Lowered(fx.GraphModule):
    """A GraphModule written by us. Its generated code belongs to a class, which equal modules share."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        return object.__new__(_own_class(cls))

    def recompile(self) -> PythonCode:
        """Generate the code anew, into a class of this module's own: those that shared the old one keep it."""
        if "forward" in vars(type(self)):
            self.__class__ = _own_class(type(self))
        code = super().recompile()
        del type(
            self
        ).__call__  # fx's wrapper prints to stderr and drops the traceback; `Model` names the place instead
        return code

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """A copy with tensors of its own and the same class, so that what torch compiled serves both."""
        twin = object.__new__(type(self))
        memo[id(self)] = twin
        twin.__dict__.update(copy.deepcopy(self._state(), memo))
        twin._graph.owning_module = twin
        return twin

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the graph itself, with all that its nodes carry, rather than code to trace again."""
        written = next(cls for cls in type(self).__mro__ if not vars(cls).get("_generated"))
        state = {k: v for k, v in self._state().items() if k not in FROM_GRAPH}
        return _restore, (written, type(self).__name__, _rows(self.graph)), state

    def _state(self) -> dict[str, Any]:
        """All attributes but what torch compiled."""
        return {k: v for k, v in vars(self).items() if k != "_compiled_call_impl"}


def share_code(modules: Iterable[Lowered]) -> None:
    """Give modules with equal code and equal ops one class, so that torch.compile compiles their code once."""
    classes: dict[Hashable, type[Lowered]] = {}
    for module in modules:
        module.__class__ = classes.setdefault(_identity(module), type(module))


def _identity(module: Lowered) -> Hashable:
    ops = tuple((name, m.op, m.call) for name, m in module.named_modules() if isinstance(m, OpModule))
    return type(module).__name__, module.code, ops


def _own_class(cls: type[Lowered]) -> type[Any]:
    return type(cls.__name__, (cls,), {"_generated": True})


# ---- graphs as flat rows: fx links its nodes, and pickle would follow the links until the stack overflows


@dataclass(frozen=True, slots=True)
class _Ref:
    """Stands for a node among pickled arguments."""

    name: str


def _rows(graph: fx.Graph) -> list[tuple[Any, ...]]:
    def refer(value: Any) -> Any:
        return map_aggregate(value, cast(Any, lambda v: _Ref(v.name) if isinstance(v, fx.Node) else v))

    return [(n.op, n.target, refer(n.args), refer(n.kwargs), n.name, n.type, n.meta) for n in graph.nodes]


def _graph(rows: list[tuple[Any, ...]]) -> fx.Graph:
    graph, nodes = fx.Graph(), {}

    def resolve(value: Any) -> Any:
        return map_aggregate(value, lambda v: nodes[v.name] if isinstance(v, _Ref) else v)

    for op, target, args, kwargs, name, type_expr, meta in rows:
        nodes[name] = graph.create_node(op, target, resolve(args), resolve(kwargs), name, type_expr)
        nodes[name].meta.update(meta)
    return graph


def _restore(written: type[Lowered], name: str, rows: list[tuple[Any, ...]]) -> Lowered:
    module = written.__new__(written)
    nn.Module.__init__(module)
    type(module).__name__ = name
    module.graph = _graph(rows)
    return module
