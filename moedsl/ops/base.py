"""What an op is: a schema, its parameters, carries and costs as data, and one tensor function.

An op file holds, in this order: docstring with the paper and the equation, fields, sizes, parameters, problems,
carries, costs, `forward`, `reference`. `forward` is the algorithm on tensors; `reference` is the same in plain Python,
slowly, as the paper writes it, and shares no code with it. Tests compare the two.

`p` in `forward(self, p, x_BSD)` holds the op's parameters and buffers as attributes (`p.gate`), and `p.training`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from moedsl.types import DType, Shape

Effect = Literal["cosmetic", "execution", "training", "init", "numerics", "params", "interface"]
"""The most that editing a field can change, mildest first. Diff levels, digests and hover text derive from it."""

Scope = Literal["token", "prefix", "sequence", "batch"]
"""Which positions an output may depend on: its own, those up to it, its whole sequence, the whole batch."""

SCOPES: tuple[Scope, ...] = ("token", "prefix", "sequence", "batch")
"""The scopes, narrowest first."""

Sizes = Mapping[str, int]
"""Named sizes that an op can rely on: `d_model`, `num_experts`, `top_k`, `vocab_size`, and what the op itself adds."""


def field(
    default: Any = ...,
    *,
    effect: Effect,
    description: str,
    inherit: bool = False,
    component: str | None = None,
    unit: str | None = None,
    **constraints: Any,
) -> Any:
    """A field that a user may write, with what editing it can change.

    Args:
        default: The value when it is not written; `...` makes the field required.
        effect: The most that an edit can change.
        description: One sentence, shown by hover and `explain`.
        inherit: Take the value of the enclosing block's field of the same name when it is not written here.
        component: The kind of op that the value names (`init`), for fields that hold a component.
        unit: What the number counts, for messages: `tokens`, `bytes`, `seconds`.
        **constraints: pydantic's own: `ge`, `gt`, `le`, `lt`, `min_length`, …
    """
    extra = {"effect": effect, "inherit": inherit, "component": component, "unit": unit}
    return Field(default, description=description, json_schema_extra=extra, **constraints)


@dataclass(frozen=True, slots=True, kw_only=True)
class Init:
    """How a parameter starts, as data. Reproducible from the seed and the parameter's path alone."""

    rule: Literal["normal", "uniform", "constant"]
    scale: float
    """Standard deviation, half width, or the constant."""
    truncate: float | None = None
    """Cut a normal at this many standard deviations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Param:
    """A learnable tensor (or a buffer) as data: enough to count, check, initialise and diff it without torch."""

    axes: tuple[str, ...]
    """Names of sizes, outermost first: `("num_experts", "d_ff", "d_model")`; `()` is a scalar."""
    init: Init
    trainable: bool = True
    """False makes it a buffer: kept in the checkpoint, never given to the optimizer."""
    dtype: DType = "float"
    shared: bool = False
    """One tensor for all ops of this kind in the same stack that share one of this name and shape."""
    tied_to: str | None = None
    """The slot whose parameter of the same shape this one is: `embed.table`."""
    per_token: float = 1.0
    """The share of it that one token uses: `top_k / num_experts` for routed experts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Carry:
    """State that crosses layers: what an op reads from an earlier one or leaves for a later one."""

    shape: Shape = ("B", "S", "d_model")
    """Letters for run-time axes, names of sizes for fixed ones."""
    dtype: DType = "float"
    start: Literal["zeros", "required"] = "zeros"
    """What the first reader gets: zeros, or an error because an earlier producer must exist."""
    scope: Scope = "token"
    """Which positions the state at one position depends on."""
    agree: tuple[str, ...] = ()
    """Named sizes, beside those of its shape, that must be the same where it is written and where it is read."""
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """State that crosses calls: what decoding or the next segment needs of the past, for one op."""

    shape: Shape
    """With `L` for the growing axis of cached positions, or a fixed size for a window."""
    dtype: DType = "float"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one token costs in a forward pass, averaged over a sequence of `seq` tokens."""

    flops: float = 0.0
    """Multiplications and additions of matrix products, each counted as one (a product of m*k and k*n is 2mkn)."""
    cache_values: float = 0.0
    """Numbers that decoding keeps per sequence, for `seq` positions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What the types of the fields cannot say: a code, the field at fault, and the words."""

    code: str
    message: str
    field: str | None = None
    help: str | None = None
    other: str | None = None
    """A size whose setting explains it (`num_experts`); its place becomes the second label."""


class Op(BaseModel):
    """Base of every op. Instances are frozen, compare by value, and hold no tensors."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)

    kind: ClassVar[str] = ""
    """Set by `register`."""
    keyword: ClassVar[str] = ""
    """Set by `register`: what the user writes."""
    paper: ClassVar[str] = ""
    """Where the mathematics stands: authors, year, section or equation, arXiv number."""
    uses: ClassVar[frozenset[str]] = frozenset()
    """Context that `forward` takes by keyword: `positions` (as `positions_S`, [S] int) and `cache` (see `caches`)."""
    inline: ClassVar[bool] = False
    """Whether lowering writes the op's own tensor calls into the graph instead of one call of a module; for wiring."""
    numerics_version: ClassVar[int] = 1
    params_version: ClassVar[int] = 1
    rejects: ClassVar[tuple[tuple[dict[str, Any], dict[str, int], str], ...]] = ()
    """Examples that `problems` must refuse: fields, sizes, code."""
    examples: ClassVar[tuple[dict[str, Any], ...]] = ()
    """Fields to test together, beside the defaults and each choice of each field alone."""

    def sizes(self, given: Sizes) -> dict[str, int]:
        """Sizes this op adds to `given`, for its own parameters and for its siblings."""
        return {}

    def parameters(self, sizes: Sizes) -> dict[str, Param]:
        """Parameters and buffers by name. `sizes` holds what was given and what `sizes()` added."""
        return {}

    def problems(self, sizes: Sizes) -> Iterable[Problem]:
        """What is wrong with these fields at these sizes; nothing when they fit."""
        return ()

    def reads(self) -> dict[str, Carry]:
        """Carries that `forward` takes by keyword."""
        return {}

    def writes(self) -> dict[str, Carry]:
        """Carries that `forward` returns, in a dict beside its result; they travel on where some op reads them."""
        return {}

    def caches(self, sizes: Sizes) -> tuple[Cache, ...]:
        """What `forward` keeps between calls, in the order of the tuple it takes and returns as `cache`."""
        return ()

    def cost(self, sizes: Sizes, seq: int) -> Cost:
        """What one token costs at a sequence length of `seq`."""
        return Cost()

    def reach(self) -> Scope:
        """Which positions an output depends on. A causal stack takes `token` and `prefix`."""
        return "token"

    def forward(self, p: Any, *inputs: Any, **context: Any) -> Any:
        """The op on tensors; its kind (see `ops/kinds.py`) fixes inputs and result."""
        raise NotImplementedError(f"{self.kind} {self.keyword} has no forward")


def effect_of(op: type[Op], name: str) -> Effect:
    """The effect class of a field."""
    return _extra(op, name)["effect"]


def component_of(op: type[Op], name: str) -> str | None:
    """The kind of component a field holds, or none for plain values."""
    return _extra(op, name)["component"]


def inherits(op: type[Op], name: str) -> bool:
    """Whether a field left out takes the enclosing block's value."""
    return _extra(op, name)["inherit"]


def _extra(op: type[Op], name: str) -> dict[str, Any]:
    extra = op.model_fields[name].json_schema_extra
    assert isinstance(extra, dict), f"{op.__name__}.{name} is not declared with `field(...)`"
    return dict(extra)
