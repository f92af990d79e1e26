"""An fx graph as statements: one for each call, items of results unpacked or written where they are used."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from typing import Any

from torch import fx
from torch.fx.graph import magic_methods

from moedsl.lower.emit.layout import Group, call, named, quoted, render, render_assignment, table
from moedsl.lower.output import Output

ITEMS = (operator.getitem, getattr)


def signature(graph: fx.Graph) -> tuple[str, ...]:
    """The arguments of the function, after `self`."""
    given = (n for n in graph.nodes if n.op == "placeholder")
    return tuple(f"{n.name}={quoted(n.args[0])}" if n.args else n.name for n in given)


def statements(graph: fx.Graph, name_of: Callable[[Any], str], *, indent: int) -> Iterator[str]:
    """The body of the function.

    Args:
        graph: Written by `moedsl.lower.fx`.
        name_of: What a function or class that the graph calls is called in the file.
        indent: Of the body.
    """
    return _Body(name_of, indent).statements(graph)


class _Body:
    def __init__(self, name_of: Callable[[Any], str], indent: int) -> None:
        self._name_of = name_of
        self._indent = indent
        self._inline: dict[fx.Node, str | Group] = {}

    def statements(self, graph: fx.Graph) -> Iterator[str]:
        for node in graph.nodes:
            if node.op == "output":
                yield render(named("return ", self._value(node.args[0])), self._indent)
            elif node.op == "call_function" and node.target in ITEMS:
                self._item(node)
            elif node.target is Output:
                self._inline[node] = self._call(node)
            elif node.op != "placeholder":
                yield render_assignment(self._targets(node), self._call(node), self._indent)

    def _item(self, node: fx.Node) -> None:
        """An item of a result: unpacked already, or written at every use."""
        owner, key = node.args[0], node.args[1]
        if isinstance(owner, fx.Node) and "results" in owner.meta:
            return
        text = f"[{quoted(key)}]" if node.target is operator.getitem else f".{key}"
        self._inline[node] = f"{self._value(owner)}{text}"

    def _targets(self, node: fx.Node) -> tuple[str, ...]:
        if "results" not in node.meta:
            return (node.name,)
        items = {user.args[1]: user for user in node.users}
        return tuple(items[i].name if i in items and items[i].users else "_" for i in range(node.meta["results"]))

    def _call(self, node: fx.Node) -> str | Group:
        args = tuple(self._value(a) for a in node.args)
        kwargs = {k: self._value(v) for k, v in node.kwargs.items()}
        if node.op == "call_module":
            return call(f"self.{indexed(str(node.target))}", *args, **kwargs)
        if node.op == "call_method":
            return call(f"{args[0]}.{node.target}", *args[1:], **kwargs)
        assert callable(node.target), node.format_node()
        sign = magic_methods.get(node.target.__name__) if node.target.__module__ == "_operator" else None
        return sign.format(*args) if sign else call(self._name_of(node.target), *args, **kwargs)

    def _value(self, value: Any) -> str | Group:
        if isinstance(value, fx.Node):
            return self._inline.get(value, value.name)
        if isinstance(value, dict):
            return table({k: self._value(v) for k, v in value.items()})
        if isinstance(value, tuple):
            return Group("(", tuple(self._value(v) for v in value), ")", literal=True)
        return quoted(value)


def indexed(path: str) -> str:
    """A module's path as Python: numbers are places in a list."""
    return re.sub(r"\.(\d+)", r"[\1]", path)
