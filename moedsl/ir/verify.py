"""The IR's invariants: first in English, then one function each.

names        A node stands in the graph under its own name, and no input has a node's name.
uses         Every use and every output takes an input or a node that exists, and a port that it has.
order        What a node uses stands before it, so data and carries form no cycle.
writes       A node returns only carries that its op declares.
carries      A node is handed exactly the carries that its op reads, each of the shape that the op expects and from a
             writer that agrees on its sizes; where the op requires an earlier producer, the carry comes from one and
             not from a start value.
residuals    Both ends of a residual edge have the same shape.
paths        A parameter's path is unique and begins with its node's name.
sizes        A parameter's shape is the sizes of its axes.
ties         A tied parameter names another that exists, is not tied itself, and has the same shape and dtype.
layers       A node's region is a layer of the graph; a layer's nodes stand together, in the order of the layers, and
             their names begin with the layer's.
outputs      No two outputs share a name.
causality    In a causal stack nothing that a result depends on mixes a whole sequence or batch, unless it is listed in
             `leaks`.

The checks are plain loops over the nodes: `moedsl check` runs them on every graph, and importing networkx alone takes
longer than checking the largest model. Its algorithms serve those who ask questions of a graph (`Graph.networkx`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from moedsl.ir.graph import Graph, Node, ParamSpec, Use, Value
from moedsl.ir.needed import needed
from moedsl.ops.base import Carry
from moedsl.types import Shape


def verify(graph: Graph) -> tuple[str, ...]:
    """What is wrong with a graph, one sentence each; nothing when it is valid."""
    return tuple(sentence for invariant in INVARIANTS for sentence in invariant(graph))


def assert_valid(graph: Graph, *, where: str = "") -> None:
    """Stop when a graph is not valid: a mistake of ours, never of the user's."""
    violations = verify(graph)
    assert not violations, "\n  ".join((f"the graph `{graph.name}` is not valid {where}".rstrip() + ":", *violations))


def _names(graph: Graph) -> Iterator[str]:
    for key, node in graph.nodes.items():
        if key != node.name:
            yield f"the node `{node.name}` stands under the name `{key}`"
    for name, times in Counter(i.name for i in graph.inputs).items():
        if times > 1 or name in graph.nodes:
            yield f"the input `{name}` shares its name with another input or a node"


def _uses(graph: Graph) -> Iterator[str]:
    inputs = {i.name for i in graph.inputs}
    for user, value in _all_uses(graph):
        if value.node in inputs:
            ports: tuple[str, ...] = ("",)
        elif value.node in graph.nodes:
            ports = _ports(graph.nodes[value.node])
        else:
            yield f"{user} uses `{value.node}`, which does not exist"
            continue
        if value.port not in ports:
            yield f"{user} uses `{value}`, and `{value.node}` has no port `{value.port}`"


def _order(graph: Graph) -> Iterator[str]:
    made = {i.name for i in graph.inputs}
    for node in graph:
        for use in node.inputs:
            if use.value.node not in made and use.value.node in graph.nodes:
                yield f"`{node.name}` stands before `{use.value.node}`, which it uses"
        made.add(node.name)


def _writes(graph: Graph) -> Iterator[str]:
    for node in graph:
        if node.writes:
            declared = node.op.writes()
            yield from (
                f"`{node.name}` writes the carry `{channel}`, which its op does not declare"
                for channel in node.writes
                if channel not in declared
            )


def _carries(graph: Graph) -> Iterator[str]:
    for node in graph:
        reads = node.op.reads()
        taken = [use for use in node.inputs if use.role == "carry"]
        if not reads and not taken:
            continue
        if node.call == "forward" and sorted(u.keyword for u in taken) != sorted(reads):
            yield f"`{node.name}` is handed the carries {_list(u.keyword for u in taken)} and reads {_list(reads)}"
            continue
        for use in taken:
            yield from _carry(graph, node, use, reads)


def _carry(graph: Graph, node: Node, use: Use, reads: Mapping[str, Carry]) -> Iterator[str]:
    if use.keyword not in reads:
        yield f"`{node.name}` is handed the carry `{use.keyword}`, which its op does not read"
        return
    wanted = reads[use.keyword]
    if wanted.start == "required" and not use.value.port:
        yield f"`{node.name}` reads the carry `{use.keyword}` from `{use.value.node}`, which starts it and must not"
    expected, given = resolve(graph, node, wanted.shape), shape_of(graph, use.value)
    if given is not None and given != expected:
        yield (
            f"`{node.name}` reads the carry `{use.keyword}` of shape {_axes(expected)}, "
            f"and `{use.value}` has {_axes(given)}"
        )
    writer = graph.nodes.get(use.value.node, node)
    for name in wanted.agree:
        theirs, ours = writer.size.get(name), node.size.get(name)
        if theirs is not None and theirs != ours:
            yield (
                f"`{node.name}` reads the carry `{use.keyword}` with {name} = {ours}, and `{writer.name}` has {theirs}"
            )


def _residuals(graph: Graph) -> Iterator[str]:
    for node in graph:
        for use in node.inputs:
            if use.role == "residual":
                given, own = shape_of(graph, use.value), resolve(graph, node, node.shape)
                if given is not None and given != own:
                    yield (
                        f"the residual edge from `{use.value}` of shape {_axes(given)} "
                        f"ends at `{node.name}` of shape {_axes(own)}"
                    )


def _paths(graph: Graph) -> Iterator[str]:
    seen: set[str] = set()
    for node, param in _all_params(graph):
        if param.path in seen:
            yield f"two parameters have the path `{param.path}`"
        if not param.path.startswith(node.name + "."):
            yield f"the parameter `{param.path}` belongs to `{node.name}` and does not begin with its name"
        seen.add(param.path)


def _sizes(graph: Graph) -> Iterator[str]:
    for node in graph:
        if not node.params:
            continue
        size = node.size
        for param in node.params:
            if param.shape != tuple(size.get(axis, -1) for axis in param.axes):
                axes = ", ".join(f"{axis} = {size.get(axis, 'unknown')}" for axis in param.axes)
                yield f"the parameter `{param.path}` has shape {_axes(param.shape)}, and its axes are ({axes})"


def _ties(graph: Graph) -> Iterator[str]:
    for _, param in _all_params(graph):
        if param.tied_to is None:
            continue
        owner = graph.params.get(param.tied_to)
        if owner is None:
            yield f"the parameter `{param.path}` is tied to `{param.tied_to}`, which does not exist"
        elif owner.tied_to is not None:
            yield f"the parameter `{param.path}` is tied to `{owner.path}`, which is itself tied to `{owner.tied_to}`"
        elif (owner.shape, owner.dtype) != (param.shape, param.dtype):
            yield (
                f"the parameter `{param.path}`, {param.dtype} {_axes(param.shape)}, "
                f"is tied to `{owner.path}`, {owner.dtype} {_axes(owner.shape)}"
            )


def _layers(graph: Graph) -> Iterator[str]:
    place = {region.name: at for at, region in enumerate(graph.regions)}
    last, current = -1, ""
    for node in graph:
        if node.region and node.region not in place:
            yield f"`{node.name}` belongs to the layer `{node.region}`, which does not exist"
        elif node.region:
            if not node.name.startswith(node.region + "."):
                yield f"`{node.name}` belongs to the layer `{node.region}` and does not begin with its name"
            if node.region != current and place[node.region] <= last:
                yield f"`{node.name}` stands apart from its layer `{node.region}`, or its layer out of order"
            last = max(last, place[node.region])
        current = node.region


def _outputs(graph: Graph) -> Iterator[str]:
    for name, times in Counter(o.name for o in graph.outputs).items():
        if times > 1:
            yield f"{times} outputs have the name `{name}`"


def _causality(graph: Graph) -> Iterator[str]:
    causal = {stack for stack, is_causal in graph.causal if is_causal}
    stacks = {region.name: region.stack for region in graph.regions}
    suspects = [n for n in graph if stacks.get(n.region) in causal and n.name not in graph.leaks and _mixes(n)]
    reached = needed(graph, "result") if suspects else frozenset()
    for node in suspects:
        if node.name in reached:
            stack = stacks[node.region]
            yield f"`{node.name}` lets the causal stack `{stack}` see the future and is not listed as a leak"


INVARIANTS: tuple[Callable[[Graph], Iterator[str]], ...] = (
    _names,
    _uses,
    _order,
    _writes,
    _carries,
    _residuals,
    _paths,
    _sizes,
    _ties,
    _layers,
    _outputs,
    _causality,
)


# ---- what several invariants ask of a graph


def resolve(graph: Graph, node: Node, shape: Shape) -> Shape:
    """A shape with names of sizes replaced by the numbers that the node sees; letters stay."""
    sizes = {**graph.sizes, **node.size}
    return tuple(sizes.get(axis, axis) if isinstance(axis, str) else axis for axis in shape)


def shape_of(graph: Graph, value: Value) -> Shape | None:
    """The resolved shape of a value; none when there is no such value."""
    node = graph.nodes.get(value.node)
    if node is not None and not value.port:
        return resolve(graph, node, node.shape)
    if node is not None:
        carry = node.op.writes().get(value.port)
        return resolve(graph, node, carry.shape) if carry else None
    start = next((i for i in graph.inputs if i.name == value.node), None)
    return None if start is None else tuple(graph.sizes.get(a, a) if isinstance(a, str) else a for a in start.shape)


def _ports(node: Node) -> tuple[str, ...]:
    return ("", *node.writes, "cache") if node.caches else ("", *node.writes)


def _mixes(node: Node) -> bool:
    carried = (c.scope for channel, c in node.op.writes().items() if channel in node.writes)
    return any(scope in ("sequence", "batch") for scope in (node.op.reach(), *carried))


def _all_uses(graph: Graph) -> Iterator[tuple[str, Value]]:
    yield from ((f"`{node.name}`", use.value) for node in graph for use in node.inputs)
    yield from ((f"the output `{output.name}`", output.value) for output in graph.outputs)


def _all_params(graph: Graph) -> Iterator[tuple[Node, ParamSpec]]:
    return ((node, param) for node in graph for param in node.params)


def _axes(shape: Shape) -> str:
    return "[" + ", ".join(str(axis) for axis in shape) + "]"


def _list(names: Iterator[str] | Mapping[str, Carry]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names)) or "none"
