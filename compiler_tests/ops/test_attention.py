import pytest
import torch
from torch._dynamo.testing import CompileCounterWithBackend

from compiler_tests.ops.harness import BATCH, GIVEN, SEQ, Case, Runner, empty_cache, label, variants
from moedsl.ops.attention._shared import split_heads
from moedsl.ops.attention.elliptical import Elliptical
from moedsl.ops.attention.elliptical_window import EllipticalWindow
from moedsl.ops.attention.softmax import Softmax
from moedsl.ops.attention.window import Window, band, rectangle

D_MODEL = GIVEN["d_model"]


def run(case: Case, x_BSD: torch.Tensor, start: int = 0, cache=None):
    positions = {"positions_S": torch.arange(start, start + x_BSD.shape[1])} if "positions" in case.op.uses else {}
    y_BSD, _, cache = case.op.forward(case.p, x_BSD, cache=cache, **positions)
    return y_BSD, cache


def test_one_key_value_head_for_all_is_the_same_head_repeated() -> None:
    shared, full = Case(Softmax(num_heads=4, num_kv_heads=1)), Case(Softmax(num_heads=4))
    full.p.load_state_dict({n: t.repeat(4, 1) if n in ("w_k", "w_v") else t for n, t in shared.p.state_dict().items()})
    x_BSD = shared.stream()
    torch.testing.assert_close(run(shared, x_BSD)[0], run(full, x_BSD)[0])


def test_rotary_scores_depend_on_distance_alone() -> None:
    case = Case(Softmax(num_heads=2, position="rotary", causal=True))
    x_BSD = case.stream()
    torch.testing.assert_close(run(case, x_BSD, start=0)[0], run(case, x_BSD, start=100)[0])


def test_a_wide_window_is_no_window() -> None:
    narrow, wide, none = (Case(Softmax(num_heads=2, causal=True, window=w)) for w in (2, SEQ, None))
    x_BSD = none.stream()
    torch.testing.assert_close(run(wide, x_BSD)[0], run(none, x_BSD)[0])
    assert not torch.allclose(run(narrow, x_BSD)[0], run(none, x_BSD)[0])


def test_a_window_keeps_no_more_than_it_needs() -> None:
    case = Case(Softmax(num_heads=2, causal=True, window=3))
    cache = empty_cache(case.op)
    for step in range(6):
        _, cache = run(case, case.randn(BATCH, 1, D_MODEL), step, cache)
    assert cache[0].shape[2] == 3


@torch.no_grad()
def test_decoding_compiles_once_for_a_growing_cache() -> None:
    torch._dynamo.reset()
    case = Case(Softmax(num_heads=2, num_kv_heads=1, causal=True, position="rotary"))
    counter = CompileCounterWithBackend("eager")
    compiled = torch.compile(Runner(case), backend=counter, fullgraph=True, dynamic=True)
    x_BSD = case.randn(BATCH, 9, D_MODEL)
    whole, _ = run(case, x_BSD)
    cache = run(case, x_BSD[:, :3], 0, empty_cache(case.op))[1]
    frames = []
    for step in range(3, 9):
        y_BSD, _, cache = compiled(x_BSD[:, step : step + 1], positions_S=torch.arange(step, step + 1), cache=cache)
        torch.testing.assert_close(y_BSD, whole[:, step : step + 1])
        frames.append(counter.frame_count)
    assert frames[0] == frames[-1]


@pytest.mark.parametrize(
    "op", [Softmax(num_heads=2, num_kv_heads=1, causal=True, window=4), Window(num_heads=2, span=3)]
)
def test_exports_with_any_length(op) -> None:
    case = Case(op, dtype=torch.float32)

    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.runner = Runner(case)

        def forward(self, x_BSD):
            positions = {"positions_S": torch.arange(x_BSD.shape[1])} if "positions" in op.uses else {}
            return self.runner(x_BSD, **positions)[0]

    length = torch.export.Dim("length", min=2, max=512)
    program = torch.export.export(Model(), (case.randn(1, 8, D_MODEL),), dynamic_shapes={"x_BSD": {1: length}})
    for size in (8, 3, 21):
        x_BSD = case.randn(1, size, D_MODEL)
        torch.testing.assert_close(program.module()(x_BSD), Model()(x_BSD))


def test_dropout_acts_on_weights_in_training_only() -> None:
    for op in (Softmax(num_heads=2, dropout=0.5), Window(num_heads=2, span=3, dropout=0.5)):
        training, evaluation = Case(op, training=True), Case(op)
        assert not torch.equal(run(training, training.args[0])[0], run(training, training.args[0])[0])
        assert torch.equal(run(evaluation, evaluation.args[0])[0], run(evaluation, evaluation.args[0])[0])


def test_attention_runs_in_low_precision_under_autocast() -> None:
    for op in (Softmax(num_heads=2, causal=True, qk_norm="head", position="rotary"), Window(num_heads=2, span=3)):
        case = Case(op, dtype=torch.float32)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rough, cache = run(case, case.args[0], 0, empty_cache(op, torch.float32))
            again, _ = run(case, case.args[0], SEQ, cache)
        assert rough.dtype == again.dtype == torch.bfloat16
        torch.testing.assert_close(rough.float(), run(case, case.args[0])[0], rtol=0.1, atol=0.3)


# ---- window


def test_a_position_sees_the_span_before_it_and_never_itself() -> None:
    case = Case(Window(num_heads=2, span=2))
    x_BSD = case.stream().requires_grad_()
    y_BSD, _ = run(case, x_BSD)
    (reach,) = torch.autograd.grad(y_BSD[0, 3], x_BSD, torch.randn(D_MODEL, dtype=torch.float64))
    assert [bool(v) for v in reach[0].abs().sum(-1) > 0] == [False, True, True, True, False]
    assert torch.equal(run(case, x_BSD)[0][:, 0], torch.zeros_like(y_BSD[:, 0])), (
        "nothing stands before the first token"
    )


def test_zero_rows_take_their_share_of_the_softmax() -> None:
    """With equal scores, position 1 gives its single predecessor one span-th of the weight."""
    case = Case(Window(num_heads=1, span=4))
    with torch.no_grad():
        for name in ("w_q", "w_k"):
            getattr(case.p, name).zero_()
        for name in ("w_v", "w_o"):
            getattr(case.p, name).copy_(torch.eye(D_MODEL))
    x_BSD = case.stream()
    torch.testing.assert_close(run(case, x_BSD)[0][:, 1], x_BSD[:, 0] / 4)


def test_the_next_cache_is_the_last_span_of_inputs_without_gradient() -> None:
    case = Case(Window(num_heads=2, span=3))
    x_BSD = case.randn(BATCH, 2, D_MODEL).requires_grad_()
    past = case.randn(BATCH, 3, D_MODEL)
    _, (following,) = run(case, x_BSD, cache=(past,))
    assert not following.requires_grad
    assert torch.equal(following, torch.cat((past, x_BSD), dim=1)[:, -3:])


def test_relative_keys_are_one_tensor_for_the_stack() -> None:
    shared = {name for name, p in Window(num_heads=2, span=3).parameters({"d_model": 8}).items() if p.shared}
    assert shared == {"relative_key"}


@pytest.mark.parametrize(("num_rows", "width"), [(1, 1), (1, 4), (4, 1), (5, 3), (3, 5)])
def test_band_and_rectangle_are_inverse(num_rows, width) -> None:
    scores = torch.arange(1.0, num_rows * (num_rows + width - 1) + 1).view(1, num_rows, -1)
    expected = torch.stack([scores[0, i, i : i + width] for i in range(num_rows)])
    assert torch.equal(band(scores, width)[0], expected)
    inside = rectangle(band(scores, width))
    assert torch.equal(inside[inside != 0], expected.flatten())
    assert torch.equal(band(inside, width)[0], expected)


# ---- elliptical

ELLIPTICAL = [op for cls in (Elliptical, EllipticalWindow) for op in variants(cls)]


@pytest.mark.parametrize("op", ELLIPTICAL, ids=label)
def test_the_metric_is_a_constant_to_the_gradient(op) -> None:
    """What it is made of gets no gradient, and with the metric held fixed the rest is differentiated exactly."""
    case = Case(op)
    x_BSD, below = case.args[0].requires_grad_(), case.context["values"].requires_grad_()
    leaves = [*case.p.parameters(), x_BSD]
    y_BSD, written, _ = case.forward(*case.args, **case.context)
    assert not written["metric"].requires_grad
    cotangent = case.randn(*y_BSD.shape)
    free = torch.autograd.grad((y_BSD * cotangent).sum(), [*leaves, below], allow_unused=True)
    assert free[-1] is None

    def held(*_) -> torch.Tensor:
        return held_at(case, written["metric"])

    assert torch.autograd.gradcheck(held, leaves, fast_mode=True, atol=1e-6)
    for mine, other in zip(free, torch.autograd.grad((held() * cotangent).sum(), leaves), strict=False):
        torch.testing.assert_close(mine, other)


def held_at(case: Case, metric: torch.Tensor) -> torch.Tensor:
    """The attention with a metric that is given."""
    op, p, x_BSD = case.op, case.p, case.args[0]
    if isinstance(op, EllipticalWindow):
        k, v, _ = op._keys_and_values(p, x_BSD, None)
        return op._attend(p, split_heads(x_BSD @ p.w_q.mT, op.num_heads) * metric, k, v)
    q, k, v = op._project(p, x_BSD, case.context["positions_S"])
    return op._attend(p, q * metric, k, v, None)[0]


@pytest.mark.parametrize("op", ELLIPTICAL, ids=label)
def test_equal_layers_fall_back_to_plain_attention(op) -> None:
    """Values that have not moved leave queries as they are, and gradients finite."""
    case = Case(op)
    case.context["values"] = case.forward(*case.args, **case.context)[1]["values"].detach()
    y_BSD, written, _ = case.forward(case.args[0].requires_grad_(), **case.context)
    y_BSD.square().sum().backward()
    assert torch.equal(written["metric"], torch.full_like(written["metric"], float(op.normalize != "none")))
    assert case.args[0].grad.isfinite().all()


@pytest.mark.parametrize("cls", [Elliptical, EllipticalWindow])
def test_the_metric_is_exact_in_half_precision(cls) -> None:
    fields = {"num_heads": 2, **({"span": 3} if cls is EllipticalWindow else {})}
    metric = [Case(cls(**fields), dtype=dtype)() for dtype in (torch.bfloat16, torch.float64)]
    assert metric[0]["result.1.metric"].dtype == torch.float32
    assert (metric[0]["result.1.metric"].amax(-1) == 1).all()
    assert (metric[1]["result.1.metric"].amax(-1) == 1).all()
