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


def written(op: type[Op], name: str, value: object) -> str:
    """A field's value as a user would write it in a spec."""
    annotation = op.model_fields[name].annotation
    is_text = str in (annotation, *get_args(annotation))
    return f'"{_escaped(value)}"' if is_text and isinstance(value, str) else _plain(value)


def settings(op: Op) -> dict[str, str]:
    """Every field with its value as a user would write it."""
    return {name: written(type(op), name, getattr(op, name)) for name in type(op).model_fields}


def _plain(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(map(_plain, value)) + "]"
    if isinstance(value, Op):
        return f"{value.keyword}({', '.join(f'{name} = {text}' for name, text in settings(value).items())})"
    return str(value)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _field(op: type[Op], name: str) -> FieldInfo:
    info = op.model_fields[name]
    required = info.default is PydanticUndefined
    return FieldInfo(
        name=name,
        type=_type(info.annotation, component_of(op, name)) + _bounds(info.metadata),
        default=None if required else written(op, name, info.default),
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
        return " | ".join(map(_plain, arguments))
    if origin in (tuple, list):
        return f"list[{_type(arguments[0], component)}]"
    if annotation in _NAMES:
        return _NAMES[annotation]
    return f"{component} component" if component else "value"


def _bounds(metadata: list[Any]) -> str:
    """Constraints such as ` >= 1`, as pydantic keeps them."""
    flat = [part for m in metadata for part in getattr(m, "metadata", [m])]
    found = [f"{sign} {getattr(m, name)}" for m in flat for name, sign in _BOUNDS.items() if hasattr(m, name)]
    return " " + ", ".join(found) if found else ""
