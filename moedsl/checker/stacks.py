"""Stacks: from `layers = [sparse, dense] * 6` and `at` to one block for each layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from moedsl.checker import hir
from moedsl.checker.attempts import Attempts
from moedsl.checker.draft import Draft
from moedsl.checker.hir import POISON, lenient
from moedsl.checker.limits import MAX_LAYERS
from moedsl.checker.scope import Scope
from moedsl.checker.selectors import Selectors
from moedsl.checker.slots import block_op
from moedsl.checker.stack_draft import AtPlan, LayersPlan, StackDraft, TemplateDraft
from moedsl.checker.templates import LayerTemplate
from moedsl.checker.values import Bare, Call, Items, show, what
from moedsl.diagnostics import Report

if TYPE_CHECKING:
    from moedsl.checker.evaluation import Evaluation


_ABOUT_WHAT_IS_THERE = frozenset({"E0216", "E0320"})
"""Codes of findings that another layer would not have: nothing to change is there, or no keyword to keep."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One layer of the pattern."""

    name: str
    template: LayerTemplate | None
    """None where there is no template of this name, which is reported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Override:
    """An `at` with the layers it selects."""

    plan: AtPlan
    scope: Scope


@dataclass(slots=True, kw_only=True, eq=False)
class Stacks:
    """Makes the layers of stacks."""

    ev: Evaluation

    def finish(self, stack: StackDraft, model: TemplateDraft) -> hir.Block:
        """The stack's block, with its layers as children."""
        rows = self._rows(stack, model)
        if rows is None:
            spare = (*(self._rehearse_at(plan) for plan in stack.ats), *self.rehearse(stack))
            return replace(stack.finish(), poisoned=True, spare=spare)
        overrides, lost = self._overrides(stack, rows)
        made: dict[tuple[int, ...], hir.Block] = {}
        layers = []
        for row, own in zip(rows, overrides, strict=True):
            if row.template is None:
                continue
            key = (id(row.template), *map(id, own))
            if key not in made:
                made[key] = self._layer(row.template, own)
            layers.append(made[key])
        spare = (*map(self._rehearse_at, lost), *self.rehearse(stack))
        poisoned = stack.poisoned or any(row.template is None for row in rows)
        return replace(stack.finish(), children=tuple(layers), poisoned=poisoned, spare=spare)

    # ---- layers that no model has

    def rehearse(self, owner: TemplateDraft) -> tuple[hir.Block, ...]:
        """Each template that no layer uses, made once, so that its mistakes show."""
        unused = [texts for name, texts in owner.templates.items() if name not in owner.used]
        return tuple(lenient(self._layer(self.ev.templates.layer_of(texts), ())) for texts in unused)

    def _rehearse_at(self, plan: AtPlan) -> hir.Block:
        """What an `at` says that finds no layer, on a layer of its own; that this one is empty is no mistake."""
        report, attempts = self.ev.report, self.ev.attempts
        self.ev.report, self.ev.attempts = Report(), Attempts()
        draft = Draft(slot="layer", span=plan.node.span, place=plan.place, op=block_op("layer"), poisoned=True)
        try:
            self.ev.bodies.apply(draft, plan.node.body, self.ev.bodies.open(plan.node.body, plan.scope), plan.place)
        finally:
            found, self.ev.report, self.ev.attempts = self.ev.report, report, attempts
            for diagnostic in found:
                if diagnostic.code not in _ABOUT_WHAT_IS_THERE:
                    report.keep(diagnostic)
        return lenient(draft.finish())

    # ---- which layers

    def _rows(self, stack: StackDraft, model: TemplateDraft) -> list[_Row] | None:
        """The layers in order; none where even their number is unknown, and reported."""
        plan = stack.layers
        if plan is None:
            if not (stack.poisoned or model.poisoned):
                span = stack.keyword_span or stack.span
                help = "write `layers = [NAME, …] * N` with the names of layer templates"
                self.ev.report.add("E0217", f"{stack.title} does not say which layers it has", span, help=help)
            return None
        items = self._items(stack, plan)
        if items is None:
            return None
        known: dict[int, LayerTemplate | None] = {}
        for item in items:
            if id(item) not in known:
                known[id(item)] = self.ev.templates.layer(item, plan, stack, model)
        return [_Row(name=item.path[-1], template=known[id(item)]) for item in items]

    def _items(self, stack: StackDraft, plan: LayersPlan) -> list[Bare | Call] | None:
        value = self.ev.expressions.value(plan.expression, plan.scope)
        if value is POISON:
            return None
        report, span = self.ev.report, plan.expression.span
        if not isinstance(value, Items):
            words = f"`layers` takes a list of layer templates, not {what(value)}"
            report.add("E0301", words, span, help="write `[NAME, …]`")
            return None
        items = [item for item in value if isinstance(item, Bare | Call)]
        if len(items) < len(value):
            other = next(item for item in value if not isinstance(item, Bare | Call))
            words = f"`layers` lists layer templates, not `{show(other)}`"
            report.add("E0301", words, span, help="write names of layer templates only")
            return None
        if len(items) > MAX_LAYERS:
            words = f"{stack.title} would have {len(items):,} layers, and {MAX_LAYERS:,} is the most"
            report.add("E0308", words, span, help="make the stack shorter")
            return None
        if not items:
            report.add("E0217", f"{stack.title} has no layers", span, help="list at least one layer template")
            return None
        self.ev.budget.spend(span, len(items))
        return items

    # ---- what is changed in which

    def _overrides(self, stack: StackDraft, rows: Sequence[_Row]) -> tuple[list[list[_Override]], list[AtPlan]]:
        """For each layer the `at`s that select it, in the order in which they apply; and those that find none."""
        selectors = Selectors(ev=self.ev, stack=stack, names=[row.name for row in rows])
        overrides: list[list[_Override]] = [[] for _ in rows]
        lost = []
        for plan in stack.ats:
            chosen = selectors.select(plan)
            if all(rows[index].template is None for index in chosen):
                lost.append(plan)
                continue
            override = _Override(plan=plan, scope=self.ev.bodies.open(plan.node.body, plan.scope))
            for index in chosen:
                overrides[index].append(override)
        return overrides, lost

    def _layer(self, template: LayerTemplate, overrides: Sequence[_Override]) -> hir.Block:
        node, bodies = template.node, self.ev.bodies
        place = template.texts[0].place
        draft = Draft(slot="layer", span=node.slot.span, place=place, op=block_op("layer"), name=template.name)
        draft.keyword_span, draft.doc = node.head[-1].span, node.doc or ""
        for text in template.texts:
            bodies.apply(draft, text.body, text.scope, text.place)
        for override in overrides:
            bodies.apply(draft, override.plan.node.body, override.scope, override.plan.place)
        return draft.finish()
