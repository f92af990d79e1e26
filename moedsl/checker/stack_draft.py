"""Models and stacks while statements are applied: layers are made last, when every template and `at` is known."""

from __future__ import annotations

from dataclasses import dataclass, field

from moedsl.checker.draft import Draft, Place
from moedsl.checker.scope import Scope
from moedsl.source import Span
from moedsl.syntax import ast


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateText:
    """One `layer NAME { … }`: the template itself, or what an extending model changes in it."""

    node: ast.Block
    scope: Scope
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class LayersPlan:
    """`layers = […]`, evaluated when all templates are known."""

    expression: ast.Value
    scope: Scope
    place: Place
    name_span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class AtPlan:
    """`at … { … }`, applied when all layers are known."""

    node: ast.At
    scope: Scope
    place: Place


@dataclass(slots=True, eq=False, kw_only=True)
class TemplateDraft(Draft):
    """A model or a stack: what may declare layer templates."""

    templates: dict[str, list[TemplateText]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    """Templates that some layer is made from."""


@dataclass(slots=True, eq=False, kw_only=True)
class StackDraft(TemplateDraft):
    """A stack."""

    layers: LayersPlan | None = None
    ats: list[AtPlan] = field(default_factory=list)
