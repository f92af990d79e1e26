"""Parameters without `param` or without a type."""

from __future__ import annotations

from moedsl.syntax.mistakes.mend import Mend, lost, put_in
from moedsl.syntax.notes import safe, unsafe
from moedsl.syntax.place import Place
from moedsl.syntax.tokens import Token

TYPES = frozenset(["int", "float", "bool", "string", "dtype", "range", "list", "size", "count", "layer", "component"])


def parameter_without_word(place: Place) -> Mend | None:
    """`mu: float = 0.7` among statements, where `param` is missing."""
    name, type_ = place.back(), place.ahead()
    if place.token.kind != "COLON" or type_.kind != "NAME" or type_.text not in TYPES:
        return None
    if "EQUAL" not in place.expected or place.first != place.at - 1 or name.kind != "NAME":
        return None
    return Mend(
        code="E0122",
        message=f"`{name.text}` is declared as a parameter without `param`",
        span=place.span(name),
        help=f"write `param {name.text}: {type_.text}`",
        fixes=safe("write `param`", (place.source.span(name.start, name.start), "param ")),
        taken_back=len(place.machine.stack) - place.head - 1,
        start=place.at - 1,
        stop=place.at - 1,
        tokens=(put_in("PARAM", "param", name),),
    )


def parameter_without_type(place: Place) -> Mend | None:
    """`param mu = 0.7`."""
    name = place.back()
    if place.back(2).kind != "PARAM" or name.kind != "NAME" or "COLON" not in place.expected:
        return None
    if place.token.kind == "NAME" and not place.is_on_new_line:
        return None  # `param mu float` lacks no more than the colon
    kind = _type_of(place.ahead()) if place.token.kind == "EQUAL" else "int"
    end = place.source.span(name.end, name.end)
    return Mend(
        code="E0122",
        message=f"the parameter `{name.text}` has no type",
        span=place.span(name),
        help=f"write `{name.text}: {kind}`, or another type",
        fixes=unsafe(f"write `{name.text}: {kind}`", (end, f": {kind}")),
        start=place.at,
        stop=place.at,
        tokens=(put_in("COLON", ":", place.token), lost(place.token)),
    )


def _type_of(value: Token) -> str:
    kinds = {"STRING": "string", "TRUE": "bool", "FALSE": "bool", "LSQB": "list[int]"}
    return kinds.get(value.kind, "float" if "." in value.text or "e" in value.text else "int")
