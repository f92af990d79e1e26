import pytest
import torch
from torch._dynamo.testing import CompileCounterWithBackend

from compiler_tests.ops.harness import BATCH, GIVEN, SEQ, Case, Runner, empty_cache
from moedsl.ops.attention.softmax import Softmax
from moedsl.ops.attention.window import Window, band, rectangle

D_MODEL = GIVEN["d_model"]


def run(case: Case, x_BSD: torch.Tensor, start: int = 0, cache=None):
    positions = {"positions_S": torch.arange(start, start + x_BSD.shape[1])} if "positions" in case.op.uses else {}
    return case.op.forward(case.p, x_BSD, cache=cache, **positions)


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
        y_BSD, cache = compiled(x_BSD[:, step : step + 1], positions_S=torch.arange(step, step + 1), cache=cache)
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
