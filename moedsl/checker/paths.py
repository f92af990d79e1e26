"""Assignments: `top_k = 2`, `momentum = none`, `moe.router.top_k = 2`, `decoder.layers.3.ffn.d_ff = 512`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from moedsl.checker import hir
from moedsl.checker.components import Component, Part
from moedsl.checker.draft import Draft, Entry, Key, Place, Rank, Relation
from moedsl.checker.hir import POISON
from moedsl.checker.scope import Scope
from moedsl.checker.stack_draft import AtPlan, LayersPlan, StackDraft
from moedsl.checker.values import Bare, Call, Given, what
from moedsl.ir.sourcemap import How
from moedsl.names import did_you_mean
from moedsl.ops.blocks._slots import Slot
from moedsl.syntax import ast

if TYPE_CHECKING:
    from moedsl.checker.evaluation import Evaluation


@dataclass(slots=True, kw_only=True, eq=False)
class Paths:
    """Applies assignments."""

    ev: Evaluation

    def assign(self, draft: Draft, node: ast.Assign, scope: Scope, place: Place) -> None:
        """Apply an assignment to the block that it stands in."""
        path: Sequence[ast.Name] = list(node.path)
        while draft.slots is not None:
            if isinstance(draft, StackDraft) and path[0].text == "layers" and len(path) > 1:
                self._layer(draft, node, path[1:], scope, place)
                return
            keys, used = _named(draft, path)
            if used == len(path) and (keys or used == 1):
                self._set(draft, node, path[-1], keys, scope, place)
                return
            if not keys:
                self._lost(draft, node, path, place)
                return
            draft, path = draft.children[keys[0]], path[used:]
        if len(path) > 1:
            self._component_field(draft, node, path, scope, place)
        else:
            self._set(draft, node, path[0], [], scope, place)

    def _lost(self, draft: Draft, node: ast.Assign, path: Sequence[ast.Name], place: Place) -> None:
        """The block has nothing of that name; whether that is a mistake depends on the other layers."""
        name, known = path[0].text, [*(draft.slots or {}), *(c.name for c in draft.children.values() if c.name)]
        if draft.poisoned:
            self.ev.attempts.succeed(node)
            return
        removed, where = next((r for key, r in draft.removed.items() if key[0] == name), (None, None))
        if removed is not None and place.relation(removed) is Relation.RIVAL:
            self.ev.attempts.succeed(node)
            self.ev.settings.conflict(f"`{name}`", path[0].span, where)
            return
        there = sorted({key[0] for key in draft.children})
        code = "E0216" if name in known else "E0222"
        words = f"{draft.title} has no `{name}`" if name in known else f"`{draft.slot}` has no slot `{name}`"
        help = did_you_mean(name, known) if name not in known else None
        offer = "it has " + ", ".join(f"`{t}`" for t in there) if there else f"add one with `{name} … {{ … }}`"
        self.ev.attempts.fail(node, code, words, path[0].span, help=help or offer)

    def _layer(self, draft: StackDraft, node: ast.Assign, path: Sequence[ast.Name], scope: Scope, place: Place) -> None:
        """`layers.3.…` is an `at 3` with the rest of the path."""
        self.ev.attempts.succeed(node)
        number, rest = path[0], tuple(path[1:])
        if not rest:
            self.ev.report.add("E0216", "this names a layer and no field of it", number.span, help="add `.FIELD`")
            return
        body = ast.Body(statements=(replace(node, path=rest),), span=node.span)
        at = ast.At(selectors=(_selector(number),), body=body, span=node.span)
        rank = Rank.AT if place.how != "set" else Rank.SET
        draft.ats.append(AtPlan(node=at, scope=scope, place=place.inside(rank, at, how=_how(place))))

    # ---- the end

    def _set(self, draft: Draft, node: ast.Assign, name: ast.Name, keys: list[Key], scope: Scope, place: Place) -> None:
        if isinstance(draft, StackDraft) and name.text == "layers":
            self._layers(draft, node, name, scope, place)
            return
        slot = None if draft.slots is None else draft.slots.get(name.text)
        value, origins = self.ev.expressions.traced(node.value, scope)
        if slot is None and not keys:
            self.ev.attempts.succeed(node)
            given = Given(name=None, value=value, span=node.value.span, name_span=name.span, origins=origins)
            self.ev.settings.write(draft, name, given, place)
        elif value is None:
            self._remove(draft, node, name, keys, place)
        elif value is POISON:
            draft.poisoned = True
        else:
            self._fill(draft, node, name, slot, value, place)

    def _layers(self, draft: StackDraft, node: ast.Assign, name: ast.Name, scope: Scope, place: Place) -> None:
        earlier = draft.layers
        may = self.ev.settings.may_override
        if earlier is not None and not may(earlier.place, place, "`layers`", name.span, earlier.name_span):
            return
        draft.layers = LayersPlan(expression=node.value, scope=scope, place=place, name_span=name.span)

    def _remove(self, draft: Draft, node: ast.Assign, name: ast.Name, keys: list[Key], place: Place) -> None:
        """`slot = none`."""
        if not keys and any(key[0] == name.text for key in draft.removed):
            self.ev.attempts.succeed(node)
            return
        if not keys:
            words = f"there is no `{name.text}` to remove from {draft.title}"
            self.ev.attempts.fail(node, "W0204", words, name.span, help="remove this line")
            draft.removed.setdefault((name.text, ""), (place, name.span))
            return
        self.ev.attempts.succeed(node)
        for key in keys:
            if self.ev.settings.stand_aside(draft.children[key], place, name.span):
                del draft.children[key]
                draft.removed[key] = (place, name.span)

    def _fill(
        self, draft: Draft, node: ast.Assign, name: ast.Name, slot: Slot | None, value: object, place: Place
    ) -> None:
        """`router = topk { … }`: the same as the block statement."""
        if slot is None or slot.kind == "block" or not isinstance(value, Bare | Call):
            wanted = "`none`" if slot is None or slot.kind == "block" else f"a {slot.kind} or `none`"
            self.ev.report.add(
                "E0301",
                f"`{name.text}` takes {wanted}, not {what(value)}",
                node.value.span,
                help=f"write a block: `{name.text} … {{ … }}`",
            )
            draft.poisoned = True
            return
        parts = (Part(scope=value.scope, call=value),) if isinstance(value, Call) else ()
        component = Component(path=value.path, span=value.span, keyword_span=value.span, parts=parts)
        self.ev.blocks.put(draft, name, slot, component, place, body=None, scope=value.scope)

    def _component_field(
        self, draft: Draft, node: ast.Assign, path: Sequence[ast.Name], scope: Scope, place: Place
    ) -> None:
        """`router.init.std = 0.1`: one field of a component that is itself a field's value."""
        entry = draft.entries.get(path[0].text)
        component = entry.setting.value if entry else None
        if entry is None or not isinstance(component, hir.Component | hir.Symbol):
            words = f"{draft.title} sets no component `{path[0].text}`"
            help = f"write `{path[0].text} = KEYWORD(…)` first"
            if path[0].text == draft.keyword:
                help = f"leave `{draft.keyword}` out: `{draft.slot}` alone means it"
            self.ev.attempts.fail(node, "E0216", words, path[0].span, help=help)
            return
        self.ev.attempts.succeed(node)
        inner = Draft(slot="", span=path[0].span, place=place, op=None)
        if isinstance(component, hir.Component):
            unchanged = {n: Entry(setting=s, place=entry.place) for n, s in component.settings.items()}
            inner.entries = {**unchanged, **entry.fields}
        self.assign(inner, replace(node, path=tuple(path[1:])), scope, place)
        keyword = component.keyword if isinstance(component, hir.Component) else component.text
        changed = hir.Component(
            keyword=keyword,
            settings={n: e.setting for n, e in inner.entries.items()},
            arguments=component.arguments if isinstance(component, hir.Component) else (),
            span=component.span,
        )
        entry.setting = replace(entry.setting, value=changed)
        entry.fields = inner.entries
        entry.weight += sum(e.weight for e in inner.entries.values())


def _named(draft: Draft, path: Sequence[ast.Name]) -> tuple[list[Key], int]:
    """The children that the first part of a path means, and how many parts of it that took.

    A slot that takes many needs its keyword or name too, unless the path ends there: `loss.load_balance.weight`.
    """
    name, slots = path[0].text, draft.slots or {}
    if name not in slots:
        keys = [key for key, child in draft.children.items() if child.name == name]
        return keys, 1 if keys or len(path) == 1 else 0
    if not slots[name].many or len(path) == 1:
        keys = draft.in_slot(name)
        return keys, 1
    key = (name, path[1].text)
    return ([key] if key in draft.children else []), 2


def _selector(name: ast.Name) -> ast.Value:
    """A layer's number, `*` or a template's name as a selector."""
    if name.text == "*":
        name = ast.Name(text="all", span=name.span)
    digits = name.text.removeprefix("-")
    if not digits.isascii() or not digits.isdecimal():
        return ast.Reference(path=(name,), span=name.span)
    number = ast.Number(text=digits, span=name.span)
    return number if digits == name.text else ast.Unary(operator="-", operand=number, span=name.span)


def _how(place: Place) -> How:
    return "set" if place.how == "set" else "at"
