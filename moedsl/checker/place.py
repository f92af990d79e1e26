"""Placing one op in the graph: its sizes, parameters, caches, problems, and whether it may stand in a causal stack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from moedsl.checker.bind import Bound
from moedsl.checker.carries import Carries
from moedsl.diagnostics import Label, Report
from moedsl.ir.graph import Node, ParamSpec, Use, Value
from moedsl.ir.sourcemap import Origin, SourceMap
from moedsl.ops import registry
from moedsl.ops.base import SCOPES, Op, Param, Problem
from moedsl.types import Shape


@dataclass(slots=True)
class Placer:
    """Adds nodes in the order in which they run."""

    report: Report
    root: Bound
    nodes: dict[str, Node] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    """Sizes of the whole model."""
    region: str = ""
    stack: Bound | None = None
    leaks: list[str] = field(default_factory=list)
    source_map: SourceMap = field(default_factory=SourceMap)
    _shared: dict[tuple[object, ...], str] = field(default_factory=dict)
    _params: dict[str, ParamSpec] = field(default_factory=dict)

    def op(
        self,
        name: str,
        bound: Bound,
        *inputs: Value,
        shape: Shape = (),
        sizes: Mapping[str, int] | None = None,
        kin: tuple[Bound, ...] = (),
        carries: Carries | None = None,
        residual: bool = False,
    ) -> Value:
        """Add the `forward` call of an op that the user wrote.

        Args:
            name: The node's name.
            bound: The op.
            *inputs: What it takes by position.
            shape: Of its main result.
            sizes: What it sees beside the model's sizes.
            kin: Ops whose settings may explain a problem, beside its own.
            carries: The channels of the stack it stands in.
            residual: Whether the first input is the stream that it moves.
        """
        given = {**self.sizes, **(sizes or {})}
        known = {**given, **bound.op.sizes(given)}
        if not self.region:
            self.sizes.update(bound.op.sizes(given))
        if not self.accept(name, bound, known, kin):
            if carries:
                carries.write(bound.op, name, known)  # so that its own problem is the only one told
            return inputs[0]
        uses = _by_position(inputs, residual=residual)
        if "positions" in bound.op.uses:
            uses += (Use(value=Value(node="positions"), keyword="positions_S"),)
        uses += carries.read(bound, name, known) if carries else ()
        node = Node(
            name=name,
            op=bound.op,
            inputs=uses,
            writes=carries.write(bound.op, name, known) if carries else (),
            shape=shape,
            region=self.region,
            sizes=tuple(sorted(known.items())),
            params=self._parameters(name, bound, known),
            caches=bound.op.caches(known),
        )
        self._remember(name, bound)
        return self._add(node)

    def call(self, name: str, bound: Bound, method: str, *inputs: Use | Value, shape: Shape = ()) -> Value:
        """Add a call of another function of an op that is placed already."""
        uses = tuple(i if isinstance(i, Use) else Use(value=i) for i in inputs)
        self.source_map.nodes[name] = bound.block.keyword_span or bound.block.span
        return self._add(
            Node(
                name=name,
                op=bound.op,
                call=method,
                inputs=uses,
                shape=shape,
                region=self.region,
                sizes=tuple(sorted(self.sizes.items())),
            )
        )

    def wire(
        self,
        name: str,
        keyword: str,
        *inputs: Value,
        shape: Shape = (),
        residual: bool = False,
        sizes: Mapping[str, int] | None = None,
        carries: Carries | None = None,
        **fields: Any,
    ) -> Value:
        """Add plumbing; with `residual`, the first input is the stream that is kept."""
        cls = registry.find("wiring", keyword)
        assert cls is not None, keyword
        op = cls(**fields)
        uses = _by_position(inputs, residual=residual)
        return self._add(
            Node(
                name=name,
                op=op,
                inputs=uses,
                writes=carries.write(op, name, sizes or {}) if carries else (),
                shape=shape,
                region=self.region,
                sizes=tuple(sorted((sizes or {}).items())),
                caches=op.caches(self.sizes),
            )
        )

    def _add(self, node: Node) -> Value:
        assert node.name not in self.nodes, node.name
        self.nodes[node.name] = node
        return Value(node=node.name)

    # ---- what may stand here

    def accept(self, name: str, bound: Bound, sizes: Mapping[str, int], kin: tuple[Bound, ...] = ()) -> bool:
        """Whether an op may stand here at these sizes; what speaks against it is reported."""
        problems = list(bound.op.problems(sizes))
        for problem in problems:
            self._problem(name, bound, problem, kin)
        self._check_causality(name, bound)
        return not problems

    def _problem(self, name: str, bound: Bound, problem: Problem, kin: tuple[Bound, ...]) -> None:
        setting = bound.block.settings.get(problem.field or "")
        span = setting.span if setting else bound.block.keyword_span or bound.block.span
        settings = (k.block.settings.get(problem.other or "") for k in (*kin, self.root))
        other = next((s for s in settings if s is not None), None)
        labels = (Label(span=other.span, text=f"`{problem.other}` is set here"),) if other else ()
        self.report.add(problem.code, problem.message, span, labels=labels, help=problem.help, path=name)

    def _check_causality(self, name: str, bound: Bound) -> None:
        if self.stack is None or not getattr(self.stack.op, "causal", False):
            return
        reach = max((bound.op.reach(), *(c.scope for c in bound.op.writes().values())), key=SCOPES.index)
        if reach in ("token", "prefix"):
            return
        if getattr(self.stack.op, "faithful", False):
            self.leaks.append(name)
            return
        causal = self.stack.block.settings.get("causal")
        whole = "the whole batch" if reach == "batch" else "its whole sequence"
        self.report.add(
            "E0506",
            f"`{bound.op.kind} {bound.op.keyword}` lets a causal stack see the future: it depends on {whole}",
            bound.block.keyword_span or bound.block.span,
            labels=(Label(span=causal.span, text="the stack is causal"),) if causal else (),
            help="choose a setting that only looks back, or accept the leak with `faithful = true` in the stack",
            path=name,
        )

    # ---- parameters

    def _parameters(self, name: str, bound: Bound, sizes: Mapping[str, int]) -> tuple[ParamSpec, ...]:
        specs = tuple(self._spec(f"{name}.{p}", param, sizes, bound) for p, param in bound.op.parameters(sizes).items())
        self._params.update((s.path, s) for s in specs)
        return specs

    def _spec(self, path: str, param: Param, sizes: Mapping[str, int], bound: Bound) -> ParamSpec:
        shape = tuple(sizes[axis] for axis in param.axes)
        return ParamSpec(
            path=path,
            axes=param.axes,
            shape=shape,
            init=param.init,
            dtype=param.dtype,
            trainable=param.trainable,
            tied_to=self._tied(path, shape, param, bound) if param.tied_to else self._owner(path, shape, param, bound),
            per_token=param.per_token,
        )

    def _tied(self, path: str, shape: tuple[int, ...], param: Param, bound: Bound) -> str | None:
        owner = self._params.get(param.tied_to or "")
        if owner is not None and owner.shape == shape:
            return owner.path
        has = f"is {list(owner.shape)}" if owner else "does not exist"
        setting = bound.block.settings.get("tie")
        self.report.add(
            "E0602",
            f"`{path}` of shape {list(shape)} cannot be tied to `{param.tied_to}`, which {has}",
            setting.span if setting else bound.block.span,
            help="tie only parameters of the same shape, or remove the tie",
            path=path,
        )
        return None

    def _owner(self, path: str, shape: tuple[int, ...], param: Param, bound: Bound) -> str | None:
        """The first parameter of this name and shape in the stack, of an op of this kind, when the op shares it."""
        if not param.shared:
            return None
        stack = self.stack.block.name if self.stack else ""
        key = (stack, bound.op.kind, path.rpartition(".")[2], shape)
        owner = self._shared.setdefault(key, path)
        return None if owner == path else owner

    # ---- provenance

    def _remember(self, name: str, bound: Bound) -> None:
        block, op = bound.block, bound.op
        self.source_map.nodes[name] = block.keyword_span or block.span
        for field_name in type(op).model_fields:
            setting = block.settings.get(field_name)
            self.source_map.fields[name, field_name] = _history(op, field_name, setting.origins if setting else ())


def _by_position(inputs: tuple[Value, ...], *, residual: bool) -> tuple[Use, ...]:
    return tuple(Use(value=v, role="residual" if residual and not i else "data") for i, v in enumerate(inputs))


def _history(op: Op, name: str, origins: tuple[Origin, ...]) -> tuple[Origin, ...]:
    value, default = getattr(op, name), type(op).model_fields[name]
    if origins:
        return origins
    how = "default" if not default.is_required() and default.default == value else "inherited"
    return (Origin(how=how, value=value),)
