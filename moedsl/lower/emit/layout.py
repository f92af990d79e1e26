"""Line breaking for the calls and literals that we write, in the manner of ruff."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

WIDTH = 120
INDENT = 4


class Group(NamedTuple):
    """Something in brackets: kept on one line where it fits, else broken inside the brackets."""

    head: str
    items: tuple[str | Group, ...]
    tail: str
    literal: bool = False
    """Lists and dicts put every item on a line of its own; calls first try one line for all."""


def call(function: str, *arguments: str | Group, **keywords: str | Group) -> Group:
    """A call, by itself or after `function` text such as `x = f`."""
    return Group(f"{function}(", (*arguments, *(named(f"{k}=", v) for k, v in keywords.items())), ")")


def table(entries: Mapping[str, str | Group]) -> Group:
    """A dict literal; keys are written as strings."""
    return Group("{", tuple(named(f"{quoted(k)}: ", v) for k, v in entries.items()), "}", literal=True)


def named(prefix: str, value: str | Group) -> str | Group:
    """A value behind `name=` or `"key": `."""
    return prefix + value if isinstance(value, str) else value._replace(head=prefix + value.head)


def quoted(value: object) -> str:
    """A plain value as Python text, strings in double quotes."""
    if isinstance(value, tuple):
        return f"({', '.join(map(quoted, value))}{',' if len(value) == 1 else ''})"
    if not isinstance(value, str):
        return repr(value)
    text = repr(value)
    return text if '"' in value else f'"{text[1:-1]}"'


def flat(part: str | Group) -> str:
    """The part on one line."""
    if isinstance(part, str):
        return part
    return part.head + ", ".join(map(flat, part.items)) + part.tail


def render(part: str | Group, indent: int = 0, *, after: str = "") -> str:
    """The part at this indentation, with what follows its last bracket."""
    margin, line = " " * indent, " " * indent + flat(part) + after
    if isinstance(part, str) or len(line) <= WIDTH or not part.items:
        return line
    inside = " " * (indent + INDENT) + ", ".join(map(flat, part.items))
    if part.literal or len(inside) > WIDTH:
        inside = "\n".join(render(item, indent + INDENT, after=",") for item in part.items)
    return f"{margin}{part.head}\n{inside}\n{margin}{part.tail}{after}"


def render_assignment(targets: tuple[str, ...], value: str | Group, indent: int) -> str:
    """`a, b = value`, the targets broken too where they alone fill the line."""
    left = ", ".join(targets) + " = "
    head = value if isinstance(value, str) else value.head
    if len(targets) == 1 or indent + len(left) + len(head) <= WIDTH:
        return render(named(left, value), indent)
    items = "".join(f"{' ' * (indent + INDENT)}{target},\n" for target in targets)
    return f"{' ' * indent}(\n{items}{render(named(') = ', value), indent)}"
