"""What every op must do, by registration alone: the tests of this file collect the registry."""

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from compiler_tests.ops import harness
from compiler_tests.ops.harness import ALL_OPS, TENSOR_OPS, Case, flat, label, name_of, sizes_of, variants
from moedsl.ops.base import Carry, Op, component_of, effect_of, inherits
from moedsl.ops.kinds import KINDS

CODES = Path(__file__).parents[2] / "moedsl" / "codes"
EFFECTS = ("cosmetic", "execution", "training", "init", "numerics", "params", "interface")
VARIANTS = [op for cls in TENSOR_OPS for op in variants(cls)]
CACHING = [op for op in VARIANTS if op.caches(sizes_of(op)) and op.reach() in ("token", "prefix")]
WITH_PARAMETERS = [op for op in VARIANTS if op.parameters(sizes_of(op))]

NO_GRADIENT = {("attention-softmax", "b_k"), ("attention-elliptical", "b_k")}
"""A key's bias adds the same to all scores of a query, which a softmax does not see."""

HELD_CONSTANT = ("router-adaptive_cluster", "attention-elliptical", "attention-elliptical_window")
"""Ops with statistics that are constants to the gradient; their gradients are tested beside their kind."""

every_op = pytest.mark.parametrize("cls", ALL_OPS, ids=name_of)
every_tensor_op = pytest.mark.parametrize("cls", TENSOR_OPS, ids=name_of)
every_variant = pytest.mark.parametrize("op", VARIANTS, ids=label)


# ---- the schema


@every_op
def test_fields_are_described_and_classed(cls: type[Op]) -> None:
    for name, info in cls.model_fields.items():
        assert info.description, f"{name} has no description"
        assert info.description.endswith("."), f"{name}: a description is a sentence"
        assert effect_of(cls, name) in EFFECTS
        assert (component_of(cls, name) or "init") in KINDS
        assert inherits(cls, name) in (True, False)


@every_op
def test_docstrings_say_what_it_is(cls: type[Op]) -> None:
    module = sys.modules[cls.__module__]
    for text in (module.__doc__, cls.__doc__):
        assert text is not None
        assert text.strip().split("\n")[0].endswith((".", ",", ":")), text


@every_tensor_op
def test_the_paper_of_the_class_stands_in_the_docstring(cls: type[Op]) -> None:
    doc = sys.modules[cls.__module__].__doc__ or ""
    for number in re.findall(r"arXiv (\d{4}\.\d{4,5})", cls.paper):
        assert number in doc, f"{cls.paper} is not named in the module's docstring"
    assert "Axes:" in doc or "axes B S D" in doc, "the docstring has no legend of axis letters"


@every_op
def test_rejects_are_rejected_with_their_code(cls: type[Op]) -> None:
    for fields, sizes, code in cls.rejects:
        op = cls(**{**harness.required(cls), **fields})
        codes = [p.code for p in op.problems({**sizes, **op.sizes(sizes)})]
        assert codes == [code], (fields, sizes)
        assert (CODES / f"{code}.md").exists(), f"{code} has no page"


@every_tensor_op
def test_every_code_has_an_example_that_is_rejected(cls: type[Op]) -> None:
    text = Path(harness.source_of(cls)).read_text()
    own = {node.value for node in ast.walk(ast.parse(text)) if _is_code(node)}
    assert own <= {code for _, _, code in cls.rejects}


def _is_code(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Constant) and isinstance(node.value, str) and bool(re.fullmatch(r"[EW]\d{4}", node.value))
    )


@every_tensor_op
def test_problems_are_messages_with_a_way_out(cls: type[Op]) -> None:
    for fields, sizes, _ in cls.rejects:
        op = cls(**{**harness.required(cls), **fields})
        for problem in op.problems({**sizes, **op.sizes(sizes)}):
            assert problem.help
            assert problem.field is None or problem.field in cls.model_fields
            assert not problem.message.endswith(".")


def test_no_op_file_imports_torch() -> None:
    code = "import sys; from moedsl.ops.registry import load_all; list(load_all()); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# ---- parameters


@pytest.mark.parametrize("op", WITH_PARAMETERS, ids=label)
def test_parameters_have_known_axes_and_a_sane_start(op: Op) -> None:
    sizes = sizes_of(op)
    for name, param in op.parameters(sizes).items():
        assert set(param.axes) <= set(sizes), f"{name} has an axis of unknown size"
        assert name.isidentifier()
        assert param.init.rule == "constant" or param.init.scale > 0
        assert 0 < param.per_token <= 1


@every_tensor_op
def test_init_field_reaches_a_parameter(cls: type[Op]) -> None:
    fields = [n for n in cls.model_fields if component_of(cls, n) == "init"]
    for name in fields:
        start = harness.initialiser("constant", value=0.625)
        op = cls(**harness.required(cls), **{name: start})
        inits = [p.init for p in op.parameters(sizes_of(op)).values()]
        assert any(i.rule == "constant" and i.scale == 0.625 for i in inits), f"`{name}` changes no parameter"
    takes_init = any(p.init.rule != "constant" for p in cls(**harness.required(cls)).parameters(_sizes(cls)).values())
    assert bool(fields) >= takes_init, "parameters start at random and no field says how"


def _sizes(cls: type[Op]) -> dict[str, int]:
    return sizes_of(cls(**harness.required(cls)))


# ---- numbers


@every_variant
def test_forward_equals_reference(op: Op) -> None:
    case = Case(op)
    _assert_close(case.compared(), case.reference())


def _assert_close(found: Any, expected: Any) -> None:
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key in expected:
            _assert_close(found[key], expected[key])
    else:
        found, expected = (_tensors(v) for v in (found, expected))
        assert len(found) == len(expected)
        for a, b in zip(found, expected, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


def _tensors(value: Any) -> list[torch.Tensor]:
    """Numbers and regular lists as one tensor; lists that hold dicts as one for each part."""
    if isinstance(value, dict):
        return [t for key in sorted(value) for t in _tensors(value[key])]
    if isinstance(value, list) and any(isinstance(part, dict) for part in value):
        return [t for part in value for t in _tensors(part)]
    return [torch.tensor(value, dtype=torch.float64)]


@pytest.mark.parametrize("op", WITH_PARAMETERS, ids=label)
def test_a_gradient_reaches_every_trainable_parameter(op: Op) -> None:
    case = Case(op, training=True)
    _cotangent_sum(case()).backward()
    for name, parameter in case.p.named_parameters():
        assert parameter.grad is not None, f"{name} gets no gradient"
        if (name_of(type(op)), name) not in NO_GRADIENT:
            assert parameter.grad.abs().max() > 1e-9, f"{name} gets a zero gradient"


def _cotangent_sum(outputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """A random weighted sum of everything differentiable: plain sums hide errors behind normalised outputs."""
    maker = torch.Generator().manual_seed(3)
    found = [t for t in outputs.values() if t.is_floating_point() and t.requires_grad]
    return sum((t * torch.randn(t.shape, generator=maker, dtype=torch.float64).to(t)).sum() for t in found)  # type: ignore[return-value]


@pytest.mark.parametrize("op", [op for op in VARIANTS if name_of(type(op)) not in HELD_CONSTANT], ids=label)
def test_gradients_equal_finite_differences(op: Op) -> None:
    case = Case(op)
    leaves = [*case.p.parameters(), *case.differentiable()]
    if not leaves:
        assert not op.parameters(sizes_of(op))
        return
    torch.autograd.gradcheck(
        lambda *_: tuple(t for t in case().values() if t.requires_grad), leaves, fast_mode=True, atol=1e-6
    )


@every_variant
def test_low_precision_follows_double(op: Op) -> None:
    exact = Case(op)()
    for dtype, tolerance in ((torch.float32, 1e-4), (torch.bfloat16, 0.1)):
        case = Case(op, dtype=dtype)
        if op.kind == "router":
            _assert_same_scores(case.without_cache(), exact, tolerance)
            continue
        for name, found in case().items():
            scale = exact[name].abs().max().clamp_min(1.0)
            error = (found.double() - exact[name].double()).abs().max() / scale
            assert error < tolerance, f"{name} in {dtype} is off by {error}"


def _assert_same_scores(routing: Any, exact: dict[str, torch.Tensor], tolerance: float) -> None:
    """Choices may flip between close experts; scores may not move."""
    expected = exact.get("result.3", exact.get("result.0.3"))
    assert (routing.scores_TE.double() - expected).abs().max() < tolerance
    assert routing.logits_TE.dtype == torch.float32, "routing is decided in float32 or better"


@every_variant
def test_results_keep_the_precision_of_the_stream(op: Op) -> None:
    for dtype in (torch.float32, torch.bfloat16, torch.float64):
        case = Case(op, dtype=dtype)
        result = case.without_cache()
        if op.kind == "loss":
            assert result.dtype == torch.promote_types(dtype, torch.float32)
        elif op.kind == "router":
            assert result.weights_TK.dtype == dtype
        else:
            assert next(t for _, t in flat("", result)).dtype == dtype


@every_variant
def test_evaluation_is_deterministic(op: Op) -> None:
    case = Case(op)
    first, second = case(), case()
    assert all(torch.equal(first[name], second[name]) for name in first)


# ---- what lowering needs


@every_variant
def test_runs_on_fake_and_meta_tensors(op: Op) -> None:
    expected = {name: (t.shape, t.dtype) for name, t in Case(op, dtype=torch.float32)().items()}
    with FakeTensorMode():
        assert {name: (t.shape, t.dtype) for name, t in Case(op, dtype=torch.float32)().items()} == expected
    found = Case(op, dtype=torch.float32).to_meta()()
    assert {name: (t.shape, t.dtype) for name, t in found.items()} == expected


@every_variant
def test_compiled_equals_eager(op: Op) -> None:
    case = Case(op)
    torch._dynamo.reset()
    compiled = torch.compile(harness.Runner(case), backend="eager", fullgraph=True, dynamic=True)
    expected, found = case(), dict(flat("result", compiled(*case.args, **case.context)))
    for name in expected:
        torch.testing.assert_close(found[name], expected[name], rtol=1e-12, atol=1e-12)


@every_variant
def test_flops_are_what_torch_counts(op: Op) -> None:
    case = Case(op, dtype=torch.float32).to_meta()
    with FlopCounterMode(display=False) as counter:
        case()
    tokens = {"experts": 12 / sizes_of(op).get("top_k", 1)}.get(op.kind, harness.TOKENS)
    declared = op.cost(sizes_of(op), harness.SEQ).flops * tokens
    assert declared == pytest.approx(counter.get_total_flops(), rel=0.01)


# ---- caches


@pytest.mark.parametrize("op", CACHING, ids=label)
@pytest.mark.parametrize("parts", [(1,) * 9, (4, 5), (1, 7, 1), (9,)], ids=str)
def test_cached_equals_uncached(op: Op, parts: tuple[int, ...]) -> None:
    case = Case(op)
    x_BSD = case.randn(harness.BATCH, sum(parts), harness.GIVEN["d_model"])
    states = {name: case.state(name, carry, S=sum(parts)) for name, carry in op.reads().items()}
    whole, none = _call(case, x_BSD, states, 0, sum(parts))
    cache, pieces, start = harness.empty_cache(op), [], 0
    for size in parts:
        piece, cache = _call(case, x_BSD, states, start, size, cache=cache)
        pieces.append(piece)
        start += size
    assert none is None
    torch.testing.assert_close(torch.cat(pieces, dim=1), whole, rtol=1e-10, atol=1e-12)


def _call(
    case: Case, x_BSD: torch.Tensor, states: dict[str, torch.Tensor], start: int, size: int, **cache: Any
) -> tuple[torch.Tensor, Any]:
    """An op's result and its next cache on some of the positions."""
    op, x_BSD = case.op, x_BSD[:, start : start + size]
    cut = {name: _cut(state, op.reads()[name], start, size) for name, state in states.items()}
    positions = {"positions_S": torch.arange(start, start + size)} if "positions" in op.uses else {}
    x = x_BSD.flatten(0, 1) if op.kind == "router" else x_BSD
    result, *_, cache = op.forward(case.p, x, **cut, **positions, **cache)
    return result.logits_TE.unflatten(0, x_BSD.shape[:2]) if op.kind == "router" else result, cache


def _cut(state: torch.Tensor, carry: Carry, start: int, size: int) -> torch.Tensor:
    """What a state is in a call on some of the positions; along L, with all rows that are cached before them."""
    if "S" in carry.shape:
        return state.narrow(carry.shape.index("S"), start, size)
    cached = state.shape[carry.shape.index("L")] - 9
    return state.narrow(carry.shape.index("L"), start, cached + size)


@pytest.mark.parametrize("op", CACHING, ids=label)
def test_a_cache_has_the_declared_shape_and_size(op: Op) -> None:
    case = Case(op)
    *_, cache = op.forward(case.p, *case.args, **case.context, cache=harness.empty_cache(op))
    sizes = {**sizes_of(op), "B": harness.BATCH}
    for tensor, declared in zip(cache, op.caches(sizes), strict=True):
        for length, axis in zip(tensor.shape, declared.shape, strict=True):
            assert axis == "L" or length == sizes[axis]
    held = sum(t.numel() for t in cache) / harness.BATCH
    assert op.cost(sizes, harness.SEQ).cache_values == held


# ---- scope


PREFIX = [op for op in VARIANTS if op.kind in ("attention", "dispatch") and op.reach() == "prefix"]


@pytest.mark.parametrize("op", PREFIX, ids=label)
def test_prefix_scope_never_sees_the_future(op: Op) -> None:
    """Changing the last token leaves every earlier result alone."""
    case = Case(op)
    before = case()["result.0" if op.kind == "attention" else "result"]
    case.args[0].select(-2, -1).add_(1.0)
    after = case()["result.0" if op.kind == "attention" else "result"]
    last = after.shape[-2] - 1
    assert torch.equal(before.narrow(-2, 0, last), after.narrow(-2, 0, last))
