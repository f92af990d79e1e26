"""`moedsl explain`: a diagnostic's page, or what a component, field or kind is."""

from __future__ import annotations

import dataclasses
import textwrap
from typing import TYPE_CHECKING, Any

import click

from moedsl.cli._exit import EPILOG
from moedsl.cli._text import columns, format_option, print_json
from moedsl.names import closest

if TYPE_CHECKING:
    from moedsl.ops.base import Op
    from moedsl.ops.blocks._slots import Slot
    from moedsl.ops.describe import FieldInfo

Explanation = tuple[str, dict[str, Any]]
"""As text for a person, and as data."""


@click.command(epilog=EPILOG, short_help="Explain a code, a component, a field or a kind.")
@click.argument("what", nargs=-1, required=True)
@format_option
def command(what: tuple[str, ...], form: str) -> None:
    """Explain WHAT: a diagnostic's code or slug, a component, one of its fields, or a kind.

    \b
    moedsl explain E0601
    moedsl explain top-k-exceeds-experts
    moedsl explain router.topk
    moedsl explain router.topk.renormalize
    moedsl explain stack
    """  # noqa: D301
    name = ".".join(what)
    found = _code(name) or _component(name)
    if found is None:
        raise click.UsageError(_unknown(name))
    text, data = found
    if form == "json":
        print_json({"schema": "moedsl.explain/1", **data})
    else:
        click.echo(text)


def _code(name: str) -> Explanation | None:
    from moedsl.codes import all_codes, page, slug

    code = name.upper()
    if code not in all_codes():
        code = next((c for c in all_codes() if slug(c) == name.lower()), "")
    if not code:
        return None
    found = page(code)
    data: dict[str, Any] = {"code": code, "slug": found.slug, "title": found.title, "text": found.text}
    data |= {"bad": found.bad, "good": found.good}
    parts = [f"{code} {found.slug}", found.title, *map(_wrapped, found.text.split("\n\n"))]
    parts += [f"{word}:\n{textwrap.indent(example, '    ')}" for word, example in _examples(found.bad, found.good)]
    return "\n\n".join(part.strip("\n") for part in parts), data


def _wrapped(paragraph: str) -> str:
    """A paragraph at a width for reading; lists and code keep their lines."""
    is_prose = not paragraph.startswith(("-", "*", " ", "`", "|"))
    return textwrap.fill(paragraph, 100, break_long_words=False) if is_prose else paragraph


def _examples(bad: str | None, good: str | None) -> list[tuple[str, str]]:
    return [(word, example) for word, example in (("Bad", bad), ("Good", good)) if example]


def _component(name: str) -> Explanation | None:
    """A kind, an op, a block or one of their fields, by its dotted name; the kind may be left out where it is clear."""
    from moedsl.ops import registry
    from moedsl.ops.kinds import KINDS

    first, _, rest = name.partition(".")
    if first in KINDS and not rest:
        return _kind(first)
    kinds = [first] if first in KINDS else [k for k in KINDS if first in registry.keywords(k)]
    keyword, _, field = rest.partition(".") if first in KINDS else (first, "", rest)
    if len(kinds) != 1:
        return None
    op = registry.find(kinds[0], keyword)
    return None if op is None else _op(op, field)


def _kind(name: str) -> Explanation:
    from moedsl.ops import registry
    from moedsl.ops.describe import summary
    from moedsl.ops.kinds import KINDS

    kind = KINDS[name]
    ops = [op for keyword in registry.keywords(name) if (op := registry.find(name, keyword)) is not None]
    lines = [f"{name}: {kind.summary}", "", f"takes    {kind.takes}", f"returns  {kind.returns}", ""]
    lines += columns([(op.keyword, summary(op)) for op in ops], indent=2) if ops else []
    data = {"kind": name, "summary": kind.summary, "takes": kind.takes, "returns": kind.returns}
    return "\n".join(lines), {**data, "components": [op.keyword for op in ops]}


def _op(op: type[Op], field: str) -> Explanation | None:
    from moedsl.ops import describe

    infos = describe.fields(op)
    if field:
        chosen = next((f for f in infos if f.name == field), None)
        return None if chosen is None else (_field_page(op, chosen), dataclasses.asdict(chosen))
    title = op.keyword if op.kind == "block" else f"{op.kind} {op.keyword}"
    lines = [f"{title}: {describe.summary(op)}", "", describe.details(op).rstrip(), ""]
    lines += _slots(op)
    if infos:
        rows = [(f.name, f.type, "required" if f.default is None else f"= {f.default}", f.effect) for f in infos]
        lines += ["Fields (name, type, default, what an edit can change):", *columns(rows, indent=2), ""]
        lines += columns([(f.name, f.description) for f in infos], indent=2)
    data = {"kind": op.kind, "keyword": op.keyword, "summary": describe.summary(op), "details": describe.details(op)}
    return "\n".join(lines).rstrip(), {**data, "paper": op.paper, "fields": [dataclasses.asdict(f) for f in infos]}


def _slots(op: type[Op]) -> list[str]:
    slots: dict[str, Slot] = getattr(op, "slots", {})
    if not slots:
        return []
    rows = [(name, slot.kind, _often(slot)) for name, slot in slots.items()]
    return ["Slots:", *columns(rows, indent=2), ""]


def _often(slot: Slot) -> str:
    words = ["required"] if slot.required else []
    words += ["as many as you like"] if slot.many else []
    words += [f"`{slot.default}` when it is not written"] if slot.default else []
    return ", ".join(words)


def _field_page(op: type[Op], field: FieldInfo) -> str:
    value = "required" if field.default is None else f"default {field.default}"
    inherited = "\nTakes the enclosing block's value when it is not written." if field.inherits else ""
    return (
        f"{field.name}: {field.type}, {value}, in {op.kind} {op.keyword}\n\n{field.description}\n"
        f"An edit can change: {field.effect}.{inherited}"
    )


def _unknown(name: str) -> str:
    """One line that offers the closest of everything that can be explained."""
    from moedsl.codes import all_codes, slug
    from moedsl.ops import describe, registry
    from moedsl.ops.kinds import KINDS

    ops = list(registry.load_all())
    known = [*all_codes(), *map(slug, all_codes()), *KINDS]
    known += [name for op in ops for name in (op.keyword, f"{op.kind}.{op.keyword}")]
    known += [f"{op.kind}.{op.keyword}.{f.name}" for op in ops for f in describe.fields(op)]
    best = closest(name, known)
    offer = f"did you mean `{best}`?" if best else "`moedsl list codes` and `moedsl list` show what there is"
    return f"there is nothing called `{name}` to explain: {offer}"
