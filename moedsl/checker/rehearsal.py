"""Declarations and templates that no model uses, applied once, so that their mistakes show in this file's check."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moedsl.checker import hir
from moedsl.checker.components import Part
from moedsl.checker.draft import Draft, Place
from moedsl.checker.scope import Declared, Scope, Template
from moedsl.checker.slots import block_op, kind_of_word, op_class

if TYPE_CHECKING:
    from moedsl.checker.evaluation import Evaluation

_PLACE = Place("written")


def rehearse(ev: Evaluation, scope: Scope) -> None:
    """Apply what was not used; parameters without default are taken for right."""
    for named in list(scope.names.values()):
        if isinstance(named, Declared) and not named.is_used:
            _component(ev, named)
        elif isinstance(named, Template) and not named.is_used:
            _template(ev, named)
    ev.attempts.conclude(ev.report)
    ev.counting.take()


def _component(ev: Evaluation, declared: Declared) -> None:
    node, kind = declared.node, kind_of_word(declared.node.slot.text)
    component = ev.components.resolve([node.name], (), declared.scope, kind=kind, is_rehearsal=True)
    if component is None or kind is None:
        return
    ev.blocks.check_keyword(kind, component, declared.scope)
    op = op_class(kind, component.keyword)
    draft = Draft(slot=node.slot.text, span=node.slot.span, place=_PLACE, op=op, keyword=component.keyword)
    draft.keyword_span = component.keyword_span
    ev.bodies.fill(draft, component.parts, None, declared.scope, _PLACE)
    ev.spare.append(hir.Spare(kind=kind, block=hir.lenient(draft.finish())))


def _template(ev: Evaluation, template: Template) -> None:
    node = template.node
    parts: tuple[Part, ...] = ev.templates.parts(template, (), None)
    word = node.slot.text
    draft = Draft(slot=word, span=node.slot.span, place=_PLACE, op=block_op(word), name=node.head[-1].text)
    ev.bodies.fill(draft, parts, None, template.scope, _PLACE)
    ev.spare.append(hir.Spare(kind="block", block=hir.lenient(draft.finish())))
