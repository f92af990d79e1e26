"""What a model is, as five hashes of a canonical form.

arch        What the spec says is computed: wiring, ops, and every field that can change a result.
numerics    What this version of moedsl computes for it: `arch` and the versions of the ops' numerics.
params      The checkpoint: paths, shapes, dtypes and ties of parameters and buffers.
interface   What a caller meets: inputs, results, vocabulary, longest sequence.
training    What only training notes: fields of that effect, losses, how parameters start and which of them learn.

Two models with equal `params` load each other's checkpoints; with equal `numerics` as well they give the same results.
Where only `training` differs, evaluation is the same. Where nothing differs, only speed, words or layout can.

The canonical form is sorted by name, has every default filled in and leaves out what does not matter: the model's and
the templates' names, comments, spans, fields of the effects cosmetic and execution, the order of nodes that do not
depend on each other, carries that nobody reads. What no result depends on (losses) counts as training; what no loss
depends on either (expert loads) counts nowhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import cache
from hashlib import sha256
from typing import Any

from moedsl.ir.graph import Graph, Node, ParamSpec, Value
from moedsl.ir.needed import needed
from moedsl.ir.verify import shape_of
from moedsl.ops.base import Effect, Op, effect_of

RESULT: frozenset[Effect] = frozenset({"numerics", "params", "interface"})
TRAINING: frozenset[Effect] = frozenset({"training"})
INTERFACE: frozenset[Effect] = frozenset({"interface"})
BODY: frozenset[Effect] = frozenset({"numerics", "params", "interface", "training", "execution"})
"""What can change the code of a layer: all but words and starting values."""


def digests(graph: Graph) -> dict[str, str]:
    """The five digests by name."""
    results = needed(graph, "result")
    arch = _arch(graph, [n for n in graph if n.name in results])
    return {
        "arch": _hash(arch),
        "numerics": _hash([arch, _versions(n.op for n in graph if n.name in results)]),
        "params": _hash(_params(graph)),
        "interface": _hash(_interface(graph)),
        "training": _hash(_training(graph, results)),
    }


def layer_digest(graph: Graph, region: str) -> str:
    """The digest of one layer's body; ask for `layer_digests` when you need those of many."""
    return layer_digests(graph)[region]


def layer_digests(graph: Graph) -> dict[str, str]:
    """A digest of each layer's body, equal for layers that one piece of code can compute.

    Names are relative to the layer and what comes from outside is numbered, so layers at different depths agree. What
    leaves a layer belongs to its body. A carry that is written always leaves, read or not, so that the last layer to
    write one equals those before it. Ties do not count: code does not see which tensor it is given.
    """
    leaving = _leaving(graph)
    return {r.name: _hash(_body(graph.region_nodes(r.name), r.name, leaving)) for r in graph.regions}


# ---- the five forms


def _arch(graph: Graph, nodes: Iterable[Node]) -> Any:
    return {
        "inputs": [[i.name, i.shape, i.dtype] for i in graph.inputs],
        "results": [[o.name, str(o.value)] for o in graph.outputs if o.role == "result"],
        "causal": sorted(graph.causal),
        "sizes": sorted(graph.sizes.items()),
        "nodes": sorted((_node(n, RESULT) for n in nodes), key=lambda form: form[0]),
    }


def _params(graph: Graph) -> Any:
    table = sorted([p.path, p.shape, p.dtype, p.tied_to] for p in graph.params.values())
    ops = {(n.op.kind, n.op.keyword, n.op.params_version) for n in graph if n.params}
    return [table, sorted(ops)]


def _interface(graph: Graph) -> Any:
    results = [o for o in graph.outputs if o.role == "result"]
    fields = {(name, value) for n in graph for name, value in _fields(n.op, INTERFACE) if value is not None}
    return {
        "inputs": [[i.name, shape_of(graph, Value(node=i.name)), i.dtype] for i in graph.inputs],
        "results": [[o.name, shape_of(graph, o.value)] for o in results],
        "fields": sorted(fields, key=repr),
    }


def _training(graph: Graph, results: frozenset[str]) -> Any:
    aside = needed(graph, "loss") - results
    return {
        "fields": sorted([n.name, f] for n in graph if n.name in results and (f := _fields(n.op, TRAINING))),
        "losses": sorted([o.name, str(o.value)] for o in graph.outputs if o.role == "loss"),
        "nodes": sorted((_node(n, RESULT | TRAINING) for n in graph if n.name in aside), key=lambda form: form[0]),
        "starts": sorted([p.path, *_start(p)] for p in graph.params.values() if p.tied_to is None),
    }


def _start(param: ParamSpec) -> tuple[object, ...]:
    return (param.trainable, param.init.rule, _plain(param.init.scale), repr(_plain(param.init.truncate)))


# ---- nodes and ops


def _node(node: Node, effects: frozenset[Effect]) -> list[Any]:
    """A node: name, op, fields, inputs, parameters."""
    op = node.op
    params = sorted([p.path, p.shape, p.dtype, p.tied_to] for p in node.params)
    return [node.name, op.kind, op.keyword, node.call, _fields(op, effects), _inputs(node), params]


def _inputs(node: Node) -> list[list[str]]:
    """By position in order, then by keyword sorted. Roles are left out: they follow from the rest."""
    given = [["", str(use.value)] for use in node.inputs if not use.keyword]
    return given + sorted([use.keyword, str(use.value)] for use in node.inputs if use.keyword)


def _fields(op: Op, effects: frozenset[Effect], within: Effect | None = None) -> tuple[tuple[str, Any], ...]:
    """The fields of these effects by name, with those of components in them; `within` caps the components' effects."""
    found = []
    for name, own in _effects(type(op)):
        effect, value = within or own, getattr(op, name)
        if isinstance(value, Op):
            cap = None if effect in RESULT else effect
            inner = _fields(value, effects, cap)
            if effect in effects or inner:
                found.append((name, (value.kind, value.keyword, inner)))
        elif effect in effects:
            found.append((name, _plain(value)))
    return tuple(found)


@cache
def _effects(cls: type[Op]) -> tuple[tuple[str, Effect], ...]:
    return tuple((name, effect_of(cls, name)) for name in sorted(cls.model_fields))


def _versions(ops: Iterable[Op]) -> Any:
    """The numerics versions of ops and of the components in their fields."""
    return sorted({(op.kind, op.keyword, op.numerics_version) for outer in ops for op in _with_components(outer)})


def _with_components(op: Op) -> Iterator[Op]:
    yield op
    for name, _ in _effects(type(op)):
        value = getattr(op, name)
        if isinstance(value, Op):
            yield from _with_components(value)


def _plain(value: Any) -> Any:
    """A value whose JSON is the same for all ways to write it: 1 and 1.0 are one number."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return tuple(map(_plain, value)) if isinstance(value, tuple) else value


def _hash(form: Any) -> str:
    text = json.dumps(form, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return sha256(text.encode()).hexdigest()


# ---- layers


def _body(nodes: tuple[Node, ...], region: str, leaving: frozenset[Value]) -> Any:
    names, entering = {n.name for n in nodes}, dict[Value, str]()

    def relative(value: Value) -> str:
        return local(str(value)) if value.node in names else entering.setdefault(value, f"<{len(entering)}>")

    def local(path: str) -> str:
        return path.removeprefix(region + ".")

    return [
        [
            *(local(n.name), n.op.kind, n.op.keyword, n.call, _fields(n.op, BODY)),
            [[use.keyword, use.role, relative(use.value)] for use in n.inputs],
            *(sorted(n.writes), n.shape, [[c.shape, c.dtype] for c in n.caches]),
            [[local(p.path), p.shape, p.dtype, p.trainable] for p in n.params],
            Value(node=n.name) in leaving,
        ]
        for n in nodes
    ]


def _leaving(graph: Graph) -> frozenset[Value]:
    """Values that something outside their layer uses."""
    regions = {node.name: node.region for node in graph}
    used = (use.value for node in graph for use in node.inputs if regions.get(use.value.node) != node.region)
    return frozenset((*used, *(output.value for output in graph.outputs)))
