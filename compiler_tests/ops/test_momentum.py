import pytest
import torch

from compiler_tests.ops.harness import Case
from moedsl.ops.momentum.adam import Adam
from moedsl.ops.momentum.complex import Complex
from moedsl.ops.momentum.heavy_ball import HeavyBall
from moedsl.ops.momentum.nesterov import Nesterov
from moedsl.ops.momentum.robust import Robust


def test_without_memory_plus_is_the_plain_residual() -> None:
    case = Case(HeavyBall(mu=0.0, sign="plus"))
    x_BSD, u_BSD = case.args
    assert torch.equal(case()["result.0"], x_BSD + u_BSD)


def test_minus_moves_against_the_mixture() -> None:
    plus, minus = Case(HeavyBall(sign="plus")), Case(HeavyBall())
    torch.testing.assert_close(plus()["result.0"] + minus()["result.0"], 2 * plus.args[0])


def test_complex_without_imaginary_part_is_heavy_ball() -> None:
    turning, straight = Case(Complex(mu_imaginary=0.0)), Case(HeavyBall())
    turning.context["velocity"] = straight.context["velocity"]
    turning.args = straight.args
    torch.testing.assert_close(turning()["result.0"], straight()["result.0"])


def test_robust_constants_are_those_of_the_paper() -> None:
    op = Robust(mu=0.2, gamma=1.25)
    assert [op.step, op.keep, op.ahead, op.ahead * op.step] == pytest.approx([0.96, 0.04, 0.0416667, 0.04], rel=1e-5)


@pytest.mark.parametrize(("op", "share"), [(Robust(), Robust().keep), (Nesterov(), -0.7)], ids=["robust", "nesterov"])
def test_lookahead_follows_the_velocity(op, share) -> None:
    case = Case(op)
    x_BSD, velocity = case.args[0], case.context["velocity"]
    torch.testing.assert_close(op.lookahead(case.p, x_BSD, velocity=velocity), x_BSD + share * velocity)


def test_nesterov_asks_where_a_step_without_mixture_leads() -> None:
    case = Case(Nesterov())
    x_BSD, velocity = case.args[0], case.context["velocity"]
    coasting, _ = case.op.forward(case.p, x_BSD, torch.zeros_like(x_BSD), velocity=velocity)
    torch.testing.assert_close(case.op.lookahead(case.p, x_BSD, velocity=velocity), coasting)


def test_adam_removes_the_stream_and_steps_by_sign() -> None:
    case = Case(Adam(eps=1e-30))
    x_BSD, u_BSD = case.args
    zero = torch.zeros_like(x_BSD)
    y_BSD, _ = case.op.forward(case.p, x_BSD, u_BSD, velocity=zero, first_moment=zero, second_moment=zero)
    torch.testing.assert_close(y_BSD, -(0.1 / 0.001**0.5) * u_BSD.sign())


def test_bias_correction_makes_the_first_step_of_size_one() -> None:
    case = Case(Adam(bias_correction=True, eps=1e-30))
    x_BSD, u_BSD = case.args
    zero = torch.zeros_like(x_BSD)
    states = {name: zero for name in case.op.reads()}
    y_BSD, after = case.op.forward(case.p, x_BSD, u_BSD, **states)
    torch.testing.assert_close(y_BSD, -u_BSD.sign())
    assert after["adam_layers"].unique().tolist() == [1.0]


@pytest.mark.parametrize(
    "op", [HeavyBall(), Adam(bias_correction=True), Robust(), Complex(), Nesterov()], ids=lambda op: op.keyword
)
def test_what_is_read_is_written_and_gradients_cross_it(op) -> None:
    case = Case(op)
    assert op.reads() == op.writes()
    state = case.context["velocity"].requires_grad_()
    _, states = case.forward(*case.args, **case.context)
    assert set(states) == set(op.writes())
    (gradient,) = torch.autograd.grad(states["velocity"], state, torch.ones_like(state))
    assert gradient.abs().min() > 0
