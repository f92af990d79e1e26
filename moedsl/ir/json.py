"""A graph as JSON, and back: schema `moedsl.ir/1`.

The keys are the fields of the dataclasses in `ir/graph.py`; an op is its kind, its keyword and all its fields. Reading
is strict and runs nothing: an op must be in the registry, unknown keys are refused, and the graph must be valid.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import ValidationError

from moedsl.ir.graph import Graph, Node
from moedsl.ir.sourcemap import SourceMap
from moedsl.ir.verify import verify
from moedsl.ops.base import Op, component_of
from moedsl.ops.kinds import KINDS
from moedsl.ops.registry import find
from moedsl.source import Span

SCHEMA = "moedsl.ir/1"


class NotAGraph(ValueError):
    """The JSON is no graph: what is wrong, and where in it."""


def to_json(graph: Graph, *, source: bool = False) -> dict[str, Any]:
    """A graph as plain dicts and lists.

    Args:
        graph: The graph.
        source: Add where each node and field was written: `{path, line, column}`. Reading ignores it.
    """
    return {
        "schema": SCHEMA,
        **_encode(graph),
        "nodes": [_encode(node) for node in graph],
        **({"source": _places(graph.source_map)} if source else {}),
    }


def from_json(data: Any) -> Graph:
    """The graph that `to_json` wrote.

    Raises:
        NotAGraph: it is of another schema, has a key or an op that nobody knows, or breaks an invariant.
    """
    if not isinstance(data, Mapping) or data.get("schema") != SCHEMA:
        raise NotAGraph(f"this is no graph of schema `{SCHEMA}`")
    parts = {key: value for key, value in data.items() if key not in ("schema", "source")}
    nodes = _decode(tuple[Node, ...], parts.get("nodes"), "nodes")
    named = {node.name: node for node in nodes}
    if len(named) < len(nodes):
        raise NotAGraph("nodes: two have the same name")
    graph = _record(Graph, parts, "", nodes=named)
    violations = verify(graph)
    if violations:
        raise NotAGraph(f"the graph is not valid: {violations[0]}")
    return graph


# ---- out


def _encode(value: Any) -> Any:
    if isinstance(value, Op):
        own = {name: _encode(getattr(value, name)) for name in type(value).model_fields}
        return {"kind": value.kind, "keyword": value.keyword, "fields": own}
    if is_dataclass(value):
        return {name: _encode(getattr(value, name)) for name in _shape(type(value))[0]}
    if isinstance(value, Mapping):
        return {key: _encode(item) for key, item in value.items()}
    return [_encode(item) for item in value] if isinstance(value, tuple) else value


def _places(source: SourceMap) -> dict[str, Any]:
    histories: dict[str, dict[str, Any]] = {}
    for (node, name), origins in source.fields.items():
        steps = [{"how": o.how, **(_place(o.span) if o.span else {})} for o in origins]
        histories.setdefault(node, {})[name] = steps
    return {"nodes": {name: _place(span) for name, span in source.nodes.items()}, "fields": histories}


def _place(span: Span) -> dict[str, Any]:
    line, column = span.position
    return {"path": span.file.path, "line": line, "column": column}


# ---- in


def _decode(hint: Any, data: Any, at: str) -> Any:
    """The value that `data` stands for, by the type that it must have."""
    if isinstance(hint, type) and issubclass(hint, Op):
        return _op(data, at)
    if is_dataclass(hint):
        return _record(hint, data, at)
    origin, args = get_origin(hint), get_args(hint)
    if origin is tuple:
        return _tuple(args, data, at)
    if origin in (Union, UnionType):
        return _decode(next((a for a in args if _fits(a, data)), args[0]), data, at)
    if origin is Mapping:
        return {key: _decode(args[1], item, f"{at}.{key}") for key, item in _object(data, at).items()}
    if not _fits(hint, data):
        raise NotAGraph(f"{at}: {data!r:.60} is not {_described(hint)}")
    return float(data) if hint is float else data


def _fits(hint: Any, data: Any) -> bool:
    """Whether a plain value is of a plain type; true and false are no numbers."""
    if get_origin(hint) is Literal:
        return data in get_args(hint)
    return type(data) is hint or (hint is float and type(data) is int)


def _described(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(map(repr, get_args(hint)))
    return {str: "a text", int: "a whole number", float: "a number", bool: "true or false", NoneType: "null"}[hint]


def _tuple(hints: tuple[Any, ...], data: Any, at: str) -> tuple[Any, ...]:
    if not isinstance(data, list):
        raise NotAGraph(f"{at}: {data!r:.60} is not a list")
    if len(hints) == 2 and hints[1] is ...:
        hints = (hints[0],) * len(data)
    if len(hints) != len(data):
        raise NotAGraph(f"{at}: there are {len(data)} items, not {len(hints)}")
    return tuple(_decode(hint, item, f"{at}[{i}]") for i, (hint, item) in enumerate(zip(hints, data, strict=True)))


def _record(cls: Any, data: Any, at: str, **ready: Any) -> Any:
    """An instance of a dataclass; `ready` holds fields that are decoded already."""
    hints, required = _shape(cls)
    given = _object(data, at)
    where = f"{at}: " if at else ""
    unknown, missing = [k for k in given if k not in hints], [k for k in required if k not in given]
    if unknown or missing:
        raise NotAGraph(where + (f"`{unknown[0]}` is no key" if unknown else f"`{missing[0]}` is missing"))
    dot = f"{at}." if at else ""
    return cls(**{k: _decode(hints[k], v, dot + k) for k, v in given.items() if k not in ready}, **ready)


@cache
def _shape(cls: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The types of a dataclass's fields, without the source map, and which of them must be given."""
    required = (f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING)
    hints = {name: hint for name, hint in get_type_hints(cls).items() if hint is not SourceMap}
    return hints, tuple(required)


def _object(data: Any, at: str) -> Mapping[str, Any]:
    if not isinstance(data, Mapping) or not all(isinstance(key, str) for key in data):
        raise NotAGraph(f"{at or 'the graph'}: {data!r:.60} is not an object")
    return data


def _op(data: Any, at: str) -> Op:
    given = _object(data, at)
    if set(given) != {"kind", "keyword", "fields"}:
        raise NotAGraph(f"{at}: an op has the keys `kind`, `keyword` and `fields`")
    kind, keyword = given["kind"], given["keyword"]
    cls = find(kind, keyword) if isinstance(kind, str) and kind in KINDS and isinstance(keyword, str) else None
    if cls is None:
        raise NotAGraph(f"{at}: there is no op {kind!r:.60} {keyword!r:.60}")
    values = {name: _field(cls, name, value, at) for name, value in _object(given["fields"], f"{at}.fields").items()}
    try:
        return cls(**values)
    except ValidationError as error:
        first = error.errors()[0]
        raise NotAGraph(f"{at}.fields.{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def _field(cls: type[Op], name: str, value: Any, at: str) -> Any:
    if name not in cls.model_fields:
        raise NotAGraph(f"{at}: `{cls.kind} {cls.keyword}` has no field `{name:.60}`")
    if isinstance(value, Mapping) and component_of(cls, name):
        return _op(value, f"{at}.fields.{name}")
    return tuple(value) if isinstance(value, list) else value
