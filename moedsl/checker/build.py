"""From bound blocks to a graph: names, wiring, carries, losses.

One method per block writes its wiring in the order in which it runs (see "Wiring" in `moedsl/README.md`). The residual
stream is a `Value`; a method takes it and returns the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from moedsl.checker import hir
from moedsl.checker.bind import Bound
from moedsl.checker.carries import Carries
from moedsl.checker.place import Placer
from moedsl.diagnostics import Report
from moedsl.ir.graph import Graph, Input, Output, Region, Use, Value
from moedsl.names import is_free_for_modules
from moedsl.types import Shape

STREAM: Shape = ("B", "S", "d_model")
TOKENS: Shape = ("T", "d_model")

Sublayer = Callable[[Value], Value]
Join = Callable[[Value, Value], Value]


def build(model: hir.Model, bound: Bound, report: Report) -> Graph:
    """The graph of a bound model. With errors in `report` it may be incomplete; the caller then drops it."""
    place = Placer(report=report, root=bound)
    return _Builder(model=model, root=bound, place=place, carries=Carries(report=report)).graph()


@dataclass(slots=True)
class _Builder:
    model: hir.Model
    root: Bound
    place: Placer
    carries: Carries
    outputs: list[Output] = field(default_factory=list)
    regions: list[Region] = field(default_factory=list)

    # ---- model

    def graph(self) -> Graph:
        """Input, embedding, positions, stacks, final norm, head."""
        embed = self.root.filled("embed")
        self.place.sizes.update(self.root.op.sizes({}))
        entry = _entry(embed)
        stream = self.place.op("embed", embed, Value(node=entry.name), shape=STREAM)
        if any("positions" in b.op.uses for b in _walk(self.root)):
            self.place.wire("positions", "positions", Value(node=entry.name), shape=("S",))
        stream = self._maybe("position", stream)
        for stack in self.root.slots("stack"):
            stream = self._stack(stack, stream)
        stream = self._maybe("norm", stream)
        logits = self._maybe("head", stream, shape=("B", "S", "vocab_size"))
        name = "hidden" if logits == stream else "logits"
        self.outputs.insert(0, Output(name=name, value=logits))
        return self._finish(entry)

    def _maybe(self, slot: str, stream: Value, *, shape: Shape = STREAM) -> Value:
        """An op outside all layers, where the model has one."""
        bound = self.root.slot(slot)
        return stream if bound is None else self.place.op(slot, bound, stream, shape=shape)

    def _finish(self, entry: Input) -> Graph:
        stacks = self.root.slots("stack")
        return Graph(
            name=self.model.name,
            nodes=self.place.nodes,
            inputs=(entry,),
            outputs=tuple(self.outputs),
            regions=tuple(self.regions),
            sizes=dict(self.place.sizes),
            causal=tuple((_stack_name(s), bool(getattr(s.op, "causal", False))) for s in stacks),
            leaks=tuple(self.place.leaks),
            moved=self.model.moved,
            doc=self.model.doc,
            source_map=self.place.source_map,
        )

    # ---- stack and layers

    def _stack(self, stack: Bound, stream: Value) -> Value:
        name, self.place.stack = _stack_name(stack), stack
        self._check_name(name, stack)
        for channel in self.carries.open(stack):
            self.carries.start(channel, self.place.wire(f"{name}.{channel}_start", "zeros", stream, shape=STREAM))
        for index, layer in enumerate(stack.slots("layer")):
            path = f"{name}.layers.{index}"
            self.place.region = path
            self.regions.append(Region(name=path, stack=name, index=index, template=layer.block.name or "layer"))
            stream = self._layer(path, layer, stream)
        self.place.region, self.place.stack = "", None
        self.carries.close()
        return stream

    def _check_name(self, name: str, stack: Bound) -> None:
        if not is_free_for_modules(name):
            self.place.report.add(
                "E0223",
                f"a stack cannot be called `{name}`: in the built model that name means something else",
                stack.block.keyword_span or stack.block.span,
                help="choose another name, such as `decoder`",
                path=name,
            )

    def _layer(self, path: str, layer: Bound, stream: Value) -> Value:
        norm = layer.slot("norm")
        for part in layer.children:
            name = f"{path}.{part.block.slot}"
            if part.block.slot == "moe":
                stream = self._moe(name, part, norm, stream)
            elif part is not norm:
                stream = self._wrap(f"{name}_norm", norm, stream, self._sublayer(name, part), self._residual(name))
        return stream

    def _wrap(self, stem: str, norm: Bound | None, x: Value, f: Sublayer, join: Join) -> Value:
        """A sublayer with its residual connection and norm; `moedsl/README.md` has the table of `place`."""
        if norm is None:
            return join(x, f(x))
        where = getattr(norm.op, "place", "pre")
        if where == "pre":
            return join(x, f(self._norm(stem, norm, x)))
        if where == "post":
            return self._norm(stem, norm, join(x, f(x)))
        u = f(self._norm(f"{stem}_in", norm, x))
        if where == "sandwich":
            return join(x, self._norm(f"{stem}_out", norm, u))
        return self._norm(f"{stem}_out", norm, join(x, u))

    def _norm(self, name: str, norm: Bound, x: Value) -> Value:
        return self.place.op(name, norm, x, shape=STREAM)

    def _sublayer(self, name: str, part: Bound) -> Sublayer:
        return lambda x: self.place.op(name, part, x, shape=STREAM, carries=self.carries)

    def _residual(self, name: str) -> Join:
        return lambda x, u: self.place.wire(f"{name}_residual", "add", x, u, shape=STREAM, residual=True)

    # ---- mixture of experts

    def _moe(self, name: str, moe: Bound, norm: Bound | None, stream: Value) -> Value:
        """The mixture, once wrapped; twice when it has a norm of its own."""
        inner, momentum = moe.slot("norm"), moe.slot("momentum")
        step = self._residual(f"{name}.mixture" if inner else name)
        if momentum is not None:
            step = self._momentum(f"{name}.momentum", momentum)
        if inner is None:
            return self._wrap(f"{name}_norm", norm, stream, lambda x: self._mixture(name, moe, x), step)
        return self._wrap(
            f"{name}_norm",
            norm,
            stream,
            lambda h: self._wrap(f"{name}.norm", inner, h, lambda x: self._mixture(name, moe, x), step),
            self._residual(name),
        )

    def _momentum(self, name: str, momentum: Bound) -> Join:
        return lambda x, u: self.place.op(name, momentum, x, u, shape=STREAM, carries=self.carries, residual=True)

    def _mixture(self, name: str, moe: Bound, x: Value) -> Value:
        """Route, dispatch, apply the experts, combine; add the shared experts."""
        router, dispatch, experts = (moe.filled(slot) for slot in ("router", "dispatch", "experts"))
        kin, sizes = (router, experts, dispatch), _moe_sizes(self.place.sizes, experts, router, dispatch)
        x = self._shifted(name, moe.slot("momentum"), x)
        tokens = self.place.wire(f"{name}.tokens", "flatten", x, shape=TOKENS)
        routing = self.place.op(f"{name}.router", router, tokens, sizes=sizes, kin=kin, carries=self.carries)
        routing = self._handed_on(name, routing, x, sizes)
        seen = self._seen_by_experts(name, router, tokens, routing)
        slots = self.place.op(f"{name}.dispatch", dispatch, seen, routing, sizes=sizes, kin=kin)
        rows = self.place.op(f"{name}.experts", experts, slots, sizes=sizes, kin=kin)
        mixed = self.place.call(f"{name}.combine", dispatch, "combine", rows, slots, routing, seen, shape=TOKENS)
        shared = moe.slot("shared")
        if shared is not None:
            dense = self.place.op(f"{name}.shared", shared, tokens, shape=TOKENS)
            mixed = self.place.wire(f"{name}.sum", "add", mixed, dense, shape=TOKENS)
        rate = getattr(moe.op, "dropout", 0.0)
        if rate > 0:
            mixed = self.place.wire(f"{name}.dropout", "dropout", mixed, shape=TOKENS, rate=rate)
        self._side_outputs(name, moe, routing, sizes)
        return self.place.wire(f"{name}.mixture", "unflatten", mixed, x, shape=STREAM)

    def _shifted(self, name: str, momentum: Bound | None, x: Value) -> Value:
        """What router and experts see: some momenta look ahead along the velocity."""
        if momentum is None or not getattr(momentum.op, "shifts_input", False):
            return x
        carried = self.carries.read(momentum, f"{name}.momentum", self.place.sizes)
        return self.place.call(f"{name}.lookahead", momentum, "lookahead", Use(value=x), *carried, shape=STREAM)

    def _handed_on(self, name: str, routing: Value, x: Value, sizes: Mapping[str, int]) -> Value:
        """The routing, its choice left for later layers where one reads it."""
        if not self.carries.are_read("route", "route_weights"):
            return routing
        return self.place.wire(f"{name}.route", "route", routing, x, sizes=sizes, carries=self.carries)

    def _seen_by_experts(self, name: str, router: Bound, tokens: Value, routing: Value) -> Value:
        """What is dispatched: the tokens, or what the router made of them."""
        if not getattr(router.op, "scales_tokens", False):
            return tokens
        return self.place.wire(f"{name}.scaled", "scale_tokens", tokens, routing, shape=TOKENS)

    def _side_outputs(self, name: str, moe: Bound, routing: Value, sizes: Mapping[str, int]) -> None:
        """Losses and expert loads: results of the model, never attributes of a module."""
        load = self.place.wire(f"{name}.load", "expert_load", routing, shape=("E",), num_experts=sizes["num_experts"])
        self.outputs.append(Output(name=name, value=load, role="load"))
        for loss in moe.slots("loss"):
            path = f"{name}.loss.{loss.op.keyword}"
            value = self.place.op(path, loss, routing, sizes=sizes)
            self.outputs.append(Output(name=path, value=value, role="loss"))


def _entry(embed: Bound) -> Input:
    """What the model is called with: token ids, or hidden states where nothing embeds."""
    if getattr(embed.op, "input_name", "tokens") == "tokens":
        return Input(name="tokens", shape=("B", "S"), dtype="int")
    return Input(name="features", shape=STREAM)


def _stack_name(stack: Bound) -> str:
    return stack.block.name or "stack"


def _moe_sizes(given: Mapping[str, int], *ops: Bound) -> dict[str, int]:
    """The model's sizes and what the parts of one mixture add for each other."""
    sizes = dict(given)
    for bound in ops:
        sizes.update(bound.op.sizes(sizes))
    return sizes


def _walk(bound: Bound) -> Iterator[Bound]:
    yield bound
    for child in bound.children:
        yield from _walk(child)
