"""Runs one op alone: example fields, random parameters and inputs, and its reference on the same numbers."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import torch
from torch.utils._pytree import tree_map_only

import moedsl.lower.kernels  # noqa: F401  registers torch.ops.moedsl
from moedsl.lower.opmodule import FIXED_DTYPES
from moedsl.ops.base import Carry, Op
from moedsl.ops.plain import scale
from moedsl.ops.records import Routing, Slots
from moedsl.ops.registry import find, load_all

BATCH, SEQ, TOKENS = 2, 5, 10
GIVEN = {"d_model": 8, "num_experts": 4, "top_k": 2, "vocab_size": 11}
"""What a model gives its ops, and what the parts of a mixture give each other."""

REQUIRED: dict[str, Any] = {
    "num_heads": 2,
    "num_experts": 4,
    "d_ff": 6,
    "vocab_size": 11,
    "max_positions": 16,
    "span": 3,
}
"""Values for fields without a default; other required numbers get 1."""

LENGTHS = {"B": BATCH, "S": SEQ, "K": 2}
"""What the letters in shapes of carries stand for."""

NEVER_NEGATIVE = {"second_moment", "adam_layers"}
"""Carries that hold squares or counts."""

TENSOR_KINDS = (
    "embedding", "position", "norm", "attention", "ffn", "router", "dispatch", "experts", "momentum", "loss", "head",
)  # fmt: skip

ALL_OPS = tuple(load_all())
TENSOR_OPS = tuple(op for op in ALL_OPS if op.kind in TENSOR_KINDS)


def name_of(op: type[Op]) -> str:
    return f"{op.kind}-{op.keyword}"


def required(cls: type[Op]) -> dict[str, Any]:
    fields = {n: f for n, f in cls.model_fields.items() if f.is_required()}
    return {name: REQUIRED.get(name, _first(f.annotation)) for name, f in fields.items()}


def _first(annotation: Any) -> Any:
    choices = _choices(annotation)
    return choices[0] if choices else {int: 1, float: 1.0, str: "x"}.get(annotation, 1)


def _choices(annotation: Any) -> list[Any]:
    """Every value of a Literal or bool, also inside an optional type."""
    if annotation is bool:
        return [False, True]
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    if get_origin(annotation) in (Union, UnionType):
        return [c for part in get_args(annotation) for c in _choices(part)]
    return []


def variants(cls: type[Op]) -> list[Op]:
    """The op with its defaults, with each other choice of each field, and with what `examples` of the class adds."""
    base = required(cls)
    made = [cls(**base)]
    for name, info in cls.model_fields.items():
        made += [cls(**{**base, name: choice}) for choice in _choices(info.annotation) if choice != info.default]
    made += [cls(**{**base, **fields}) for fields in getattr(cls, "examples", ())]
    return list(dict.fromkeys(op for op in made if not list(op.problems(sizes_of(op)))))


def label(op: Op) -> str:
    shown = [
        f"{n}={getattr(op, n)}"
        for n, f in type(op).model_fields.items()
        if not f.is_required() and getattr(op, n) != f.default
    ]
    return "-".join([name_of(type(op)), *shown])


def sizes_of(op: Op, **given: int) -> dict[str, int]:
    known = {**GIVEN, **given}
    return {**known, **op.sizes(known)}


class Parameters(torch.nn.Module):
    """What ops see as `p`: random numbers in the shapes that the op declares."""

    def __init__(self, op: Op, dtype: torch.dtype, sizes: dict[str, int] | None = None, device: str = "cpu") -> None:
        super().__init__()
        sizes = sizes or sizes_of(op)
        maker = torch.Generator().manual_seed(1)
        for name, spec in op.parameters(sizes).items():
            shape = tuple(sizes[axis] for axis in spec.axes)
            value = torch.randn(shape, dtype=torch.float64, generator=maker).to(device, dtype) * 0.7
            if spec.trainable:
                self.register_parameter(name, torch.nn.Parameter(value))
            else:
                self.register_buffer(name, value)

    def plain(self) -> dict[str, Any]:
        return {name: tensor.detach().tolist() for name, tensor in self.state_dict().items()}


@dataclass
class Case:
    """An op ready to run."""

    op: Op
    dtype: torch.dtype = torch.float64
    device: str = "cpu"
    training: bool = False

    def __post_init__(self) -> None:
        self.p = Parameters(self.op, self.dtype, device=self.device).train(self.training)
        self.random = torch.Generator().manual_seed(7)
        self.args, self.context = self._inputs()

    # ---- inputs

    def randn(self, *shape: int) -> torch.Tensor:
        return torch.randn(shape, dtype=torch.float64, generator=self.random).to(self.device, self.dtype)

    def randint(self, high: int, *shape: int) -> torch.Tensor:
        return torch.randint(high, shape, generator=self.random).to(self.device)

    def stream(self) -> torch.Tensor:
        return self.randn(BATCH, SEQ, GIVEN["d_model"])

    def state(self, channel: str, carry: Carry, **lengths: int) -> torch.Tensor:
        """What an earlier layer may have left; whole numbers count experts."""
        known = {**sizes_of(self.op), **LENGTHS, **lengths}
        known["L"] = known["S"] + known.get("span", 0)
        shape = tuple(known[axis] for axis in carry.shape)  # type: ignore[index]
        if carry.dtype == "int":
            return self.randint(GIVEN["num_experts"], *shape)
        state = self.randn(*shape)
        if "L" in carry.shape:  # nothing stands before the first token
            state.narrow(carry.shape.index("L"), 0, known["L"] - known["S"]).zero_()
        return state.abs() if channel in NEVER_NEGATIVE else state

    def routing(self) -> Routing:
        """A decision for every token, with expert 0 out of work."""
        logits_TE = self.randn(TOKENS, GIVEN["num_experts"])
        allowed_TE = logits_TE.clone()
        allowed_TE[:, 0] = -1e4
        chosen = allowed_TE.topk(GIVEN["top_k"], dim=-1)
        return Routing(chosen.indices, chosen.values.softmax(-1), logits_TE, logits_TE.softmax(-1))

    def slots(self) -> Slots:
        sizes = sizes_of(self.op)
        ends_E = torch.tensor([3, 3, 8, 12][: sizes["num_experts"]], dtype=torch.int32, device=self.device)
        return Slots(self.randn(12, sizes["d_model"]), ends_E, None, None)

    def _inputs(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        context: dict[str, Any] = {name: self.state(name, carry) for name, carry in self.op.reads().items()}
        if "positions" in self.op.uses:
            context["positions_S"] = torch.arange(SEQ, device=self.device)
        return getattr(self, f"_{self.op.kind}_inputs")(), context

    def _embedding_inputs(self) -> tuple[Any, ...]:
        is_tokens = self.op.input_dtype == "int"  # type: ignore[attr-defined]
        return (self.randint(GIVEN["vocab_size"], BATCH, SEQ) if is_tokens else self.stream(),)

    def _router_inputs(self) -> tuple[Any, ...]:
        return (self.randn(TOKENS, GIVEN["d_model"]),)

    def _dispatch_inputs(self) -> tuple[Any, ...]:
        return self.randn(TOKENS, GIVEN["d_model"]), self.routing()

    def _experts_inputs(self) -> tuple[Any, ...]:
        return (self.slots(),)

    def _momentum_inputs(self) -> tuple[Any, ...]:
        return self.stream(), self.stream()

    def _loss_inputs(self) -> tuple[Any, ...]:
        return (self.routing(),)

    def _stream_inputs(self) -> tuple[Any, ...]:
        return (self.stream(),)

    _position_inputs = _norm_inputs = _attention_inputs = _ffn_inputs = _head_inputs = _stream_inputs

    def to_meta(self) -> Case:
        """The same case on the meta device."""
        self.p = self.p.to("meta")
        self.args = tree_map_only(torch.Tensor, lambda t: t.to("meta"), self.args)
        self.context = {name: value.to("meta") for name, value in self.context.items()}
        return self

    # ---- outputs

    def __call__(self, *args: Any, **context: Any) -> dict[str, torch.Tensor]:
        """Everything the op returns, flattened to named float tensors."""
        result = self.forward(*(args or self.args), **{**self.context, **context})
        return dict(flat("result", result))

    def forward(self, *args: Any, **context: Any) -> Any:
        """The op as a lowered model calls it."""
        return Runner(self)(*args, **context)

    def differentiable(self) -> list[torch.Tensor]:
        """Inputs that a gradient may reach, made to ask for one."""
        found = [t for _, t in flat("", (self.args, self.context)) if t.is_floating_point()]
        return [t.requires_grad_() for t in found]

    # ---- reference

    def reference(self) -> Any:
        """What the op's reference gives on the same inputs, in the shape that `compared` gives."""
        plain_args = [as_lists(a) for a in self.args]
        call = getattr(self, f"_{self.op.kind}_reference", None)
        if call is not None:
            return call(*plain_args)
        positions = {k: as_lists(v) for k, v in self.context.items()}
        return self.op.reference(self.p.plain(), *plain_args, **positions)  # type: ignore[attr-defined]

    def without_cache(self) -> Any:
        """What the op gives, the cache aside."""
        result = self.forward(*self.args, **self.context)
        if "cache" not in self.op.uses:
            return result
        *results, cache = result
        assert cache is None, "called without a cache, it must return none"
        return results[0] if len(results) == 1 else results

    def compared(self) -> Any:
        """What the op gives, as lists for `reference`."""
        result = self.without_cache()
        if self.op.kind == "attention":  # references give the result alone
            result = result[0]
        if self.op.kind == "router":
            return as_lists(dense_weights(result, GIVEN["num_experts"]))
        return as_lists(result)

    def _ffn_reference(self, x_BSD: list[Any]) -> list[Any]:
        return [self.op.reference(self.p.plain(), x_SD) for x_SD in x_BSD]  # type: ignore[attr-defined]

    def _dispatch_reference(self, x_TD: list[Any], routing: list[Any]) -> list[Any]:
        expert = lambda e, x_D: scale(x_D, 1.0 + e)  # noqa: E731
        named = dict(zip(Routing._fields, routing, strict=True))
        return self.op.reference(self.p.plain(), x_TD, named, expert)  # type: ignore[attr-defined]

    def _experts_reference(self, slots: list[Any]) -> list[Any]:
        x_RD, ends_E = slots[:2]
        owners = [e for e, (start, end) in enumerate(pairwise([0, *ends_E])) for _ in range(start, end)]
        p = self.p.plain()
        return [self.op.reference(p, e, x_D) for e, x_D in zip(owners, x_RD, strict=True)]  # type: ignore[attr-defined]

    def _momentum_reference(self, x_BSD: list[Any], u_BSD: list[Any]) -> list[Any]:
        """The rule is the same for every entry, so the reference takes one."""
        states = {name: value.flatten().tolist() for name, value in self.context.items()}
        entries = zip(self.args[0].flatten().tolist(), self.args[1].flatten().tolist(), strict=True)
        p, shape = self.p.plain(), self.args[0].shape
        results = [
            self.op.reference(p, x, u, **{n: s[i] for n, s in states.items()})  # type: ignore[attr-defined]
            for i, (x, u) in enumerate(entries)
        ]
        whole = torch.tensor([r[0] for r in results], dtype=torch.float64).view(shape).tolist()
        written = {
            name: torch.tensor([r[1][name] for r in results], dtype=torch.float64).view(shape).tolist()
            for name in self.op.writes()
        }
        return [whole, written]

    def _loss_reference(self, routing: list[Any]) -> float:
        return self.op.reference(self.p.plain(), dict(zip(Routing._fields, routing, strict=True)))  # type: ignore[attr-defined]


class Runner(torch.nn.Module):
    """An op as a leaf of a lowered model: a module that holds it."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        self.op, self.p = case.op, case.p

    def forward(self, *args: Any, **context: Any) -> Any:
        """The op's own call; a dispatch makes its whole round trip."""
        if self.op.kind == "dispatch":
            return round_trip(self.op, self.p, *args)
        return self.op.forward(self.p, *args, **context)


def round_trip(op: Op, p: Any, x_TD: torch.Tensor, routing: Routing) -> torch.Tensor:
    """Dispatch, let expert e multiply its rows by 1 + e, combine."""
    slots = op.forward(p, x_TD, routing)
    num_experts = routing.logits_TE.shape[-1]
    factor_E = 1.0 + torch.arange(num_experts, device=x_TD.device, dtype=x_TD.dtype)
    if slots.ends_E is None:
        y = slots.x * factor_E[:, None, None]
    else:
        rows_R = torch.arange(slots.x.shape[0], device=x_TD.device, dtype=torch.int32)
        y = slots.x * factor_E[torch.searchsorted(slots.ends_E, rows_R, right=True)][:, None]
    return op.combine(p, y, slots, routing, x_TD)  # type: ignore[attr-defined]


def dense_weights(routing: Routing, num_experts: int) -> torch.Tensor:
    weights_TK = routing.weights_TK
    return weights_TK.new_zeros(weights_TK.shape[0], num_experts).scatter(1, routing.experts_TK, weights_TK)


def flat(name: str, value: Any) -> Iterator[tuple[str, torch.Tensor]]:
    """Every tensor inside tuples and dicts, with a name."""
    if isinstance(value, torch.Tensor):
        yield name, value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from flat(f"{name}.{key}", part)
    elif isinstance(value, (tuple, list)):
        for i, part in enumerate(value):
            yield from flat(f"{name}.{i}", part)


def as_lists(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.detach().tolist()
    if isinstance(value, dict):
        return {key: as_lists(part) for key, part in value.items()}
    return [as_lists(part) for part in value] if isinstance(value, (tuple, list)) else value


def empty_cache(op: Op, dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, ...]:
    """What a model's first call with caches gets."""
    sizes = {**sizes_of(op), "B": BATCH, "L": 0}
    return tuple(
        torch.zeros([sizes[a] for a in c.shape], dtype=FIXED_DTYPES.get(c.dtype, dtype))  # type: ignore[index]
        for c in op.caches(sizes)
    )


def initialiser(keyword: str, **fields: Any) -> Op:
    cls = find("init", keyword)
    assert cls is not None
    return cls(**fields)


def source_of(cls: type[Op]) -> str:
    return inspect.getsourcefile(cls) or ""
