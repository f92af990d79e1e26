"""An op in words: what `explain`, `list`, hover and the reference pages say, read from its class alone."""

from __future__ import annotations

import inspect
import sys
import types
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic_core import PydanticUndefined

from moedsl.ops.base import Effect, Op, component_of, effect_of, inherits

_NAMES = {int: "int", float: "float", bool: "bool", str: "string"}
_BOUNDS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldInfo:
    """A field as its user sees it."""

    name: str
    type: str
    """In the language's words: `int >= 1`, `softmax | sigmoid`, `float?`, `init component`."""
    default: str | None
    """As a user would write it; none where the field is required."""
    effect: Effect
    description: str
    inherits: bool
    """Whether it takes the enclosing block's value when it is not written."""


def summary(op: type[Op]) -> str:
    """The first sentence of the op's docstring."""
    return " ".join((inspect.getdoc(op) or "").split("\n\n")[0].split())


def details(op: type[Op]) -> str:
    """The rest of its docstring, then its file's: the paper, the equation, the letters."""
    own = (inspect.getdoc(op) or "").partition("\n\n")[2]
    module = inspect.getdoc(sys.modules[op.__module__]) or ""
    return "\n\n".join(part for part in (own, module) if part)


def fields(op: type[Op]) -> tuple[FieldInfo, ...]:
    """Every field, in the order of the class."""
    return tuple(_field(op, name) for name in op.model_fields)


def written(value: object) -> str:
    """A value as a user would write it in a spec."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(written(v) for v in value) + "]"
    if isinstance(value, Op):
        settings = [f"{n} = {written(getattr(value, n))}" for n in type(value).model_fields]
        return f"{value.keyword}({', '.join(settings)})"
    return str(value)


def _field(op: type[Op], name: str) -> FieldInfo:
    info = op.model_fields[name]
    is_text = str in (info.annotation, *get_args(info.annotation))
    default = None
    if info.default is not PydanticUndefined:
        default = f'"{info.default}"' if is_text and info.default is not None else written(info.default)
    return FieldInfo(
        name=name,
        type=_type(info.annotation, component_of(op, name)) + _bounds(info.metadata),
        default=default,
        effect=effect_of(op, name),
        description=info.description or "",
        inherits=inherits(op, name),
    )


def _type(annotation: Any, component: str | None) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        inner = " | ".join(_type(a, component) for a in arguments if a is not type(None))
        return inner + ("?" if type(None) in arguments else "")
    if origin is Annotated:
        return _type(arguments[0], component) + _bounds(list(arguments[1:]))
    if origin is Literal:
        return " | ".join(written(a) for a in arguments)
    if origin in (tuple, list):
        return f"list[{_type(arguments[0], component)}]"
    if annotation in _NAMES:
        return _NAMES[annotation]
    return f"{component} component" if component else "value"


def _bounds(metadata: list[Any]) -> str:
    """Constraints such as ` >= 1`, as pydantic keeps them."""
    found = [
        f"{sign} {written(getattr(m, name))}" for m in metadata for name, sign in _BOUNDS.items() if hasattr(m, name)
    ]
    return " " + ", ".join(found) if found else ""
