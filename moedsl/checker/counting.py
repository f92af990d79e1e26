"""Asserts and the static functions in them: collected here, evaluated when the graph is there to count."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from moedsl.checker import hir
from moedsl.checker.arithmetic import Refused
from moedsl.checker.functions import STATICS
from moedsl.checker.hir import POISON
from moedsl.checker.limits import Exhausted
from moedsl.checker.scope import Definition, Scope
from moedsl.checker.values import Bare, what
from moedsl.checker.variables import references
from moedsl.ir.graph import Move
from moedsl.names import did_you_mean
from moedsl.syntax import ast
from moedsl.types import FLOAT_BYTES, float_format

if TYPE_CHECKING:
    from moedsl.checker.evaluation import Evaluation

Static = Callable[..., object]
OF_MODEL = "of_model"
_IN_BYTES = ("kv_cache", "weight_bytes")


@dataclass(slots=True, kw_only=True, eq=False)
class Counting:
    """Collects the asserts of one model, and answers static functions while one is evaluated."""

    ev: Evaluation
    assertions: list[hir.Assertion] = field(default_factory=list)
    moved: list[Move] = field(default_factory=list)
    _functions: Mapping[str, Static] | None = None
    """Set while an assert is evaluated."""

    def collect(self, node: ast.Assert, scope: Scope) -> None:
        """Keep an assert for when the graph is built; one that counts nothing is decided at once."""
        if not any(_counts(r) for r in references(node.test)):
            self._decide(node, scope)
            return
        self.assertions.append(
            hir.Assertion(
                test=node.test,
                evaluate=lambda functions: self._evaluate(node.test, scope, functions),
                message=node.message,
                span=node.test.span,
            )
        )

    def _decide(self, node: ast.Assert, scope: Scope) -> None:
        if self.ev.expressions.is_true(node.test, scope) is False:
            words = node.message or "the assertion does not hold"
            self.ev.report.add("E0801", words, node.test.span, help="change the model, or the bound")

    def take(self) -> tuple[tuple[hir.Assertion, ...], tuple[Move, ...]]:
        """What was collected since the last time."""
        collected = tuple(self.assertions), tuple(dict.fromkeys(self.moved))
        self.assertions, self.moved = [], []
        return collected

    def _evaluate(self, test: ast.Value, scope: Scope, functions: Mapping[str, Static]) -> object:
        self._functions = functions
        try:
            return self.ev.expressions.is_true(test, scope)
        except Exhausted:
            return POISON
        finally:
            self._functions = None

    # ---- calls

    def call(self, name: str, arguments: Sequence[ast.Argument], scope: Scope) -> object:
        """A static function of this model."""
        return self._apply(name, self._available(name), arguments, scope)

    def _available(self, name: str) -> Mapping[str, Static]:
        if self._functions is None:
            raise Refused(
                "E0312", f"`{name}` can be counted only in an `assert`", "a model cannot depend on its own size"
            )
        return self._functions

    def _apply(self, name: str, functions: Mapping[str, Static], nodes: Sequence[ast.Argument], scope: Scope) -> object:
        keywords: dict[str, object] = {}
        for given in self.ev.expressions.arguments(nodes, scope):
            if given.name is None or given.name not in STATICS[name]:
                offer = did_you_mean(given.name or "", STATICS[name]) or f"write `{_usage(name)}`"
                raise Refused("E0211", f"`{name}` has no argument `{given.name or given.span.text}`", offer)
            if given.value is POISON:
                return POISON
            keywords[given.name] = given.value.text if isinstance(given.value, Bare) else given.value
        self._check(name, keywords)
        return _exact(name, functions[name](**keywords))

    def _check(self, name: str, keywords: Mapping[str, object]) -> None:
        for keyword, value in keywords.items():
            if keyword == "dtype":
                _check_format(value)
            elif not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise Refused("E0301", f"`{keyword}` takes a whole number from 1 on", f"write `{_usage(name)}`")

    def other(self, definition: Definition, node: ast.Reference, rest: Sequence[str], scope: Scope) -> object:
        """`preset(args).total_params`: the count of another model."""
        members = [*rest, *(m.text for m in node.member)]
        name = members[0]
        if len(members) != 1 or name not in STATICS:
            offer = did_you_mean(name, STATICS) or "write one of the static functions"
            raise Refused("E0202", f"a model has no `{'.'.join(members)}`", offer)
        functions = self._available(name)
        model = self._evaluated(definition, node, scope)
        if model is None:
            return POISON
        counts = functions[OF_MODEL](model)
        if isinstance(counts, Mapping):
            return _exact(name, counts[name]())
        if self.ev.report.has_errors:
            return POISON
        shown = node.span.text.removesuffix(f".{name}")
        help = f"check `model NAME extends {shown} {{}}` to see what is wrong with it"
        raise Refused("E0313", f"`{shown}` cannot be counted, because it cannot be built", help)

    def _evaluated(self, definition: Definition, node: ast.Reference, scope: Scope) -> hir.Model | None:
        """Another model; what was collected for this one stays, and that one can count nothing."""
        given = self.ev.expressions.arguments(node.call or (), scope)
        kept = self.assertions, self.moved, self._functions
        self._functions = None
        model = self.ev.models.model(definition, given, node.span)
        self.assertions, self.moved, self._functions = kept
        return model


def _check_format(value: object) -> None:
    if not isinstance(value, str):
        raise Refused("E0301", f"`dtype` takes a number format, not {what(value)}", "write `dtype = bfloat16`")
    if float_format(value) is None:
        offer = did_you_mean(value, FLOAT_BYTES) or "write `dtype = bfloat16`"
        raise Refused("E0301", f"there is no number format `{value}`", offer)


def _exact(name: str, value: object) -> object:
    """A count as the language computes with it."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else Fraction(value)
    if name in _IN_BYTES and isinstance(value, int):
        return hir.Bytes(value=value)
    return value


def _counts(reference: ast.Reference) -> bool:
    return reference.path[-1].text in STATICS or bool(reference.member)


def _usage(name: str) -> str:
    shown = {"dtype": "dtype = bfloat16", "seq": "seq = 2048", "batch": "batch = 1"}
    return f"{name}({', '.join(shown[k] for k in STATICS[name])})"
