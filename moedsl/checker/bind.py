"""From a resolved block to an op: keyword to class, settings to fields, refusals to diagnostics at their place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from moedsl.checker import hir
from moedsl.checker.refusals import choices, description, explain, owner
from moedsl.diagnostics import Edit, Fix, Label, Report
from moedsl.ir.sourcemap import Origin
from moedsl.names import closest, did_you_mean
from moedsl.ops import registry
from moedsl.ops.base import Op, component_of, inherits
from moedsl.ops.blocks._slots import BlockOp, Slot


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """An op, the block it came from, and the bound blocks inside it."""

    op: Op
    block: hir.Block
    children: tuple[Bound, ...] = field(default=())
    is_complete: bool = True
    """False when something inside it could not be bound, and was reported."""
    spare: tuple[Bound, ...] = field(default=(), repr=False)
    """Layers that no model has, bound to find what is wrong with them."""

    def slot(self, name: str) -> Bound | None:
        """The child in a slot that takes one."""
        return next((c for c in self.children if c.block.slot == name), None)

    def filled(self, name: str) -> Bound:
        """The child in a slot that is required or has a default."""
        child = self.slot(name)
        assert child is not None, f"{self.block.slot} is bound without its {name}"
        return child

    def slots(self, name: str) -> tuple[Bound, ...]:
        """The children in a slot that takes many."""
        return tuple(c for c in self.children if c.block.slot == name)


@dataclass(slots=True)
class Binder:
    """Binds the blocks of one file's models; equal components are one object."""

    report: Report
    _ops: dict[Op, Op] = field(default_factory=dict)

    def bind(
        self, block: hir.Block, slot: Slot | None = None, enclosing: Mapping[str, Any] | None = None
    ) -> Bound | None:
        """The block and what could be bound of those inside it, or none when its own fields are wrong.

        Args:
            block: What to bind.
            slot: The slot it stands in; none for a model or recipe.
            enclosing: Fields of the blocks around it, for fields that inherit.
        """
        kind = "block" if slot is None else slot.kind
        keyword = block.slot if kind == "block" else block.keyword
        cls = self._find(kind, keyword, block)
        if cls is None:
            return None
        values = self._values(cls, block.settings, kind=kind)
        inherited = {n: (enclosing or {})[n] for n in cls.model_fields if _inherits_from(cls, n, values, enclosing)}
        op = self._validate(cls, {**inherited, **values}, block)
        if not issubclass(cls, BlockOp):
            self._refuse_children(block, cls)
            return None if op is None else Bound(op=op, block=block)
        around = {**(enclosing or {}), **(_fields(op) if op else {})}
        children, complete = self._children(cls, block, around)
        spare = tuple(b for layer in block.spare if (b := self.bind(layer, _LAYER, around)) is not None)
        if op is None:
            return None
        return Bound(op=op, block=block, children=tuple(children), is_complete=complete, spare=spare)

    # ---- the class

    def _find(self, kind: str, keyword: str | None, block: hir.Block) -> type[Op] | None:
        known = registry.keywords(kind)
        if keyword is None:
            self.report.add(
                "E0320",
                f"`{block.slot}` does not say which {kind} it is",
                block.span,
                help=f"write `{block.slot} KEYWORD {{ … }}` with one of " + ", ".join(f"`{k}`" for k in known),
            )
            return None
        cls = registry.find(kind, keyword)
        if cls is None:
            span = block.keyword_span or block.span
            best = closest(keyword, known)
            fixes = (Fix(title=f"write `{best}`", edits=(Edit(span=span, text=best),)),) if best else ()
            self.report.add(
                "E0220",
                f"there is no {kind} called `{keyword}`",
                span,
                help=did_you_mean(keyword, known) or f"`moedsl list {kind}` shows them all",
                fixes=fixes,
            )
        return cls

    def _refuse_children(self, block: hir.Block, cls: type[Op]) -> None:
        for child in block.children:
            self.report.add(
                "E0222",
                f"`{cls.kind} {cls.keyword}` has no slot `{child.slot}`",
                child.span,
                help=f"move `{child.slot}` out of these braces",
            )

    # ---- values

    def _values(self, cls: type[Op], settings: Mapping[str, hir.Setting], *, kind: str) -> dict[str, Any]:
        values = {}
        for name, setting in settings.items():
            if name not in cls.model_fields:
                self._unknown_field(cls, name, setting, kind)
            else:
                values[name] = self._value(setting.value, component_of(cls, name))
                if setting.value is None and "none" in choices(cls, name):
                    values[name] = "none"
                if isinstance(setting.value, hir.Symbol) and _is_text(cls, name):
                    self._unquoted(cls, name, setting.value)
                    values[name] = _REFUSED
        return values

    def _unquoted(self, cls: type[Op], name: str, symbol: hir.Symbol) -> None:
        self.report.add(
            "E0325",
            f"`{name}` of {owner(cls)} takes a text in quotes, not the bare name `{symbol.text}`",
            symbol.span,
            help=did_you_mean(symbol.text, symbol.scope) if closest(symbol.text, symbol.scope) else "put it in quotes",
            fixes=(Fix(title="put it in quotes", edits=(Edit(span=symbol.span, text=f'"{symbol.text}"'),)),),
        )

    def _unknown_field(self, cls: type[Op], name: str, setting: hir.Setting, kind: str) -> None:
        known = list(cls.model_fields)
        best = closest(name, known)
        owner = f"`{cls.keyword}`" if kind == "block" else f"`{kind} {cls.keyword}`"
        fixes = (Fix(title=f"write `{best}`", edits=(Edit(span=setting.name_span, text=best),)),) if best else ()
        self.report.add(
            "E0221", f"{owner} has no field `{name}`", setting.name_span, help=did_you_mean(name, known), fixes=fixes
        )

    def _value(self, value: object, component: str | None) -> Any:
        if value is hir.POISON:
            return _REFUSED
        if isinstance(value, hir.Component):
            return self._component(value, component)
        if isinstance(value, hir.Symbol):
            return self._bare(value, component)
        if isinstance(value, tuple):
            return tuple(self._value(v, component) for v in value)
        if isinstance(value, Fraction):
            return int(value) if value.denominator == 1 else float(value)
        return value

    def _bare(self, symbol: hir.Symbol, component: str | None) -> Any:
        if component is None:
            return symbol.text
        empty = hir.Component(keyword=symbol.text, settings={}, span=symbol.span)
        return self._component(empty, component)

    def _component(self, value: hir.Component, kind: str | None) -> Any:
        if kind is None:
            return value
        settings = dict(value.settings)
        block = hir.Block(slot=kind, keyword=value.keyword, settings=settings, span=value.span)
        cls = self._find(kind, value.keyword, block)
        if cls is None:
            return _REFUSED
        unnamed = dict(zip(cls.model_fields, value.arguments, strict=False))
        whole = hir.Block(slot=kind, keyword=value.keyword, settings={**unnamed, **settings}, span=value.span)
        op = self._validate(cls, self._values(cls, whole.settings, kind=kind), whole)
        return _REFUSED if op is None else op

    # ---- validation

    def _validate(self, cls: type[Op], values: dict[str, Any], block: hir.Block) -> Op | None:
        good = {n: v for n, v in values.items() if not _is_refused(v)}
        try:
            op = cls.model_validate(good)
        except ValidationError as refusal:
            first = {str(e["loc"][0]): e for e in reversed(refusal.errors(include_url=False))}
            for name, error in first.items():
                if name not in values or name in good:
                    self._refused_field(cls, name, error, block)
            return None
        if len(good) < len(values):
            return None
        return self._ops.setdefault(op, op) if _is_hashable(op) else op

    def _refused_field(self, cls: type[Op], name: str, error: ErrorDetails, block: hir.Block) -> None:
        setting = block.settings.get(name)
        if setting is None and (block.poisoned or _is_mistyped(cls, name, block)):
            return
        if setting is None:
            where = block.keyword_span or block.span
            self.report.add(
                "E0321",
                f"{owner(cls)} needs a `{name}`",
                where,
                help=f"write `{name} = …` inside its braces: {description(cls, name)}",
            )
            return
        code, message, help = explain(cls, name, setting.value, error)
        labels = _origin_labels(setting)
        self.report.add(code, message, setting.span, labels=labels, help=help, note=setting.note or None)

    # ---- children

    def _children(self, cls: type[BlockOp], block: hir.Block, around: Mapping[str, Any]) -> tuple[list[Bound], bool]:
        """What could be bound, and whether that is all."""
        bound, complete = [], not block.poisoned
        known: dict[int, Bound | None] = {}  # layers that a pattern repeats are one block
        for child in block.children:
            slot = cls.slots.get(child.slot) or (_LAYER if child.slot == "layer" else None)
            if slot is None:
                self.report.add(
                    "E0222",
                    f"`{block.slot}` has no slot `{child.slot}`",
                    child.span,
                    help=did_you_mean(child.slot, cls.slots),
                )
                complete = False
                continue
            one = known[id(child)] if id(child) in known else self.bind(child, slot, around)
            known[id(child)] = one
            complete = complete and one is not None and one.is_complete
            bound.extend([one] if one is not None else [])
        written = {c.slot for c in block.children}
        for name, slot in cls.slots.items():
            if name in written:
                continue
            if slot.required and not block.poisoned:
                self.report.add(
                    "E0322", f"`{block.slot}` needs a `{name}`", block.span, help=f"add `{name} …` inside its braces"
                )
                complete = False
            elif slot.default is not None:
                absent = hir.Block(slot=name, keyword=slot.default, span=block.span)
                one = self.bind(absent, slot, around)
                bound.extend([one] if one is not None else [])
        return bound, complete


_LAYER = Slot(kind="block", many=True, named=True)
_REFUSED = object()


def _is_refused(value: object) -> bool:
    return value is _REFUSED or (isinstance(value, tuple) and any(v is _REFUSED for v in value))


def _is_text(cls: type[Op], name: str) -> bool:
    annotation = cls.model_fields[name].annotation
    return annotation is str or str in get_args(annotation)


def _is_mistyped(cls: type[Op], name: str, block: hir.Block) -> bool:
    """Whether a field that does not exist, and is reported, was probably meant for this one."""
    return any(closest(s, [name]) for s in block.settings if s not in cls.model_fields)


def _is_hashable(op: Op) -> bool:
    try:
        hash(op)
    except TypeError:
        return False
    return True


def _fields(op: Op) -> dict[str, Any]:
    return {name: getattr(op, name) for name in type(op).model_fields}


def _inherits_from(cls: type[Op], name: str, values: Mapping[str, Any], around: Mapping[str, Any] | None) -> bool:
    return name not in values and around is not None and name in around and inherits(cls, name)


def _origin_labels(setting: hir.Setting) -> tuple[Label, ...]:
    first: Origin | None = next((o for o in setting.origins if o.how == "argument" and o.span is not None), None)
    if first is None or first.span is None:
        return ()
    return (Label(span=first.span, text="the value comes from here"),)
