"""Writing torch.fx graphs: one for each layer, one on top that calls them.

Graphs are written node by node, never traced. A node of the spec is one call of its `OpModule`; wiring is written out
as plain tensor code. Names in the generated code are the spec's paths, seen from the layer: equal layers print equally.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import fx
from torch.fx.proxy import GraphAppendingTracer

from moedsl.ir.graph import Graph, Node, Value
from moedsl.lower.boundary import Boundary, keeps_cache
from moedsl.lower.output import Output, next_caches, take_cache
from moedsl.source import Span

CACHE = "cache"
"""The port of a node's next cache."""


def layer_graph(spec: Graph, region: str, boundary: Boundary) -> fx.Graph:
    """The code of one layer."""
    writer = _Writer(spec=spec, scope=f"{region}.")
    for value, name in boundary.arguments.items():
        writer.values[value] = writer.argument(name)
    for name in boundary.cached:
        writer.caches[name] = writer.argument(f"{writer.local(name)}_past")
    for node in spec.region_nodes(region):
        writer.write(node)
    results = [writer.values[value] for value in (*boundary.results, *_next_cache_values(boundary))]
    writer.graph.output(tuple(results) if len(results) > 1 else results[0])
    return writer.graph


def model_graph(spec: Graph, boundaries: Mapping[str, Boundary]) -> fx.Graph:
    """The code on top: what stands outside all layers, calls of the layers, and the `Output`."""
    writer = _Writer(spec=spec, scope="")
    for entry in spec.inputs:
        writer.values[Value(node=entry.name)] = writer.argument(entry.name)
    caches = writer.graph.placeholder("caches", default_value=None)
    written: set[str] = set()
    for node in spec:
        if not node.region:
            if keeps_cache(node):
                writer.take_cache(caches, node.name)
            writer.write(node)
        elif node.region not in written:
            written.add(node.region)
            writer.call_layer(node.region, boundaries[node.region], caches)
    writer.graph.output(_output(writer, spec, caches))
    return writer.graph


def _output(writer: _Writer, spec: Graph, caches: fx.Node) -> fx.Node:
    named = {
        role: {o.name: writer.values[o.value] for o in spec.outputs if o.role == role}
        for role in ("result", "loss", "load")
    }
    entries = {n.name: writer.values[Value(node=n.name, port=CACHE)] for n in spec if keeps_cache(n)}
    following = writer.graph.create_node("call_function", next_caches, (caches, entries), name="caches_after")
    (result,) = named["result"].values()
    parts = {"logits": result, "losses": named["loss"], "loads": named["load"], "caches": following}
    return writer.graph.create_node("call_function", Output, (), parts, name="results")


def _next_cache_values(boundary: Boundary) -> tuple[Value, ...]:
    return tuple(Value(node=name, port=CACHE) for name in boundary.cached)


@dataclass(slots=True, kw_only=True)
class _Writer:
    """Writes nodes of the spec into one fx graph."""

    spec: Graph
    scope: str
    """What paths begin with and names leave out: `decoder.layers.3.`."""
    graph: fx.Graph = field(default_factory=fx.Graph)
    values: dict[Value, fx.Node] = field(default_factory=dict)
    """What each value of the spec is called in this graph."""
    caches: dict[str, fx.Node] = field(default_factory=dict)
    """The cache that each node is given."""

    def local(self, path: str) -> str:
        """A path as a name in this graph's code."""
        return path.removeprefix(self.scope).replace(".", "_")

    def argument(self, name: str) -> fx.Node:
        """A new argument; a name that is taken gets a number."""
        taken = {node.name for node in self.graph.nodes}
        numbered = (name, *(f"{name}_{i}" for i in range(1, len(taken) + 1)))
        return self.graph.placeholder(next(n for n in numbered if n not in taken))

    def write(self, node: Node) -> None:
        """One node: a call of its module, or its own tensor code where it is inlined."""
        inputs = tuple(self.values[use.value] for use in node.inputs if not use.keyword)
        context = {use.keyword: self.values[use.value] for use in node.inputs if use.keyword}
        if node.op.inline:
            self.values[Value(node=node.name)] = self._inline(node, inputs, context)
            return
        if keeps_cache(node):
            context["cache"] = self.caches[node.name]
        parts, name = _parts(node), self.local(node.name)
        target = node.name.removeprefix(self.scope)
        if len(parts) == 1:
            self.values[Value(node=node.name)] = self._create(node, "call_module", target, inputs, context, name=name)
            return
        call = self._create(node, "call_module", target, inputs, context, name=f"{name}_results")
        call.meta["results"] = len(parts)
        self._unpack(node, call, name, parts)

    def _inline(self, node: Node, inputs: tuple[fx.Node, ...], context: dict[str, fx.Node]) -> fx.Node:
        tracer = _Inlining(self.graph, self.local(node.name), _meta(self.spec, node))
        proxies = [fx.Proxy(i, tracer) for i in inputs]
        keywords = {k: fx.Proxy(v, tracer) for k, v in context.items()}
        return getattr(node.op, node.call)(None, *proxies, **keywords).node

    def _unpack(self, node: Node, call: fx.Node, name: str, parts: tuple[str, ...]) -> None:
        self.values[Value(node=node.name)] = self._item(node, call, 0, name)
        if node.writes:
            carries = self._item(node, call, parts.index("carries"), f"{name}_carries")
            for channel in node.writes:
                state = self._item(node, carries, channel, f"{name}_{channel}")
                self.values[Value(node=node.name, port=channel)] = state
        if keeps_cache(node):
            cache = self._item(node, call, parts.index(CACHE), f"{name}_{CACHE}")
            self.values[Value(node=node.name, port=CACHE)] = cache

    def _item(self, node: Node, call: fx.Node, key: int | str, name: str) -> fx.Node:
        return self._create(node, "call_function", operator.getitem, (call, key), {}, name=name)

    def _create(self, node: Node, kind: str, target: Any, args: Any, kwargs: Any, *, name: str) -> fx.Node:
        made = self.graph.create_node(kind, target, args, kwargs, name=name)
        made.meta.update(_meta(self.spec, node))
        return made

    def take_cache(self, caches: fx.Node, name: str) -> None:
        """Read a node's cache from those that the model is called with."""
        self.caches[name] = self.graph.create_node(
            "call_function", take_cache, (caches, name), name=f"{self.local(name)}_past"
        )

    def call_layer(self, region: str, boundary: Boundary, caches: fx.Node) -> None:
        """A layer: its arguments, then its caches; its results, then its next caches."""
        for name in boundary.cached:
            self.take_cache(caches, name)
        arguments = (*(self.values[v] for v in boundary.arguments), *(self.caches[n] for n in boundary.cached))
        results = (*boundary.results, *_next_cache_values(boundary))
        name = region if len(results) == 1 else f"{region}_results"
        call = self.graph.create_node("call_module", region, arguments, name=self.local(name))
        if len(results) == 1:
            self.values[results[0]] = call
            return
        call.meta["results"] = len(results)
        for i, value in enumerate(results):
            name = region if i == 0 and not value.port else _outside_name(region, value)
            self.values[value] = self.graph.create_node(
                "call_function", operator.getitem, (call, i), name=self.local(name)
            )


class _Inlining(GraphAppendingTracer):
    """Names and marks what an op's own tensor code adds to the graph."""

    def __init__(self, graph: fx.Graph, name: str, meta: dict[str, str]) -> None:
        super().__init__(graph)
        self._name = name
        self._meta = meta

    def create_node(
        self, kind: str, target: Any, args: Any, kwargs: Any, name: Any = None, type_expr: Any = None
    ) -> fx.Node:
        node = super().create_node(kind, target, args, kwargs, self._name, type_expr)
        node.meta.update(self._meta)
        return node


def _outside_name(region: str, value: Value) -> str:
    """What a result of a layer is called on top: a carry belongs to the layer, all else to its node."""
    if value.port == "":
        return value.node
    return f"{value.node}_{CACHE}" if value.port == CACHE else f"{region}_{value.port}"


def _parts(node: Node) -> tuple[str, ...]:
    """What a node's op returns: its result; what it writes, also where nobody reads it; a cache, be it none."""
    if node.call != "forward":
        return ("result",)
    carries = ("carries",) if node.op.writes() else ()
    return ("result", *carries, *((CACHE,) if CACHE in node.op.uses else ()))


def _meta(spec: Graph, node: Node) -> dict[str, str]:
    """What torch shows when it explains an error, and what we do."""
    span = _span(spec, node)
    if span is None:
        return {"spec": node.name, "place": ""}
    line = span.file.line(span.position.line).strip()
    place = f'File "{span.file.path}", line {span.position.line}, in {node.name}'
    return {"spec": node.name, "place": str(span), "stack_trace": f"{place}\n    {line}"}


def _span(spec: Graph, node: Node) -> Span | None:
    """Where the node was written; for wiring, where what it joins last was: a shape at fault comes from there."""
    spans = spec.source_map.nodes
    names = (node.name, *(use.value.node for use in reversed(node.inputs)))
    return next((spans[name] for name in names if name in spans), None)
