"""Words for what a field refuses: the value, what was wanted, and the way out. No type of Python's reaches a user."""

from __future__ import annotations

from typing import get_args

from pydantic_core import ErrorDetails

from moedsl.checker import hir
from moedsl.names import did_you_mean
from moedsl.ops.base import Op


def owner(cls: type[Op]) -> str:
    """How messages call an op: `router topk`; a block by its name alone."""
    return f"`{cls.keyword}`" if cls.kind == "block" else f"`{cls.kind} {cls.keyword}`"


def description(cls: type[Op], name: str) -> str:
    """What a field is for, ready to follow a colon."""
    text = (cls.model_fields[name].description or "").rstrip(".")
    return text[:1].lower() + text[1:]


_WANTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "`true` or `false`",
    "string_type": "a text in quotes",
    "tuple_type": "a list",
    "list_type": "a list",
    "is_instance_of": "another kind of value",
    "model_type": "a component such as `normal(std = 0.02)`",
}
_BOUNDS = {
    "greater_than_equal": ("ge", "at least"),
    "greater_than": ("gt", "more than"),
    "less_than_equal": ("le", "at most"),
    "less_than": ("lt", "less than"),
}


def explain(cls: type[Op], name: str, value: object, error: ErrorDetails) -> tuple[str, str, str | None]:
    """Code, message and help for one refusal."""
    shown, what, context = show(value), f"`{name}` of {owner(cls)}", error.get("ctx", {})
    if error["type"] in _BOUNDS:
        bound, words = _BOUNDS[error["type"]]
        return (
            "E0323",
            f"{what} must be {words} {show(context[bound])}, not {shown}",
            f"write a value {words} {show(context[bound])}",
        )
    if error["type"] == "literal_error":
        known = choices(cls, name)
        offer = did_you_mean(str(getattr(value, "text", value)), known)
        return "E0324", f"{what} is one of {_either(known)}, not {shown}", offer
    if error["type"] == "finite_number":
        return "E0323", f"{what} must be a finite number, not {shown}", "write a finite number"
    if isinstance(value, hir.Symbol):
        offer = did_you_mean(value.text, value.scope)
        return "E0201", f"`{value.text}` is not defined", offer or f"{name} takes {_wanted(cls, name, error)}"
    if isinstance(value, hir.Bytes):
        return (
            "E0325",
            f"{what} takes {_wanted(cls, name, error)}, not a number of bytes",
            "write the number without a byte unit",
        )
    return "E0325", f"{what} takes {_wanted(cls, name, error)}, not {shown}", _instruction(cls, name, error)


def _instruction(cls: type[Op], name: str, error: ErrorDetails) -> str:
    about = description(cls, name)
    return f"write {_wanted(cls, name, error)}" + (f": {about}" if about else "")


def _wanted(cls: type[Op], name: str, error: ErrorDetails) -> str:
    known = choices(cls, name)
    if known:
        return "one of " + _either(known)
    return _WANTED.get(error["type"], "another kind of value")


def choices(cls: type[Op], name: str) -> tuple[str, ...]:
    """The bare names that a field takes; `none` among them is a name like any other."""
    annotation = cls.model_fields[name].annotation
    flat = [a for part in (annotation, *get_args(annotation)) for a in get_args(part)]
    return tuple(dict.fromkeys(a for a in flat if isinstance(a, str)))


def _either(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{c}`" for c in names)


def show(value: object) -> str:
    """A value as a user would write it, in backquotes."""
    return f"`{plain(value)}`"


def plain(value: object) -> str:
    """A value as a user would write it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "none"
    if isinstance(value, hir.Symbol):
        return value.text
    if isinstance(value, hir.Component):
        return f"{value.keyword}(…)"
    if isinstance(value, hir.Bytes):
        return f"{value.value} bytes"
    if isinstance(value, hir.Range):
        return f"{value.start}..{value.stop}"
    if isinstance(value, tuple):
        return "[" + ", ".join(plain(v) for v in value) + "]"
    if isinstance(value, str):
        return f'"{value}"'
    return f"{value:g}" if isinstance(value, float) else str(value)
