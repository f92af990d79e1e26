"""Variables: `let` and parameters, computed when first needed, in whatever order they are written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from moedsl.checker import naming
from moedsl.checker.hir import POISON
from moedsl.checker.param_types import fit
from moedsl.checker.scope import Scope, State, Variable
from moedsl.checker.values import Given, settle, show
from moedsl.diagnostics import Label
from moedsl.ir.sourcemap import Origin
from moedsl.names import did_you_mean
from moedsl.source import Span
from moedsl.syntax import ast

if TYPE_CHECKING:
    from moedsl.checker.evaluation import Evaluation


@dataclass(slots=True, kw_only=True, eq=False)
class Variables:
    """Computes variables and binds parameters."""

    ev: Evaluation

    # ---- values

    def read(self, variable: Variable) -> object:
        """The value of a variable; what it came through is noted."""
        self.compute(variable)
        self.ev.expressions.through.extend(variable.origins)
        return variable.value

    def compute(self, variable: Variable) -> None:
        """Compute a variable and first all that it depends on, without recursion: chains may be long."""
        if variable.state is State.RUNNING:
            self._report_cycle([variable])
        waiting = [variable]
        while waiting:
            top = waiting[-1]
            if top.state is State.WAITING:
                top.state = State.RUNNING
                waiting += self._needed(top, waiting)
            elif waiting.pop().state is State.RUNNING:
                self._evaluate(top)

    def _needed(self, variable: Variable, waiting: Sequence[Variable]) -> list[Variable]:
        """Variables to compute before this one; one that waits for this one is a cycle."""
        assert variable.expression is not None, variable.name
        assert variable.scope is not None, variable.name
        needed = []
        for reference in references(variable.expression):
            named, _ = variable.scope.resolve([n.text for n in reference.path])
            if isinstance(named, Variable) and named.state is State.WAITING:
                needed.append(named)
            elif isinstance(named, Variable) and named.state is State.RUNNING:
                self._report_cycle([*_since(named, waiting)])
        return needed

    def _evaluate(self, variable: Variable) -> None:
        assert variable.expression is not None, variable.name
        assert variable.scope is not None, variable.name
        value, origins = self.ev.expressions.traced(variable.expression, variable.scope)
        if variable.state is State.DONE:
            return
        if variable.param is not None:
            value = fit(self.ev.report, value, variable.param, variable.expression.span)
        variable.value, variable.origins, variable.state = value, origins, State.DONE

    def _report_cycle(self, ring: Sequence[Variable]) -> None:
        names = [v.name for v in ring]
        self.ev.report.add(
            "E0209",
            "these depend on each other: " + " -> ".join(f"`{n}`" for n in [*names, names[0]]),
            ring[0].span,
            help="compute one of them from something else",
        )
        for variable in ring:
            variable.value, variable.state = POISON, State.DONE

    # ---- parameters

    def bind(
        self, params: Sequence[ast.Param], given: Sequence[Given], scope: Scope, *, owner: str, span: Span | None
    ) -> bool:
        """Put parameters into a scope, with the arguments' values where given; whether all have a value.

        Args:
            params: The parameters.
            given: Arguments, by name or in the order of the parameters.
            scope: Where the parameters become variables; defaults are computed there.
            owner: What takes the arguments, for messages.
            span: The call; none where nobody calls, and parameters without value are `POISON` silently.
        """
        by_name = self._by_name(params, given, owner)
        missing = []
        for param in params:
            argument = by_name.get(param.name.text)
            variable = Variable(name=param.name.text, span=param.name.span, param=param)
            if argument is not None:
                self._give(variable, argument, param)
            elif param.default is not None:
                variable.expression, variable.scope = param.default, scope
            else:
                variable.value, variable.state = POISON, State.DONE
                missing.append(param)
            self.ev.bodies.name(param.name, variable, scope)
        names_are_known = all(g.name is None or g.name in by_name for g in given)
        if missing and span is not None and names_are_known:
            self._report_missing(missing, owner, span)
        return not missing

    def _by_name(self, params: Sequence[ast.Param], given: Sequence[Given], owner: str) -> dict[str, Given]:
        names, found = [p.name.text for p in params], {}
        unnamed = iter(names)
        for one in given:
            name = one.name or next(unnamed, None)
            if name not in names:
                self._report_unknown(one, names, owner)
            elif name in found:
                naming.report_twice(self.ev.report, "E0204", f"`{name}` is given", one.name_span, found[name].name_span)
            else:
                found[name] = one
        return found

    def _give(self, variable: Variable, argument: Given, param: ast.Param) -> None:
        value = fit(self.ev.report, argument.value, param, argument.span)
        here = Origin(how="argument", value=settle(value, self.ev.budget), span=argument.span)
        variable.value, variable.state = value, State.DONE
        variable.origins = (*argument.origins, here)

    def check_conditions(self, scope: Scope) -> None:
        """Compute all parameters of a scope and check each one's `where`."""
        params = [v for v in scope.names.values() if isinstance(v, Variable) and v.param is not None]
        for variable in params:
            self.compute(variable)
        for variable in params:
            where = variable.param.where if variable.param else None
            if where is not None and variable.value is not POISON:
                self._check_condition(variable, where, scope)

    def _check_condition(self, variable: Variable, where: ast.Value, scope: Scope) -> None:
        if self.ev.expressions.is_true(where, scope) is not False:
            return
        given = variable.origins[-1].span if variable.origins else None
        default = variable.expression.span if variable.expression else None
        self.ev.report.add(
            "E0302",
            f"`{variable.name} = {show(variable.value)}` breaks its condition `{where.span.text}`",
            given or default or variable.span,
            labels=(Label(span=where.span, text="the condition"),),
            help="choose a value that meets it",
        )
        variable.value = POISON

    def _report_unknown(self, given: Given, names: Sequence[str], owner: str) -> None:
        if given.name is None:
            takes = f"at most {len(names)}" if names else "none"
            self.ev.report.add(
                "E0211", f"{owner} takes fewer arguments: {takes}", given.span, help="remove this argument"
            )
            return
        self.ev.report.add(
            "E0211",
            f"{owner} has no parameter `{given.name}`",
            given.name_span,
            help=did_you_mean(given.name, names) or ("it takes none" if not names else None),
            fixes=naming.fixes(given.name, names, given.name_span),
        )

    def _report_missing(self, missing: Sequence[ast.Param], owner: str, span: Span) -> None:
        names = ", ".join(f"`{p.name.text}`" for p in missing)
        first = missing[0]
        self.ev.report.add(
            "E0212",
            f"{owner} needs a value for {names}",
            span,
            labels=(Label(span=first.name.span, text="it has no default"),),
            help=f"write `{first.name.text} = …` between the parentheses",
        )


def _since(first: Variable, waiting: Sequence[Variable]) -> Iterator[Variable]:
    """The variables that run, from the given one on."""
    running = [v for v in waiting if v.state is State.RUNNING]
    yield from running[running.index(first) if first in running else 0 :]


def references(root: ast.Value | ast.Body) -> Iterator[ast.Reference]:
    """Every reference in an expression or body, in no particular order, without recursion."""
    waiting: list[object] = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Reference):
            yield node
        if isinstance(node, tuple):
            waiting.extend(node)
        elif isinstance(node, ast.Node):
            waiting.extend(getattr(node, name) for name in node.__dataclass_fields__ if name != "span")
