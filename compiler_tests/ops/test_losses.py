import math

import pytest
import torch

from compiler_tests.ops.harness import Case
from moedsl.ops.losses.importance import Importance
from moedsl.ops.losses.load_balance import LoadBalance
from moedsl.ops.losses.router_z import RouterZ
from moedsl.ops.records import Routing

TOKENS, EXPERTS, TOP_K = 8, 4, 2


def uniform() -> Routing:
    """Every expert chosen equally often, with equal logits."""
    experts_TK = torch.arange(TOKENS * TOP_K).view(TOKENS, TOP_K) % EXPERTS
    logits_TE = torch.zeros(TOKENS, EXPERTS, dtype=torch.float64)
    return Routing(experts_TK, torch.full(experts_TK.shape, 0.5, dtype=torch.float64), logits_TE, logits_TE.softmax(-1))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [({}, 1.0), ({"load_per": "token"}, TOP_K), ({"probability_per": "assignment"}, 1 / TOP_K)],
    ids=["switch", "mixtral", "momentum_smoe"],
)
def test_load_balance_of_a_uniform_router(fields, expected) -> None:
    assert float(LoadBalance(weight=1.0, **fields).forward(None, uniform())) == pytest.approx(expected)


def test_load_balance_is_lowest_when_balanced() -> None:
    lopsided = uniform()._replace(experts_TK=torch.zeros(TOKENS, TOP_K, dtype=torch.int64))
    logits_TE = torch.zeros(TOKENS, EXPERTS, dtype=torch.float64)
    logits_TE[:, 0] = 2.0
    op = LoadBalance(weight=1.0)
    assert op.forward(None, lopsided._replace(logits_TE=logits_TE)) > op.forward(None, uniform())


def test_importance_of_equal_experts_is_zero() -> None:
    for of in ("scores", "weights"):
        assert float(Importance(weight=1.0, of=of).forward(None, uniform())) == pytest.approx(0.0)


def test_router_z_is_the_squared_log_of_the_normaliser() -> None:
    assert float(RouterZ(weight=1.0).forward(None, uniform())) == pytest.approx(math.log(EXPERTS) ** 2)


@pytest.mark.parametrize("op", [LoadBalance(), RouterZ(), Importance()], ids=lambda op: op.keyword)
def test_losses_reach_the_router_and_scale_with_their_weight(op) -> None:
    case = Case(op)
    routing = case.args[0]
    logits_TE = routing.logits_TE.requires_grad_()
    once = op.forward(None, routing._replace(scores_TE=logits_TE.softmax(-1)))
    double = type(op)(weight=2 * op.weight).forward(None, routing._replace(scores_TE=logits_TE.softmax(-1)))
    (gradient,) = torch.autograd.grad(once, logits_TE)
    assert gradient.abs().max() > 0
    torch.testing.assert_close(double, 2 * once)


@pytest.mark.parametrize("op", [LoadBalance(), RouterZ(), Importance(of="weights")], ids=lambda op: op.keyword)
def test_losses_are_float32_under_low_precision(op) -> None:
    assert Case(op, dtype=torch.bfloat16)()["result"].dtype == torch.float32
