"""Stacks: from `layers = [sparse, dense] * 6` and `at` to one block for each layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from moedsl.checker import hir
from moedsl.checker.draft import Draft
from moedsl.checker.hir import POISON
from moedsl.checker.limits import MAX_LAYERS
from moedsl.checker.scope import Scope
from moedsl.checker.selectors import Selectors
from moedsl.checker.slots import block_op
from moedsl.checker.stack_draft import AtPlan, LayersPlan, StackDraft, TemplateDraft
from moedsl.checker.templates import LayerTemplate
from moedsl.checker.values import Bare, Call, Items, show, what

if TYPE_CHECKING:
    from moedsl.checker.evaluation import Evaluation


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
        templates = self._templates(stack, model)
        if templates is None:
            return replace(stack.finish(), poisoned=True)
        overrides = self._overrides(stack, templates)
        made: dict[tuple[int, ...], hir.Block] = {}
        layers = []
        for template, own in zip(templates, overrides, strict=True):
            key = (id(template), *map(id, own))
            if key not in made:
                made[key] = self._layer(template, own)
            layers.append(made[key])
        return replace(stack.finish(), children=tuple(layers))

    def rehearse(self, owner: TemplateDraft) -> None:
        """Make each template that no layer uses once, so that its mistakes show."""
        for name, texts in owner.templates.items():
            if name not in owner.used:
                self._layer(self.ev.templates.layer_of(texts), ())

    # ---- which layers

    def _templates(self, stack: StackDraft, model: TemplateDraft) -> list[LayerTemplate] | None:
        """The template of each layer, in order; none where that is unknown, and reported."""
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
        found = [known[id(item)] for item in items]
        return [t for t in found if t is not None] if all(t is not None for t in found) else None

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

    def _overrides(self, stack: StackDraft, templates: Sequence[LayerTemplate]) -> list[list[_Override]]:
        """For each layer the `at`s that select it, in the order in which they apply."""
        selectors = Selectors(ev=self.ev, stack=stack, names=[t.name for t in templates])
        overrides: list[list[_Override]] = [[] for _ in templates]
        for plan in stack.ats:
            scope = self.ev.bodies.open(plan.node.body, plan.scope)
            override = _Override(plan=plan, scope=scope)
            for index in selectors.select(plan):
                overrides[index].append(override)
        return overrides

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
