"""Models and recipes: the chain of `extends`, parameters, bodies from the base up, `--set` last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from moedsl.checker import hir, naming
from moedsl.checker.draft import Draft, Place, Rank
from moedsl.checker.limits import MAX_DEPTH
from moedsl.checker.scope import Definition, Named, Scope, Variable
from moedsl.checker.slots import block_op
from moedsl.checker.stack_draft import StackDraft, TemplateDraft
from moedsl.checker.templates import declared_params
from moedsl.checker.values import Given
from moedsl.ir.sourcemap import How
from moedsl.names import did_you_mean
from moedsl.source import Span
from moedsl.syntax import ast

if TYPE_CHECKING:
    from moedsl.checker.evaluation import Evaluation


@dataclass(frozen=True, slots=True, kw_only=True)
class _Link:
    """One model of a chain, its parameters bound."""

    definition: Definition
    scope: Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chain:
    """A model and those that it extends, the base first."""

    links: tuple[_Link, ...]
    is_complete: bool
    """Whether every parameter has a value."""
    is_broken: bool
    """Whether a base could not be found."""


@dataclass(slots=True, kw_only=True, eq=False)
class Models:
    """Evaluates models and recipes."""

    ev: Evaluation

    def model(
        self,
        definition: Definition,
        given: tuple[Given, ...],
        span: Span | None,
        *,
        overrides: Sequence[ast.Assign] = (),
    ) -> hir.Model | None:
        """A model with its arguments.

        Args:
            definition: Which one.
            given: Its arguments.
            span: The call; none where nobody calls, and a model that lacks values is only searched for errors.
            overrides: Assignments to apply last.

        Returns:
            The model, or none where a parameter has no value.
        """
        chain = self._chain(definition, given, span)
        draft = TemplateDraft(
            slot="model", span=definition.span, place=Place("written"), op=block_op("model"), name=definition.name
        )
        self._apply(draft, chain)
        self._override(draft, chain, overrides)
        block = self._finish(draft)
        self.ev.attempts.conclude(self.ev.report)
        assertions, moved = self.ev.counting.take()
        if not chain.is_complete:
            self.ev.spare.append(hir.Spare(kind="block", block=block))
            return None
        return hir.Model(
            name=definition.name,
            block=block,
            assertions=assertions,
            moved=moved,
            span=definition.span,
            doc=definition.node.doc or "",
        )

    def recipe(self, definition: Definition, *, overrides: Sequence[ast.Assign] = ()) -> hir.Recipe | None:
        """A recipe; its model is named and not read. The first part of an override's path is the recipe's name."""
        chain = self._chain(definition, (), None)
        draft = Draft(
            slot="recipe", span=definition.span, place=Place("written"), op=block_op("recipe"), name=definition.name
        )
        self._apply(draft, chain)
        self._override(draft, chain, [replace(o, path=o.path[1:]) for o in overrides])
        self.ev.attempts.conclude(self.ev.report)
        subjects = [self._subject(link) for link in chain.links]
        named = [s for s in subjects if s is not None]
        block = replace(draft.finish(), doc=definition.node.doc or "")
        if not chain.is_complete:
            self.ev.spare.append(hir.Spare(kind="block", block=block))
            return None
        return hir.Recipe(name=definition.name, model=named[-1] if named else None, block=block)

    # ---- chains

    def _chain(self, definition: Definition, given: tuple[Given, ...], span: Span | None) -> _Chain:
        links: list[_Link] = []
        complete = broken = True
        current: Definition | None = definition
        while current is not None:
            scope = current.scope.child()
            owner = f"`{current.node.slot.text} {current.name}`"
            bound = self.ev.variables.bind(declared_params(current.node), given, scope, owner=owner, span=span)
            complete = complete and bound
            if current.node.body is not None:
                self.ev.bodies.declare(current.node.body.statements, scope)
            self.ev.variables.check_conditions(scope)
            links.append(_Link(definition=current, scope=scope))
            extends = current.node.extends
            if extends is None:
                broken = False
                break
            current = self._base(extends, current, [k.definition for k in links])
            given, span = self.ev.expressions.arguments(extends.call or (), scope), extends.span
        links.reverse()
        _show_parameters(links)
        return _Chain(links=tuple(links), is_complete=complete, is_broken=broken)

    def _base(self, extends: ast.Reference, definition: Definition, chain: Sequence[Definition]) -> Definition | None:
        base = self.definition(extends, definition.scope, slot=definition.node.slot.text)
        if base is None or (base not in chain and len(chain) < MAX_DEPTH):
            return base
        names = [d.name for d in (*chain, base)]
        naming.report_chain(self.ev.report, "models or recipes", names, chain[0].span, is_cycle=base in chain)
        return None

    def definition(self, reference: ast.Reference, scope: Scope, *, slot: str) -> Definition | None:
        """The model or recipe that a reference names, or none where it names none; reported."""
        path = [n.text for n in reference.path]
        named, rest = scope.resolve(path)
        if isinstance(named, Definition) and not rest and not reference.member and named.node.slot.text == slot:
            return named
        if named is None and len(path) > 1:
            naming.report_unknown_path(self.ev.report, reference.path, scope)
            return None
        if scope.is_unsure() and named is None:
            return None
        known = [n for n, v in scope.all_names().items() if isinstance(v, Definition) and v.node.slot.text == slot]
        self.ev.report.add(
            "E0207",
            f"there is no {slot} `{'.'.join(path)}`",
            reference.span,
            help=did_you_mean(path[-1], known) or f"declare it, or import the file that declares the {slot}",
            fixes=naming.fixes(path[-1], known, reference.path[-1].span),
        )
        return None

    def _apply(self, draft: Draft, chain: _Chain) -> None:
        draft.poisoned = chain.is_broken
        for number, link in enumerate(chain.links):
            place = Place(_how(link, number)).inside(Rank.MODEL, None, number=number)
            self.ev.bodies.apply(draft, link.definition.node.body, link.scope, place)
        draft.doc = chain.links[-1].definition.node.doc or ""

    def _override(self, draft: Draft, chain: _Chain, overrides: Sequence[ast.Assign]) -> None:
        """`--set`; the last of several for one field wins."""
        place = Place("set").inside(Rank.MODEL, None, number=len(chain.links))
        for number, node in enumerate(overrides):
            scope = chain.links[-1].scope
            self.ev.paths.assign(draft, node, scope, place.inside(Rank.SET, None, number=number))

    def _finish(self, model: TemplateDraft) -> hir.Block:
        children = tuple(
            self.ev.stacks.finish(child, model) if isinstance(child, StackDraft) else child.finish()
            for child in model.children.values()
        )
        return replace(model.finish(), children=children, spare=self.ev.stacks.rehearse(model))

    def _subject(self, link: _Link) -> str | None:
        """The model that a recipe says it is for."""
        subject = link.definition.node.subject
        if subject is None:
            return None
        found = self.definition(subject, link.definition.scope, slot="model")
        if found is not None and subject.call:
            words = "a recipe names its model without arguments"
            help = f"write `model NAME extends {subject.span.text} {{}}` and name that"
            self.ev.report.add("E0210", words, subject.span, help=help)
        return found.name if found is not None else None


def _show_parameters(links: Sequence[_Link]) -> None:
    """Let each model of a chain see the parameters of those that it extends; their `let`s are their own affair."""
    for base, link in pairwise(links):
        params: dict[str, Named] = {
            n: v for n, v in base.scope.names.items() if isinstance(v, Variable) and v.param is not None
        }
        link.scope.base = Scope(names=params, base=base.scope.base)


def _how(link: _Link, number: int) -> How:
    if link.scope.is_preset:
        return "preset"
    return "extends" if number else "written"
