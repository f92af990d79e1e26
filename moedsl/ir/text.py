"""A graph as text to read: one line a node, layers as sections, carries as arrows.

    decoder.layers.1: sparse
      moe.router = router topk(moe.tokens) {top_k = 1}
      moe.momentum = momentum heavy_ball(x, moe.mixture, velocity <~ decoder.layers.0.moe.momentum) ~> velocity

Names inside a layer are relative to it. Fields are shown where they differ from their defaults. `<~` takes a carry,
`~>` leaves one. It is for people and golden files; programs read `to_json`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from pydantic_core import PydanticUndefined

from moedsl.ir.graph import Graph, Node, ParamSpec, Use, Value
from moedsl.ops.base import Init, Op
from moedsl.types import Shape


def to_text(graph: Graph, *, params: bool = False, origins: bool = False, collapse: bool = False) -> str:
    """A graph as readable text.

    Args:
        graph: The graph.
        params: Add a line for each parameter: shape, start, tie.
        origins: Add where each node was written, and a line for each field that something set.
        collapse: Draw equal layers that follow each other once, with how many there are.
    """
    writer = _Writer(graph=graph, params=params, origins=origins, collapse=collapse)
    return "\n".join((*_head(graph), "", *writer.body(), "", *writer.results())) + "\n"


def _head(graph: Graph) -> Iterator[str]:
    yield f"graph {graph.name}"
    yield from (f"  size {name} = {size}" for name, size in sorted(graph.sizes.items()))
    yield from (f"  input {i.name} : {i.dtype} {_shape(i.shape)}" for i in graph.inputs)
    yield from (f"  stack {stack}, {'causal' if is_causal else 'not causal'}" for stack, is_causal in graph.causal)
    yield from (f"  leak {name}" for name in graph.leaks)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Section:
    """Lines of one layer, or of nodes between layers."""

    region: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Writer:
    graph: Graph
    params: bool
    origins: bool
    collapse: bool

    def body(self) -> Iterator[str]:
        """All sections; a blank line where one ends."""
        templates = {r.name: r.template for r in self.graph.regions}
        sections = [
            _Section(region=region, lines=tuple(line for node in nodes for line in self._node(node)))
            for region, nodes in groupby(self.graph, key=lambda node: node.region)
        ]
        groups = groupby(sections, key=lambda s: (templates.get(s.region), s.lines if self.collapse else s.region))
        for at, ((template, _), same) in enumerate(groups):
            first, *more = same
            if at:
                yield ""
            if template is None:
                yield from first.lines
                continue
            times = (
                f" to {more[-1].region.rpartition('.')[2]}: {template} × {len(more) + 1}" if more else f": {template}"
            )
            yield first.region + times
            yield from (f"  {line}" for line in first.lines)

    def results(self) -> Iterator[str]:
        """What comes out."""
        lines: Counter[str] = Counter()
        for output in self.graph.outputs:
            named = "" if output.name == str(output.value) else f"{output.name} = "
            line = f"{output.role} {named}{output.value}"
            lines[re.sub(r"\.\d+\.", ".*.", line) if self.collapse else line] += 1
        yield from (line if times == 1 else f"{line} × {times}" for line, times in lines.items())

    # ---- a node and what hangs below it

    def _node(self, node: Node) -> Iterator[str]:
        op, call = node.op, "" if node.call == "forward" else f".{node.call}"
        inputs = ", ".join(self._use(use, node) for use in node.inputs)
        fields = _fields(op) if node.call == "forward" else ""
        leaves = f" ~> {', '.join(node.writes)}" if node.writes else ""
        shape = f" : {_shape(node.shape)}" if node.shape else ""
        span = self.graph.source_map.nodes.get(node.name) if self.origins else None
        place = f"  # {span}" if span else ""
        name = node.name.removeprefix(f"{node.region}.")
        yield f"{name} = {op.kind} {op.keyword}{call}({inputs}){fields}{leaves}{shape}{place}"
        if self.params:
            yield from (f"    {_param(param, node)}" for param in node.params)
        if self.origins:
            yield from (f"    {line}" for line in self._origins(node))

    def _use(self, use: Use, node: Node) -> str:
        name = self._value(use.value, node)
        if use.role == "carry":
            return f"{use.keyword} <~ {name}"
        if use.role == "residual":
            return f"residual {name}"
        return f"{use.keyword} = {name}" if use.keyword else name

    def _value(self, value: Value, node: Node) -> str:
        """The producer's name, relative inside its layer; a carry's channel is the reader's keyword already."""
        producer = self.graph.nodes.get(value.node)
        region = producer.region if producer else ""
        if region and region == node.region:
            return value.node.removeprefix(f"{region}.")
        if self.collapse and region and region == self._before(node.region):
            return f"previous.{value.node.removeprefix(f'{region}.')}"
        return value.node

    def _before(self, region: str) -> str:
        stem, _, index = region.rpartition(".")
        return f"{stem}.{int(index) - 1}" if index.isdigit() else ""

    def _origins(self, node: Node) -> Iterator[str]:
        for name in type(node.op).model_fields:
            origins = self.graph.source_map.fields.get((node.name, name), ())
            if origins and origins[-1].span:
                yield f"{name} = {_literal(getattr(node.op, name))}  # {origins[-1].how}, {origins[-1].span}"


# ---- words for small things


def _fields(op: Op) -> str:
    """` {top_k = 1}`: fields that must be written, and those that differ from their defaults."""
    shown = []
    for name, info in type(op).model_fields.items():
        value = getattr(op, name)
        if info.default is PydanticUndefined or info.default != value:
            shown.append(f"{name} = {_literal(value)}")
    return " {" + ", ".join(shown) + "}" if shown else ""


def _literal(value: Any) -> str:
    """A value as it is written in a spec."""
    if isinstance(value, Op):
        return value.keyword + _fields(value)
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_literal, value)) + "]"
    if value is None or isinstance(value, bool):
        return {None: "none", True: "true", False: "false"}[value]
    return str(value)


def _param(param: ParamSpec, node: Node) -> str:
    axes = ", ".join(f"{axis} = {size}" for axis, size in zip(param.axes, param.shape, strict=True))
    kind = "" if param.dtype == "float" else f" {param.dtype}"
    start = f" tied to {param.tied_to}" if param.tied_to else f" {_init(param.init)}"
    buffer = "" if param.trainable else ", buffer"
    return f"{param.path.removeprefix(f'{node.name}.')} [{axes}]{kind}{start}{buffer}"


def _init(init: Init) -> str:
    cut = f", cut at {init.truncate:g}" if init.truncate is not None else ""
    return f"{init.rule}({init.scale:.6g}{cut})"


def _shape(shape: Shape) -> str:
    return "[" + ", ".join(map(str, shape)) + "]"
