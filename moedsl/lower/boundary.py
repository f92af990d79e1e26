"""What crosses the edge of a layer: the arguments that its GraphModule takes and the values that it returns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from moedsl.ir.graph import Graph, Node, Value

AXES = re.compile(r"_[A-Z]+$")
"""The axis letters at the end of a keyword: fx writes its names in lower case."""


@dataclass(slots=True, kw_only=True)
class Boundary:
    """One layer's arguments and results, in order. Equal layers get equal names, wherever they stand."""

    arguments: dict[Value, str] = field(default_factory=dict)
    """Values from outside, in order of first use, and what they are called inside."""
    cached: tuple[str, ...] = ()
    """Nodes whose cache comes in after the values, and goes out after the results."""
    results: tuple[Value, ...] = ()
    """The stream, the last state of every carry that is written inside, and then what only the model returns."""


def boundaries(spec: Graph) -> Mapping[str, Boundary]:
    """The boundary of every layer, by the layer's name."""
    wanted = _wanted_outside(spec)
    return {region.name: _boundary(spec.region_nodes(region.name), wanted) for region in spec.regions}


def keeps_cache(node: Node) -> bool:
    """Whether the node takes a cache and returns the next one; a non-causal attention has none to keep."""
    return bool(node.caches)


def _boundary(nodes: tuple[Node, ...], wanted: _Wanted) -> Boundary:
    inside = {node.name for node in nodes}
    boundary = Boundary(cached=tuple(node.name for node in nodes if keeps_cache(node)))
    for node in nodes:
        for use in node.inputs:
            if use.value.node not in inside:
                boundary.arguments.setdefault(use.value, AXES.sub("", use.keyword or use.value.port or "x"))
    last = {Value(node=node.name, port=channel) for channel, node in _last_writers(nodes).items()}
    values = [value for node in nodes for value in _values(node)]
    flow = sorted((v for v in values if v in wanted.by_nodes or v in last), key=lambda v: v.port != "")
    side = [v for v in values if v in wanted.by_outputs and v not in flow]
    boundary.results = (*flow, *side)
    return boundary


def _last_writers(nodes: tuple[Node, ...]) -> dict[str, Node]:
    return {channel: node for node in nodes for channel in node.writes}


def _values(node: Node) -> Iterator[Value]:
    yield Value(node=node.name)
    for channel in node.writes:
        yield Value(node=node.name, port=channel)


class _Wanted(NamedTuple):
    """Values that are used outside the layer that makes them."""

    by_nodes: frozenset[Value]
    by_outputs: frozenset[Value]


def _wanted_outside(spec: Graph) -> _Wanted:
    crossing = (
        use.value
        for node in spec
        for use in node.inputs
        if use.value.node in spec.nodes and spec[use.value.node].region != node.region
    )
    return _Wanted(frozenset(crossing), frozenset(output.value for output in spec.outputs))
