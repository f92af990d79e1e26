import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import moedsl.lower.kernels  # noqa: F401
from moedsl.ops import numerics

OPS = torch.ops.moedsl
ROWS, EXPERTS, WIDTH, HIDDEN = 7, 4, 3, 5
ENDS = torch.tensor([2, 2, 6, 7], dtype=torch.int32)


def operands(dtype: torch.dtype = torch.float64, grad: bool = True) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    maker = torch.Generator().manual_seed(0)
    x_RD = torch.randn(ROWS, WIDTH, generator=maker, dtype=torch.float64).to(dtype).requires_grad_(grad)
    weight_EFD = torch.randn(EXPERTS, HIDDEN, WIDTH, generator=maker, dtype=torch.float64).to(dtype)
    return x_RD, weight_EFD.requires_grad_(grad), ENDS


def by_hand(x_RD: torch.Tensor, weight_EFD: torch.Tensor) -> torch.Tensor:
    owner_R = torch.tensor([0, 0, 2, 2, 2, 2, 3])
    return torch.einsum("rd,rfd->rf", x_RD, weight_EFD[owner_R])


@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [(torch.float64, 1e-14), (torch.float32, 1e-5), (torch.bfloat16, 6e-2), (torch.float16, 1e-2)],
)
def test_each_row_meets_its_own_expert(dtype: torch.dtype, tolerance: float) -> None:
    x_RD, weight_EFD, ends_E = operands(dtype, grad=False)
    y_RF = OPS.grouped_linear(x_RD, weight_EFD, ends_E)
    assert y_RF.dtype == dtype
    torch.testing.assert_close(
        y_RF.double(), by_hand(x_RD.double(), weight_EFD.double()), atol=tolerance, rtol=tolerance
    )


def test_first_and_second_derivatives() -> None:
    x_RD, weight_EFD, ends_E = operands()
    torch.autograd.gradcheck(OPS.grouped_linear, (x_RD, weight_EFD, ends_E))
    torch.autograd.gradgradcheck(OPS.grouped_linear, (x_RD, weight_EFD, ends_E))
    grad_RF = torch.randn(ROWS, HIDDEN, dtype=torch.float64, requires_grad=True)
    torch.autograd.gradcheck(OPS.grouped_outer, (grad_RF, x_RD, ends_E))


def test_an_expert_without_rows_gets_a_zero_gradient() -> None:
    x_RD, weight_EFD, ends_E = operands()
    OPS.grouped_linear(x_RD, weight_EFD, ends_E).sum().backward()
    assert weight_EFD.grad is not None
    assert weight_EFD.grad[1].abs().max() == 0
    assert weight_EFD.grad[0].abs().max() > 0


def test_no_rows_at_all() -> None:
    x_RD = torch.zeros(0, WIDTH, requires_grad=True)
    weight_EFD = torch.ones(EXPERTS, HIDDEN, WIDTH, requires_grad=True)
    y_RF = OPS.grouped_linear(x_RD, weight_EFD, torch.zeros(EXPERTS, dtype=torch.int32))
    y_RF.sum().backward()
    assert y_RF.shape == (0, HIDDEN)
    assert weight_EFD.grad is not None
    assert weight_EFD.grad.abs().max() == 0


def test_opcheck() -> None:
    torch.library.opcheck(OPS.grouped_linear.default, operands())
    x_RD, _, ends_E = operands()
    torch.library.opcheck(OPS.grouped_outer.default, (torch.randn(ROWS, HIDDEN, dtype=torch.float64), x_RD, ends_E))


def test_flops_are_counted_forward_and_backward() -> None:
    one = 2 * ROWS * WIDTH * HIDDEN
    x_RD, weight_EFD, ends_E = (t.detach().to("meta") for t in operands())
    with FlopCounterMode(display=False) as forward:
        y_RF = OPS.grouped_linear(x_RD.requires_grad_(), weight_EFD.requires_grad_(), ends_E)
    with FlopCounterMode(display=False) as backward:
        y_RF.sum().backward()
    assert (forward.get_total_flops(), backward.get_total_flops()) == (one, 2 * one)


def test_function_transforms_take_the_plain_path() -> None:
    x_RD, weight_EFD, ends_E = operands(grad=False)
    loss = lambda w: numerics.grouped_linear(x_RD, w, ends_E).square().sum()  # noqa: E731
    expected = torch.func.grad(lambda w: by_hand(x_RD, w).square().sum())(weight_EFD)
    torch.testing.assert_close(torch.func.grad(loss)(weight_EFD), expected)
    batch = torch.stack([x_RD, 2 * x_RD])
    mapped = torch.vmap(lambda x: numerics.grouped_linear(x, weight_EFD, ends_E))(batch)
    torch.testing.assert_close(mapped, torch.stack([by_hand(x, weight_EFD) for x in batch]))


def test_compiled_equals_eager_for_any_number_of_rows() -> None:
    compiled = torch.compile(OPS.grouped_linear, backend="aot_eager", fullgraph=True, dynamic=True)
    _, weight_EFD, _ = operands(torch.float32, grad=False)
    for ends in ([2, 2, 6, 7], [1, 3, 3, 11]):
        x_RD, ends_E = torch.randn(ends[-1], WIDTH), torch.tensor(ends, dtype=torch.int32)
        torch.testing.assert_close(
            compiled(x_RD, weight_EFD, ends_E), OPS.grouped_linear(x_RD, weight_EFD, ends_E), rtol=0, atol=0
        )


def test_backward_does_not_grow_with_the_square_of_experts() -> None:
    """Slicing a bank in a loop makes a whole zero bank per expert; the operator makes one bank in all."""
    num_experts = 64
    weight_EFD = torch.randn(num_experts, 8, 8, requires_grad=True)
    x_RD, ends_E = torch.randn(num_experts, 8), torch.arange(1, num_experts + 1, dtype=torch.int32)
    y_RF = OPS.grouped_linear(x_RD, weight_EFD, ends_E)
    with torch.profiler.profile(profile_memory=True, activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        y_RF.sum().backward()
    allocated = sum(e.self_cpu_memory_usage for e in profile.key_averages() if e.self_cpu_memory_usage > 0)
    assert allocated < 4 * weight_EFD.nelement() * 4
