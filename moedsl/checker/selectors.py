"""Selectors: which layers an `at` is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from moedsl.checker.arithmetic import Refused
from moedsl.checker.hir import POISON
from moedsl.checker.naming import fixes
from moedsl.checker.scope import Scope, State, Variable
from moedsl.checker.stack_draft import AtPlan, StackDraft
from moedsl.checker.values import Bare, Call, Given, Items, RangeValue, is_whole, what
from moedsl.names import did_you_mean
from moedsl.syntax import ast

if TYPE_CHECKING:
    from moedsl.checker.evaluation import Evaluation

_FUNCTIONS = ("all", "every", "first", "last")


@dataclass(slots=True, kw_only=True, eq=False)
class Selectors:
    """Selects layers of one stack."""

    ev: Evaluation
    stack: StackDraft
    names: Sequence[str]
    """The template of each layer."""

    def select(self, plan: AtPlan) -> list[int]:
        """The layers of an `at`, first to last; a part that selects none is reported."""
        scope = self._with_depth(plan.scope)
        chosen: set[int] = set()
        for node in plan.node.selectors:
            chosen.update(self._selected(node, scope))
        self.ev.budget.spend(plan.node.span, len(chosen))
        return sorted(chosen)

    def _with_depth(self, scope: Scope) -> Scope:
        """In selectors `depth` is the number of layers, unless the spec gives the name a meaning."""
        if scope.find("depth") is not None:
            return scope
        inner = scope.child()
        span = self.stack.span
        inner.names["depth"] = Variable(name="depth", span=span, state=State.DONE, value=len(self.names))
        return inner

    def _selected(self, node: ast.Value, scope: Scope) -> Sequence[int]:
        value = self.ev.expressions.value(node, scope)
        try:
            found = [] if value is POISON else self._indices(value, range(len(self.names)))
        except Refused as refused:
            span = value.span if isinstance(value, Bare) else node.span
            repair = fixes(value.text, [*self.names, *_FUNCTIONS], span) if isinstance(value, Bare) else ()
            self.ev.report.add(refused.code, refused.message, span, help=refused.help, fixes=repair)
            return []
        if not found and value is not POISON:
            self.ev.report.add(
                "E0213", f"this selects none of {self._total()}", node.span, help="select at least one layer"
            )
        return found

    def _indices(self, value: object, among: Sequence[int]) -> Sequence[int]:
        """What a selector picks from these layers."""
        if isinstance(value, int) and is_whole(value):
            return [among[self._position(value, among)]]
        if isinstance(value, RangeValue):
            return self._range(value, among)
        if isinstance(value, Items):
            return [index for item in value for index in self._indices(item, among)]
        if isinstance(value, Bare):
            return among if value.text == "all" else self._of_template(value.path[-1])
        if isinstance(value, Call):
            return self._call(value)
        raise Refused("E0301", f"layers are selected by numbers, ranges and names, not by {what(value)}")

    def _position(self, number: int, among: Sequence[int]) -> int:
        position = number + len(among) if number < 0 else number
        if 0 <= position < len(among):
            return position
        raise Refused("E0213", f"there is no layer {number} among {self._total(among)}", self._numbering(among))

    def _range(self, value: RangeValue, among: Sequence[int]) -> Sequence[int]:
        """Ends may count from the last layer; a closed range includes its end."""
        size = len(among)
        start = value.start + size if value.start < 0 else value.start
        stop = value.stop + size if value.stop < 0 else value.stop
        stop += value.closed
        if not (0 <= start <= size and 0 <= stop <= size):
            shown = f"{value.start}..{'=' if value.closed else ''}{value.stop}"
            raise Refused("E0213", f"`{shown}` goes beyond {self._total(among)}", self._numbering(among))
        return among[start:stop]

    def _of_template(self, name: str) -> Sequence[int]:
        """The layers made from a template."""
        found = [index for index, template in enumerate(self.names) if template == name]
        if found:
            return found
        used = list(dict.fromkeys(self.names))
        if name in _FUNCTIONS:
            raise Refused("E0213", f"`{name}` needs an argument here", f"write `{name}(2)`")
        help = did_you_mean(name, [*used, *_FUNCTIONS])
        raise Refused("E0213", f"{self.stack.title} has no layer made from `{name}`", help)

    def _call(self, call: Call) -> Sequence[int]:
        name = call.path[-1]
        if name in self.names:
            return self._instances(name, call.arguments)
        if name == "every":
            return self._every(call)
        if name in ("first", "last"):
            number = self._number(call, {"n": 0})["n"]
            self._check_count(number, name)
            return range(number) if name == "first" else range(len(self.names) - number, len(self.names))
        return self._of_template(name)

    def _instances(self, name: str, arguments: Sequence[Given]) -> Sequence[int]:
        """`sparse(1..3)`: some of the layers made from a template, counted among themselves."""
        among = self._of_template(name)
        named = next((given for given in arguments if given.name is not None), None)
        if named is not None:
            raise Refused(
                "E0211", f"`{name}` has no argument `{named.name}` here", f"write `{name}(0)` or `{name}(1..3)`"
            )
        return [i for given in arguments if given.value is not POISON for i in self._indices(given.value, among)]

    def _every(self, call: Call) -> Sequence[int]:
        numbers = self._number(call, {"n": 0, "start": 0})
        if numbers["n"] < 1:
            raise Refused("E0213", f"`every({numbers['n']})` steps by less than one layer", "write `every(2)`")
        start = self._position(numbers["start"], range(len(self.names)))
        return range(start, len(self.names), numbers["n"])

    def _number(self, call: Call, defaults: dict[str, int]) -> dict[str, int]:
        """The whole numbers that a selector function takes: the first by place, others by name."""
        usage = f"write `{call.text}({', '.join(('2', 'start = 1')[: len(defaults)])})`"
        found: dict[str, int] = {}
        for index, given in enumerate(call.arguments):
            name = given.name or list(defaults)[min(index, len(defaults) - 1)]
            if name not in defaults or name in found:
                raise Refused("E0211", f"`{call.text}` has no argument `{given.name or given.span.text}`", usage)
            if not isinstance(given.value, int) or not is_whole(given.value):
                raise Refused("E0301", f"`{call.text}` takes whole numbers", usage)
            found[name] = given.value
        if "n" not in found:
            raise Refused("E0212", f"`{call.text}` needs a number", usage)
        return {**defaults, **found}

    def _check_count(self, number: int, name: str) -> None:
        if not 0 < number <= len(self.names):
            raise Refused("E0213", f"`{name}({number})` does not fit {self._total()}", "select fewer layers")

    # ---- words

    def _total(self, among: Sequence[int] | None = None) -> str:
        """How many layers there are."""
        if among is None or len(among) == len(self.names):
            return f"{_layers(len(self.names))} of {self.stack.title}"
        return f"{_layers(len(among), f'`{self.names[among[0]]}` ')} of {self.stack.title}"

    def _numbering(self, among: Sequence[int]) -> str:
        if len(among) == 1:
            return "its number is 0"
        return f"layers are numbered 0 to {len(among) - 1}, or -1 to -{len(among)} from the end"


def _layers(count: int, which: str = "") -> str:
    return f"the {count} {which}layers" if count > 1 else f"the one {which}layer"
