"""Templates: `layer sparse(k: int = 1) { … }` and `moe big { … }`, from a name to the bodies to apply."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from moedsl.checker import naming
from moedsl.checker.components import Part
from moedsl.checker.draft import Place, Rank
from moedsl.checker.limits import MAX_DEPTH
from moedsl.checker.scope import Scope, Template
from moedsl.checker.stack_draft import LayersPlan, StackDraft, TemplateDraft, TemplateText
from moedsl.checker.values import Bare, Call, Given
from moedsl.ir.sourcemap import How
from moedsl.names import did_you_mean
from moedsl.source import Span
from moedsl.syntax import ast

if TYPE_CHECKING:
    from moedsl.checker.evaluation import Evaluation

_BENEATH = (Rank.MODEL, -1, None)
"""A template at the top of a file lies under all models."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerText:
    """One body of a layer, its names in scope."""

    body: ast.Body | None
    scope: Scope
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerTemplate:
    """A template with its arguments: what to apply, in order."""

    node: ast.Block
    name: str
    texts: tuple[LayerText, ...]


@dataclass(slots=True, kw_only=True, eq=False)
class Templates:
    """Resolves templates."""

    ev: Evaluation

    def parts(self, template: Template, given: tuple[Given, ...], span: Span | None) -> tuple[Part, ...]:
        """The bodies of a template at the top of a file, those that it extends first."""
        parts: list[Part] = []
        seen: list[Template] = []
        current: Template | None = template
        while current is not None:
            if current in seen or len(seen) >= MAX_DEPTH:
                names, is_cycle = [t.node.head[-1].text for t in (*seen, current)], current in seen
                naming.report_chain(self.ev.report, "templates", names, template.span, is_cycle=is_cycle)
                break
            seen.append(current)
            current.is_used = True
            scope = self._bound(current.node, given, current.scope, span)
            parts.append(Part(scope=scope, body=current.node.body))
            extends = current.node.extends
            current = self._template(extends, scope, template.node.slot.text) if extends else None
            given = self.ev.expressions.arguments(extends.call or (), scope) if extends and current else ()
            span = extends.span if extends else span
        return tuple(reversed(parts))

    def layer(
        self, item: Bare | Call, plan: LayersPlan, stack: StackDraft, model: TemplateDraft
    ) -> LayerTemplate | None:
        """The template that an item of `layers` names, or none where it names none; reported."""
        given = item.arguments if isinstance(item, Call) else ()
        own = self._own(item.path[0], stack, model) if len(item.path) == 1 else []
        named, rest = item.scope.resolve(item.path)
        top = named if isinstance(named, Template) and not rest and named.node.slot.text == "layer" else None
        if not any(_level(text.place) <= _level(plan.place) for text in own) and top is not None:
            first = self._top_texts(top, given, item.span)
            return LayerTemplate(
                node=top.node, name=top.node.head[0].text, texts=(*first, *self._texts(own, (), item.span))
            )
        if not own:
            self._report_unknown(item, stack, model)
            return None
        return self.layer_of(own, given, item.span)

    def layer_of(
        self, own: Sequence[TemplateText], given: tuple[Given, ...] = (), span: Span | None = None
    ) -> LayerTemplate:
        """The template that these texts in a model make; without a call, parameters that lack a value are silent."""
        node = own[0].node
        return LayerTemplate(node=node, name=node.head[0].text, texts=self._texts(own, given, span))

    def _own(self, name: str, stack: StackDraft, model: TemplateDraft) -> Sequence[TemplateText]:
        """What the stack, else the model, says about a template of this name."""
        owner = stack if name in stack.templates else model
        owner.used.add(name)
        return owner.templates.get(name, ())

    def _top_texts(self, top: Template, given: tuple[Given, ...], span: Span) -> tuple[LayerText, ...]:
        return tuple(
            self._text(part.body, part.scope, Place(_how(part.scope), (_BENEATH, (Rank.DECLARED, number, None))))
            for number, part in enumerate(self.parts(top, given, span))
        )

    def _texts(self, own: Sequence[TemplateText], given: tuple[Given, ...], span: Span | None) -> tuple[LayerText, ...]:
        """The bodies in a model; arguments go to the first, which declares the template."""
        texts: list[LayerText] = []
        for index, text in enumerate(own):
            scope = self._bound(text.node, given if not index else (), text.scope, span)
            extends = text.node.extends
            base = self._template(extends, scope, "layer") if extends else None
            if extends is not None and base is not None:
                texts += self._top_texts(base, self.ev.expressions.arguments(extends.call or (), scope), extends.span)
            texts.append(self._text(text.node.body, scope, text.place))
        return tuple(texts)

    def _text(self, body: ast.Body | None, scope: Scope, place: Place) -> LayerText:
        return LayerText(body=body, scope=self.ev.bodies.open(body, scope), place=place)

    def _bound(self, node: ast.Block, given: tuple[Given, ...], scope: Scope, span: Span | None) -> Scope:
        """A scope with the template's parameters."""
        inner = scope.child()
        owner = f"`{node.slot.text} {node.head[-1].text}`"
        self.ev.variables.bind(declared_params(node), given, inner, owner=owner, span=span)
        self.ev.variables.check_conditions(inner)
        return inner

    def _template(self, reference: ast.Reference, scope: Scope, word: str) -> Template | None:
        named, rest = scope.resolve([n.text for n in reference.path])
        if isinstance(named, Template) and not rest and named.node.slot.text == word:
            return named
        self._report_no_template(reference.path, scope, word)
        return None

    # ---- words

    def _report_no_template(self, path: Sequence[ast.Name], scope: Scope, word: str) -> None:
        if len(path) > 1 and scope.resolve([n.text for n in path])[0] is None:
            naming.report_unknown_path(self.ev.report, path, scope)
            return
        known = [n for n, v in scope.all_names().items() if isinstance(v, Template) and v.node.slot.text == word]
        name = ".".join(n.text for n in path)
        self.ev.report.add(
            "E0208",
            f"there is no {word} template `{name}` at the top of this file or of an imported one",
            path[0].span.to(path[-1].span),
            help=did_you_mean(path[-1].text, known) or "move the template out of the model to extend it",
        )

    def _report_unknown(self, item: Bare | Call, stack: StackDraft, model: TemplateDraft) -> None:
        if item.scope.is_unsure() or stack.poisoned or model.poisoned:
            return
        top = [n for n, v in item.scope.all_names().items() if isinstance(v, Template) and v.node.slot.text == "layer"]
        known = [*stack.templates, *model.templates, *top]
        self.ev.report.add(
            "E0208",
            f"there is no layer template `{item.text}`",
            item.span,
            help=did_you_mean(item.text, known) or f"declare it with `layer {item.path[-1]} {{ … }}`",
            fixes=naming.fixes(item.text, known, item.span),
        )


def declared_params(node: ast.Block) -> list[ast.Param]:
    """The parameters of a model, recipe or template: between its parentheses, and by `param` in its body."""
    untyped = [
        ast.Param(name=a.name, type=None, default=a.value, where=None, span=a.span)
        for a in node.arguments or ()
        if a.name is not None
    ]
    statements = node.body.statements if node.body else ()
    return [*node.parameters, *untyped, *(s for s in statements if isinstance(s, ast.Param))]


def _level(place: Place) -> int:
    return place.path[0][1] if place.path else -1


def _how(scope: Scope) -> How:
    return "preset" if scope.is_preset else "written"
