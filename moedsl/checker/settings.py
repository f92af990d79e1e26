"""Settings written into a block: their history, and what happens when two statements give the same one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from moedsl.checker import hir, naming
from moedsl.checker.draft import Draft, Entry, Place, Relation, with_history
from moedsl.checker.hir import POISON
from moedsl.checker.limits import MAX_INT
from moedsl.checker.values import Given, depth, note, settle, weight
from moedsl.diagnostics import Label
from moedsl.ir.sourcemap import Origin
from moedsl.source import Span
from moedsl.syntax import ast

if TYPE_CHECKING:
    from moedsl.checker.evaluation import Evaluation


@dataclass(slots=True, kw_only=True, eq=False)
class Settings:
    """Writes settings."""

    ev: Evaluation

    def write(self, draft: Draft, name: ast.Name, given: Given, place: Place) -> None:
        """Set a field to a value, over an earlier one if there is one."""
        value = settle(given.value, self.ev.budget)
        if _is_too_large(value):
            words = f"`{name.text}` is too large: whole numbers go up to {MAX_INT}"
            self.ev.report.add("E0307", words, given.span, help="write a smaller number")
            value = POISON
        origins = (*given.origins, Origin(how=place.how, value=value, span=given.span))
        setting = hir.Setting(
            value=value, span=given.span, name_span=name.span, origins=origins, note=note(given.value)
        )
        entry = Entry(setting=setting, place=place, weight=weight(given.value), depth=depth(given.value))
        self.put(draft, name.text, entry)

    def put(self, draft: Draft, name: str, entry: Entry) -> None:
        """Give a block a setting that is made already."""
        earlier = draft.entries.get(name)
        if earlier is not None:
            span, first = entry.setting.name_span, earlier.setting.name_span
            agree = POISON in (earlier.setting.value, entry.setting.value) or earlier.setting == entry.setting
            if not self.may_override(earlier.place, entry.place, f"`{name}`", span, first, agree=agree):
                return
            rival = next((s for p, s in earlier.places() if entry.place.relation(p) is Relation.RIVAL), None)
            if rival is not None and not agree:
                self.conflict(f"`{name}`", span, rival)
            entry.setting = with_history(entry.setting, earlier.setting)
        draft.entries[name] = entry

    def arguments(self, draft: Draft, given: Sequence[Given], place: Place) -> None:
        """Set the fields that a keyword's named arguments name; unnamed ones are for whoever reads components."""
        for one in given:
            if one.name is not None:
                self.write(draft, ast.Name(text=one.name, span=one.name_span), one, place)

    def may_override(
        self, earlier: Place, later: Place, words: str, span: Span, first: Span, *, agree: bool = False
    ) -> bool:
        """Whether a later statement overrides an earlier one; reported where it says it twice or contradicts it."""
        relation = later.relation(earlier)
        if relation is Relation.SAME:
            naming.report_twice(self.ev.report, "E0204", f"{words} is set", span, first)
        elif relation is Relation.RIVAL and not agree:
            self.conflict(words, span, first)
        return relation is Relation.DEEPER

    def conflict(self, words: str, span: Span, first: Span | None) -> None:
        """Two statements that are equally deep want different things of the same layer."""
        self.ev.report.add(
            "E0215",
            f"{words} is given in two ways that exclude each other",
            span,
            labels=(Label(span=first, text="the other one is here"),) if first else (),
            help="select other layers in one of them, or remove it",
        )

    def stand_aside(self, draft: Draft, place: Place, span: Span) -> bool:
        """Whether a block may be replaced or removed at this place; reported where equally deep text needs it."""
        for earlier, where in draft.places():
            relation = place.relation(earlier)
            if relation is Relation.SAME:
                naming.report_twice(self.ev.report, "E0204", f"{draft.title} is given", span, where)
                return False
            if relation is Relation.RIVAL:
                self.conflict(draft.title, span, where)
                return False
        return True


def _is_too_large(value: object) -> bool:
    if isinstance(value, tuple):
        return any(_is_too_large(v) for v in value)
    if isinstance(value, float):
        return abs(value) == float("inf")
    return isinstance(value, int) and abs(value) > MAX_INT
