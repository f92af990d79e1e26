"""The IR: op instances, what flows between them, their parameters, and where each value was written.

A `Graph` is frozen data and compares by meaning: names, fields, wiring, parameters. Spans and provenance ride along in
its `source_map` and take no part in equality. Nodes stand in topological order; the builder adds them in that order and
passes keep it, so iterating is executing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from moedsl.ir.sourcemap import SourceMap
from moedsl.ops.base import Cache, Cost, Init, Op
from moedsl.types import DType, Shape

if TYPE_CHECKING:
    import networkx

Role = Literal["data", "residual", "carry", "tie"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One result of a node, or of the graph's input of that name."""

    node: str
    """A node's name, or an input's."""
    port: str = ""
    """Empty for the main result, else the carry's channel, or `cache`."""

    def __str__(self) -> str:
        return f"{self.node}:{self.port}" if self.port else self.node


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A value arriving at a node."""

    value: Value
    role: Role = "data"
    keyword: str = ""
    """The argument it is passed as; empty means by position."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParamSpec:
    """A parameter or buffer of the built model, with everything resolved."""

    path: str
    """Its `state_dict` key: the node's name and the parameter's."""
    axes: tuple[str, ...]
    shape: tuple[int, ...]
    init: Init
    dtype: DType = "float"
    trainable: bool = True
    tied_to: str | None = None
    """The path of the parameter that it is the same tensor as."""
    per_token: float = 1.0

    @property
    def count(self) -> int:
        """How many numbers it holds."""
        total = 1
        for size in self.shape:
            total *= size
        return total


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One call of one op."""

    name: str
    """Its spec path: `decoder.layers.3.moe.router`."""
    op: Op
    call: str = "forward"
    """Which function of the op: a dispatch is called twice, `forward` before the experts and `combine` after."""
    inputs: tuple[Use, ...] = ()
    writes: tuple[str, ...] = ()
    """Carry channels that it returns beside its main result."""
    shape: Shape = ()
    """Of the main result; `()` where that is a scalar or a record."""
    region: str = ""
    """The layer it belongs to: `decoder.layers.3`; empty for what stands outside all layers."""
    sizes: tuple[tuple[str, int], ...] = ()
    """Every named size the op can see, sorted."""
    params: tuple[ParamSpec, ...] = ()
    caches: tuple[Cache, ...] = ()

    @property
    def size(self) -> Mapping[str, int]:
        """The sizes as a mapping."""
        return dict(self.sizes)

    def cost(self, seq: int) -> Cost:
        """What one token costs here; only the op's `forward` is charged, other calls ride on it."""
        return self.op.cost(self.size, seq) if self.call == "forward" else Cost()


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """What the model is called with."""

    name: str
    shape: Shape
    dtype: DType = "float"


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What the model returns."""

    name: str
    """`logits` or `hidden`; for losses and loads the node that made it."""
    value: Value
    role: Literal["result", "loss", "load"] = "result"


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A layer: the unit of compilation, checkpointing and sharding."""

    name: str
    stack: str
    index: int
    template: str
    """The `layer` block it was made from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A rename that checkpoints follow; `*` stands for one part of a path."""

    old: tuple[str, ...]
    new: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """An arrow of the graph."""

    source: str
    target: str
    role: Role
    channel: str = ""


@dataclass(frozen=True, kw_only=True)
class Graph:
    """A model, validated. Build it through `moedsl.checker`, change it through passes."""

    name: str
    nodes: Mapping[str, Node]
    """By name, in topological order."""
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    regions: tuple[Region, ...] = ()
    sizes: Mapping[str, int] = field(default_factory=dict)
    """Sizes of the whole model: `d_model`, `vocab_size`, `max_positions`."""
    causal: tuple[tuple[str, bool], ...] = ()
    """For each stack, whether a position may see only itself and earlier ones."""
    leaks: tuple[str, ...] = ()
    """Nodes that let a causal model see the future because the spec said `faithful = true`."""
    moved: tuple[Move, ...] = ()
    doc: str = field(default="", compare=False)
    source_map: SourceMap = field(default_factory=SourceMap, compare=False, repr=False)

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes.values())

    def __getitem__(self, name: str) -> Node:
        return self.nodes[name]

    @cached_property
    def params(self) -> Mapping[str, ParamSpec]:
        """All parameters and buffers by path, tied ones included."""
        return {p.path: p for node in self for p in node.params}

    @cached_property
    def edges(self) -> tuple[Edge, ...]:
        """Every arrow: values from producer to consumer, and ties from owner to borrower."""
        flow = [
            Edge(source=use.value.node, target=node.name, role=use.role, channel=use.value.port)
            for node in self
            for use in node.inputs
        ]
        owners = {p.path: node.name for node in self for p in node.params}
        ties = [
            Edge(source=owners[p.tied_to], target=node.name, role="tie", channel=p.path)
            for node in self
            for p in node.params
            if p.tied_to is not None
        ]
        return (*flow, *ties)

    @cached_property
    def networkx(self) -> networkx.MultiDiGraph:
        """The same graph for networkx's algorithms: nodes by name, edges with `role` and `channel`."""
        import networkx

        graph = networkx.MultiDiGraph(name=self.name)
        graph.add_nodes_from((i.name, {"input": i}) for i in self.inputs)
        graph.add_nodes_from((n.name, {"node": n}) for n in self)
        graph.add_edges_from((e.source, e.target, {"role": e.role, "channel": e.channel}) for e in self.edges)
        return graph

    def region_nodes(self, region: str) -> tuple[Node, ...]:
        """The nodes of one layer, in order; `""` gives those outside all layers."""
        return self._by_region.get(region, ())

    @cached_property
    def _by_region(self) -> dict[str, tuple[Node, ...]]:
        groups: dict[str, list[Node]] = {}
        for node in self:
            groups.setdefault(node.region, []).append(node)
        return {name: tuple(nodes) for name, nodes in groups.items()}
