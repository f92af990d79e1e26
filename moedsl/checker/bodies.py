"""Bodies: statements applied to a block, in an order that does not depend on how they are written.

First the names of the body, then blocks, then plain settings, then settings by path, then `when`. A deeper statement
overrides; two that are equally deep and disagree are an error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moedsl.checker import naming
from moedsl.checker.components import Part
from moedsl.checker.draft import Draft, Entry, Place, Rank
from moedsl.checker.hir import POISON
from moedsl.checker.scope import Declared, Named, Scope, Variable
from moedsl.checker.slots import declarable_words
from moedsl.checker.stack_draft import AtPlan, StackDraft
from moedsl.ir.graph import Move
from moedsl.names import did_you_mean
from moedsl.syntax import ast

if TYPE_CHECKING:
    from moedsl.checker.evaluation import Evaluation


@dataclass(slots=True, kw_only=True, eq=False)
class Bodies:
    """Applies bodies."""

    ev: Evaluation

    # ---- names

    def open(self, body: ast.Body | None, scope: Scope) -> Scope:
        """The scope inside a body: the one around it, and the names that the body declares."""
        if body is None or not any(isinstance(s, ast.Let | ast.Declare) for s in body.statements):
            return scope
        inner = scope.child()
        self.declare(body.statements, inner)
        return inner

    def declare(self, statements: Sequence[ast.Statement], scope: Scope) -> None:
        """Put the variables and declarations of a body into its scope."""
        for statement in statements:
            if isinstance(statement, ast.Let):
                variable = Variable(
                    name=statement.name.text, span=statement.name.span, expression=statement.value, scope=scope
                )
                self.name(statement.name, variable, scope)
            elif isinstance(statement, ast.Declare):
                self._check_word(statement)
                self.name(statement.name, Declared(node=statement, scope=scope), scope)
            elif isinstance(statement, ast.Broken):
                scope.is_broken = True

    def _check_word(self, statement: ast.Declare) -> None:
        """The word before a declaration's name has to be a slot or a kind."""
        word, known = statement.slot.text, declarable_words()
        if word not in known:
            words, help = f"there is no kind of component `{word}`", did_you_mean(word, known)
            repair = naming.fixes(word, known, statement.slot.span)
            self.ev.report.add("E0222", words, statement.slot.span, help=help, fixes=repair)

    def name(self, name: ast.Name, named: Named, scope: Scope) -> None:
        """Give something a name in a scope; a second one of that name is reported."""
        first = scope.names.setdefault(name.text, named)
        if first is not named:
            naming.report_twice(self.ev.report, "E0203", f"`{name.text}` is declared", name.span, first.span)

    # ---- statements

    def fill(self, draft: Draft, parts: Sequence[Part], body: ast.Body | None, scope: Scope, place: Place) -> None:
        """Apply what a component's declarations say, then the body where it is used."""
        for number, part in enumerate(parts):
            how = "preset" if part.scope.is_preset else None
            under = place.inside(Rank.DECLARED, None, number=number, how=how)
            if part.call is not None:
                self._copy(draft, part, under)
            self.ev.settings.arguments(draft, part.given, under)
            self.apply(draft, part.body, self.open(part.body, part.scope), under)
        self.apply(draft, body, self.open(body, scope), place)

    def _copy(self, draft: Draft, part: Part, place: Place) -> None:
        """Take over the settings of a component that came as a value."""
        assert part.call is not None
        self.ev.budget.spend(part.call.span, part.call.weight)
        for name, setting in part.call.settings.items():
            entry = Entry(setting=setting, place=place, weight=part.call.weight, depth=part.call.depth)
            self.ev.settings.put(draft, name, entry)
        self.ev.settings.arguments(draft, part.call.arguments, place)

    def apply(self, draft: Draft, body: ast.Body | None, scope: Scope, place: Place) -> None:
        """Apply a body whose names are in `scope` already."""
        if body is None:
            return
        self.ev.budget.spend(body.span, 1 + len(body.statements))
        if self.ev.budget.is_too_deep(body.span):
            return
        self.ev.budget.depth += 1
        before = list(draft.children)
        for statement in sorted(body.statements, key=_turn):
            _APPLY[type(statement)](self, draft, statement, scope, place)
        if before:
            draft.reordered(before)
        self.ev.budget.depth -= 1

    def _let(self, draft: Draft, statement: ast.Let, scope: Scope, place: Place) -> None:
        variable = scope.names.get(statement.name.text)
        if isinstance(variable, Variable):
            self.ev.variables.compute(variable)

    def _declare(self, draft: Draft, statement: ast.Declare, scope: Scope, place: Place) -> None:
        """Nothing: its name is in scope, and whoever uses it applies it."""

    def _broken(self, draft: Draft, statement: ast.Broken, scope: Scope, place: Place) -> None:
        draft.poisoned = True

    def _param(self, draft: Draft, statement: ast.Param, scope: Scope, place: Place) -> None:
        owner = scope.find(statement.name.text)
        if not (isinstance(owner, Variable) and owner.param is statement):
            words = "`param` stands directly in a model, a recipe or a template"
            self._misplaced(statement, words, "move it there, or write `let`")

    def _block(self, draft: Draft, statement: ast.Block, scope: Scope, place: Place) -> None:
        self.ev.blocks.apply(draft, statement, scope, place)

    def _assign(self, draft: Draft, statement: ast.Assign, scope: Scope, place: Place) -> None:
        self.ev.paths.assign(draft, statement, scope, place)

    def _when(self, draft: Draft, statement: ast.When, scope: Scope, place: Place) -> None:
        current: ast.When | None = statement
        inside = place.inside(Rank.WHEN, statement, how="when")
        while current is not None:
            test = self.ev.expressions.is_true(current.test, scope)
            if test is POISON:
                draft.poisoned = True
                return
            chosen = current.body if test else current.otherwise
            current = None if test else _only_when(chosen)
            if current is None:
                self.apply(draft, chosen, self.open(chosen, scope), inside)

    def _at(self, draft: Draft, statement: ast.At, scope: Scope, place: Place) -> None:
        if not isinstance(draft, StackDraft):
            self._misplaced(statement, "`at` stands only in a stack", "move it into the stack whose layers it selects")
            return
        draft.ats.append(AtPlan(node=statement, scope=scope, place=place.inside(Rank.AT, statement, how="at")))

    def _assert(self, draft: Draft, statement: ast.Assert, scope: Scope, place: Place) -> None:
        if draft.slot not in ("model", "stack", "layer", "moe"):
            self._misplaced(statement, "`assert` stands in a model", "move it into the model that it is about")
            return
        self.ev.counting.collect(statement, scope)

    def _moved(self, draft: Draft, statement: ast.Moved, scope: Scope, place: Place) -> None:
        if draft.slot != "model":
            self._misplaced(statement, "`moved` stands directly in a model", "move it into the model")
            return
        self.ev.counting.moved.append(Move(old=statement.old, new=statement.new))

    def _misplaced(self, statement: ast.Statement, words: str, help: str) -> None:
        self.ev.report.add("E0210", words, statement.span, help=help)


def _only_when(body: ast.Body | None) -> ast.When | None:
    """The `when` of an `else when`, or none where the body is anything else."""
    only = body.statements[0] if body is not None and len(body.statements) == 1 else None
    return only if isinstance(only, ast.When) else None


def _turn(statement: ast.Statement) -> int:
    if isinstance(statement, ast.Assign):
        return 2 if len(statement.path) == 1 else 3
    return _TURNS.get(type(statement), 4)


_TURNS: dict[type, int] = {ast.Let: 0, ast.Block: 1, ast.When: 5}

_APPLY: dict[type, Callable[[Bodies, Draft, Any, Scope, Place], None]] = {
    ast.Let: Bodies._let,
    ast.Declare: Bodies._declare,
    ast.Broken: Bodies._broken,
    ast.Param: Bodies._param,
    ast.Block: Bodies._block,
    ast.Assign: Bodies._assign,
    ast.When: Bodies._when,
    ast.At: Bodies._at,
    ast.Assert: Bodies._assert,
    ast.Moved: Bodies._moved,
}
