"""Expressions: from syntax to values. Total: no loops, no state, and every evaluation ends.

A part that is wrong is reported once and becomes `POISON`; whatever is computed from it is `POISON` too, silently.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from moedsl.checker import arithmetic, functions, naming
from moedsl.checker.arithmetic import Refused
from moedsl.checker.hir import POISON
from moedsl.checker.limits import MAX_DEPTH
from moedsl.checker.scope import Declared, Definition, Scope, Variable
from moedsl.checker.values import Bare, Call, Given, Items, depth, weight, what
from moedsl.ir.sourcemap import Origin
from moedsl.source import Span
from moedsl.syntax import ast

if TYPE_CHECKING:
    from moedsl.checker.evaluation import Evaluation


@dataclass(slots=True, kw_only=True, eq=False)
class Expressions:
    """Evaluates expressions."""

    ev: Evaluation
    through: list[Origin] = field(default_factory=list)
    """Arguments of calls that the values read so far came through."""

    def value(self, node: ast.Value, scope: Scope) -> Any:
        """The value of an expression, or `POISON`."""
        self.ev.budget.spend(node.span)
        if self.ev.budget.is_too_deep(node.span):
            return POISON
        self.ev.budget.depth += 1
        try:
            return _HANDLERS[type(node)](self, node, scope)
        except Refused as refused:
            return self._refused(refused, node.span)
        finally:
            self.ev.budget.depth -= 1

    def traced(self, node: ast.Value, scope: Scope) -> tuple[Any, tuple[Origin, ...]]:
        """The value, and the arguments of calls that it came through."""
        before, self.through = self.through, []
        value = self.value(node, scope)
        once, self.through = {id(o): o for o in self.through}, before
        return value, tuple(once.values())

    def is_true(self, node: ast.Value, scope: Scope) -> Any:
        """A test's value: True, False or `POISON`."""
        return self._truth(self.value(node, scope), node.span)

    def arguments(self, nodes: Sequence[ast.Argument], scope: Scope) -> tuple[Given, ...]:
        """The arguments of a call; a name given twice is reported and kept once."""
        given: dict[str | int, Given] = {}
        for index, node in enumerate(nodes):
            one = self._argument(node, scope)
            first = given.setdefault(one.name or index, one)
            if first is not one:
                naming.report_twice(self.ev.report, "E0204", f"`{one.name}` is given", one.name_span, first.name_span)
        return tuple(given.values())

    def _argument(self, node: ast.Argument, scope: Scope) -> Given:
        value, origins = self.traced(node.value, scope)
        name = node.name
        return Given(
            name=name.text if name else None,
            value=value,
            span=node.value.span,
            name_span=name.span if name else node.value.span,
            origins=origins,
        )

    # ---- literals, lists, conditions

    def _number(self, node: ast.Number, scope: Scope) -> object:
        return arithmetic.literal(node)

    def _string(self, node: ast.String, scope: Scope) -> object:
        return node.value

    def _constant(self, node: ast.Constant, scope: Scope) -> object:
        return node.value

    def _broken(self, node: ast.Broken, scope: Scope) -> object:
        return POISON

    def _list(self, node: ast.List, scope: Scope) -> object:
        values = [self.value(item, scope) for item in node.items]
        if any(v is POISON for v in values):
            return POISON
        items = Items.of(values)
        if depth(items) > MAX_DEPTH:
            raise Refused("E0310", f"lists are nested more than {MAX_DEPTH} deep here", "nest fewer lists")
        return items

    def _conditional(self, node: ast.Conditional, scope: Scope) -> object:
        current: ast.Value = node
        while isinstance(current, ast.Conditional):
            test = self.is_true(current.test, scope)
            if test is POISON:
                return POISON
            if test:
                return self.value(current.then, scope)
            current = current.otherwise
        return self.value(current, scope)

    # ---- operators

    def _unary(self, node: ast.Unary, scope: Scope) -> object:
        value = self.value(node.operand, scope)
        if node.operator == "not":
            truth = self._truth(value, node.operand.span)
            return POISON if truth is POISON else not truth
        return POISON if self._undefined(value) else arithmetic.negative(value)

    def _binary(self, node: ast.Binary, scope: Scope) -> object:
        """Operators that associate to the left are taken in a row: `1 + 1 + …` nests as deep as it is long."""
        row, first = [node], node.left
        while isinstance(first, ast.Binary):
            row.append(first)
            first = first.left
        left = self.value(first, scope)
        for step in reversed(row):
            left = self._step(step, left, scope)
        return left

    def _step(self, node: ast.Binary, left: Any, scope: Scope) -> object:
        self.ev.budget.spend(node.span)
        if node.operator in ("and", "or"):
            return self._logic(node, left, scope)
        right = self.value(node.right, scope)
        if self._misused(node.operator, left, right):
            return POISON
        if node.operator in ("==", "!="):
            self.ev.budget.spend(node.span, min(weight(left), weight(right)))
        try:
            result = arithmetic.binary(node.operator, left, right)
        except Refused as refused:
            return self._refused(refused, node.span)
        self.ev.budget.spend(node.span, len(result) if isinstance(result, Items) else 0)
        return result

    def _logic(self, node: ast.Binary, left: object, scope: Scope) -> object:
        truth = self._truth(left, node.left.span)
        if truth is POISON or truth is (node.operator == "or"):
            return truth
        return self.is_true(node.right, scope)

    def _misused(self, operator: str, left: object, right: object) -> bool:
        """Whether an operand was reported, or is a name or call that means nothing and is reported here."""
        operands = (left, right)
        if operator in ("==", "!="):
            if POISON in operands:
                return True
            if None in operands or all(isinstance(v, Bare) for v in operands):
                return False
        if operator == "+" and any(isinstance(v, Items) for v in operands):
            return POISON in operands
        undefined = [self._undefined(v) for v in operands]
        return any(undefined)

    def _undefined(self, value: object) -> bool:
        """Whether it cannot be computed with because it means nothing; reported here unless it was."""
        if isinstance(value, Bare):
            naming.report_undefined(self.ev.report, value)
        elif isinstance(value, Call) and not value.settings:
            naming.report_unknown_function(self.ev.report, value.path, value.span)
        else:
            return value is POISON
        return True

    def _truth(self, value: object, span: Span) -> object:
        if self._undefined(value):
            return POISON
        if isinstance(value, bool):
            return value
        words = f"a test is `true` or `false`, not {what(value)}"
        return self._refused(Refused("E0301", words, "compare it with something"), span)

    def _refused(self, refused: Refused, span: Span) -> object:
        self.ev.report.add(refused.code, refused.message, span, help=refused.help)
        return POISON

    # ---- names and calls

    def _reference(self, node: ast.Reference, scope: Scope) -> object:
        path = tuple(n.text for n in node.path)
        named, rest = scope.resolve(path)
        if isinstance(named, Definition) and (rest or node.member):
            return self.ev.counting.other(named, node, rest, scope)
        if node.member or (rest and named is not None):
            raise Refused("E0202", f"`{'.'.join(path)}` has nothing to select with `.`", "only models have counts")
        if node.call is not None:
            return self._call(node, path, named, scope)
        if isinstance(named, Variable):
            return self.ev.variables.read(named)
        if isinstance(named, Declared):
            return self.ev.components.make(node, None, scope)
        if named is None and len(path) > 1:
            return naming.report_unknown_path(self.ev.report, node.path, scope)
        return Bare(path=path, span=node.span, scope=scope)

    def _call(self, node: ast.Reference, path: tuple[str, ...], named: object, scope: Scope) -> object:
        assert node.call is not None
        name = path[-1]
        if isinstance(named, Variable):
            raise Refused("E0202", f"`{name}` is a variable and takes no arguments", "remove the parentheses")
        if named is None and len(path) > 1:
            return naming.report_unknown_path(self.ev.report, node.path, scope)
        if named is None and name in functions.FUNCTIONS:
            return self._function(name, node.call, scope)
        if named is None and name in functions.STATICS:
            return self.ev.counting.call(name, node.call, scope)
        return self.ev.components.make(node, None, scope)

    def _function(self, name: str, nodes: Sequence[ast.Argument], scope: Scope) -> object:
        given = self.arguments(nodes, scope)
        named = next((g for g in given if g.name is not None), None)
        if named is not None:
            usage = functions.FUNCTIONS[name].usage
            raise Refused("E0211", f"`{name}` has no argument called `{named.name}`", f"write `{usage}`")
        undefined = [self._undefined(g.value) for g in given]
        return POISON if any(undefined) else functions.call(name, [g.value for g in given])

    def _object(self, node: ast.Object, scope: Scope) -> object:
        return self.ev.components.make(node.head, node.body, scope)


_HANDLERS: dict[type, Callable[[Expressions, Any, Scope], Any]] = {
    ast.Number: Expressions._number,
    ast.String: Expressions._string,
    ast.Constant: Expressions._constant,
    ast.Broken: Expressions._broken,
    ast.List: Expressions._list,
    ast.Conditional: Expressions._conditional,
    ast.Unary: Expressions._unary,
    ast.Binary: Expressions._binary,
    ast.Reference: Expressions._reference,
    ast.Object: Expressions._object,
}
