"""Components: what `topk`, `fast(k = 2)` or a parameter that holds one stands for, declarations taken apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from moedsl.checker import naming
from moedsl.checker.draft import Draft, Entry, Place
from moedsl.checker.hir import POISON, Poison
from moedsl.checker.limits import MAX_DEPTH
from moedsl.checker.scope import Declared, Scope, Variable
from moedsl.checker.slots import kind_of_word
from moedsl.checker.values import Bare, Call, Given, depth, weight, what
from moedsl.source import Span
from moedsl.syntax import ast

if TYPE_CHECKING:
    from moedsl.checker.evaluation import Evaluation


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Settings that a component gets from one declaration on the way to its keyword."""

    scope: Scope
    body: ast.Body | None = None
    given: tuple[Given, ...] = ()
    """Arguments of the keyword itself."""
    call: Call | None = None
    """A component that came as a value, its settings computed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A keyword and what declarations set under it, innermost first."""

    path: tuple[str, ...]
    span: Span
    """Where whoever uses it names it."""
    keyword_span: Span
    """Where the keyword itself is written: there, or in a declaration."""
    parts: tuple[Part, ...] = ()

    @property
    def keyword(self) -> str:
        """The op's keyword."""
        return self.path[-1]


@dataclass(slots=True, kw_only=True)
class _Walk:
    """A name on its way to a keyword."""

    path: tuple[str, ...]
    given: tuple[Given, ...]
    scope: Scope
    span: Span
    is_rehearsal: bool
    parts: list[Part] = field(default_factory=list)
    seen: list[Declared] = field(default_factory=list)


@dataclass(slots=True, kw_only=True, eq=False)
class Components:
    """Resolves components."""

    ev: Evaluation

    def resolve(
        self,
        names: Sequence[ast.Name],
        given: tuple[Given, ...],
        scope: Scope,
        *,
        kind: str | None,
        is_rehearsal: bool = False,
    ) -> Component | None:
        """The component that a name stands for, or none where that is reported.

        Args:
            names: The name as written.
            given: Arguments of the call.
            scope: Where the name stands.
            kind: The kind that has to stand there; none where any may.
            is_rehearsal: Whether nobody uses it, so that the parameters of a declaration need no values.
        """
        path = tuple(n.text for n in names)
        span = names[0].span.to(names[-1].span)
        walk = _Walk(path=path, given=given, scope=scope, span=span, is_rehearsal=is_rehearsal)
        while True:
            named, rest = walk.scope.resolve(walk.path)
            if isinstance(named, Declared) and not rest:
                goes_on = self._through_declaration(walk, named, kind)
            elif isinstance(named, Variable) and not rest:
                goes_on = self._through_variable(walk, named)
            elif named is None and len(walk.path) > 1:
                naming.report_unknown_path(self.ev.report, names, scope)
                return None
            else:
                return self._keyword(walk, span)
            if not goes_on:
                return None

    def _keyword(self, walk: _Walk, span: Span) -> Component:
        if walk.given:
            walk.parts.append(Part(scope=walk.scope, given=walk.given))
        return Component(path=walk.path, span=span, keyword_span=walk.span, parts=tuple(reversed(walk.parts)))

    def _through_declaration(self, walk: _Walk, declared: Declared, kind: str | None) -> bool:
        """Go on to what a declaration is made of; False where that is reported."""
        node = declared.node
        if declared in walk.seen or len(walk.seen) >= MAX_DEPTH:
            names, is_cycle = [d.node.name.text for d in (*walk.seen, declared)], declared in walk.seen
            naming.report_chain(self.ev.report, "declarations", names, walk.seen[0].span, is_cycle=is_cycle)
            return False
        if kind is not None and kind_of_word(node.slot.text) not in (kind, None):
            self._report_kind(walk, node, kind)
            return False
        declared.is_used = True
        inner = declared.scope.child()
        owner = f"`{node.slot.text} {node.name.text}`"
        call = None if walk.is_rehearsal and not walk.seen else walk.span
        self.ev.variables.bind(node.parameters, walk.given, inner, owner=owner, span=call)
        self.ev.variables.check_conditions(inner)
        value = node.value
        head, body = (value.head, value.body) if isinstance(value, ast.Object) else (value, None)
        if not isinstance(head, ast.Reference) or head.member:
            self._report_no_component(head, owner)
            return False
        walk.parts.append(Part(scope=inner, body=body))
        walk.seen.append(declared)
        walk.path, walk.scope, walk.span = tuple(n.text for n in head.path), inner, head.span
        walk.given = self.ev.expressions.arguments(head.call or (), inner)
        return True

    def _through_variable(self, walk: _Walk, variable: Variable) -> bool:
        """Go on to the component that a variable holds; False where it holds none."""
        value = self.ev.variables.read(variable)
        if isinstance(value, Bare):
            walk.path, walk.scope, walk.span = value.path, value.scope, value.span
        elif isinstance(value, Call):
            walk.parts.append(Part(scope=value.scope, call=value))
            walk.path, walk.scope, walk.span = value.path, Scope(), value.span
        else:
            if value is not POISON:
                words = f"`{variable.name}` holds {what(value)}, and a component has to stand here"
                self.ev.report.add("E0301", words, walk.span, help="name a component")
            return False
        return True

    # ---- components as values

    def make(self, head: ast.Reference, body: ast.Body | None, scope: Scope) -> Call | Poison:
        """The value of `normal(std = 0.02)`, `ties { … }`, or the name of a declaration."""
        given = self.ev.expressions.arguments(head.call or (), scope)
        component = self.resolve(head.path, given, scope, kind=None)
        if component is None:
            return POISON
        if body is None and all(part.given for part in component.parts):
            return self._call(component, head.span, scope, given, {})
        draft = Draft(slot="", span=head.span, place=Place("written"), op=None)
        self.ev.bodies.fill(draft, component.parts, body, scope, Place("written"))
        unnamed = [g for part in component.parts for g in part.given if g.name is None]
        unnamed += [g for part in component.parts if part.call for g in part.call.arguments]
        return self._call(component, head.span, scope, tuple(unnamed), draft.entries)

    def _call(
        self,
        component: Component,
        span: Span,
        scope: Scope,
        arguments: tuple[Given, ...],
        entries: Mapping[str, Entry],
    ) -> Call | Poison:
        """The component as a value; how much it holds is added up here, so that nobody has to walk it."""
        weights = [*(weight(g.value) for g in arguments), *(e.weight for e in entries.values())]
        depths = [*(depth(g.value) for g in arguments), *(e.depth for e in entries.values())]
        if max(depths, default=0) >= MAX_DEPTH:
            words = f"components are nested more than {MAX_DEPTH} deep here"
            self.ev.report.add("E0310", words, span, help="nest fewer components")
            return POISON
        return Call(
            path=component.path,
            arguments=arguments,
            span=span,
            scope=scope,
            settings={name: entry.setting for name, entry in entries.items()},
            weight=1 + sum(weights),
            depth=1 + max(depths, default=0),
        )

    # ---- words

    def _report_kind(self, walk: _Walk, node: ast.Declare, kind: str) -> None:
        self.ev.report.add(
            "E0218",
            f"`{node.name.text}` is declared as `{node.slot.text}`, and a {kind} has to stand here",
            walk.span,
            help=f"use a {kind}, or declare it as `{kind} {node.name.text} = …`",
        )

    def _report_no_component(self, value: ast.Value, owner: str) -> None:
        if not isinstance(value, ast.Broken):
            self.ev.report.add("E0301", f"{owner} has to be a component", value.span, help="write a keyword after `=`")
