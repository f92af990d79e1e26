"""The builder's plumbing against its references."""

import pytest
import torch

from compiler_tests.ops.harness import BATCH, GIVEN, SEQ, TOKENS, as_lists
from moedsl.ops.records import Routing
from moedsl.ops.registry import find, keywords

X_BSD = torch.randn(BATCH, SEQ, GIVEN["d_model"], generator=torch.Generator().manual_seed(0), dtype=torch.float64)
EXPERTS_TK = torch.tensor([[0, 2], [2, 3], [2, 0]])
ROUTING = Routing(EXPERTS_TK, None, None, None)
SCALED = Routing(None, None, None, None, X_BSD.flatten(0, 1).cos())
CHOICE_TK = torch.arange(2 * TOKENS).view(TOKENS, 2)
CHOSEN = Routing(CHOICE_TK, CHOICE_TK / 7, None, None)


def named(routing):
    return {name: value.tolist() for name, value in routing._asdict().items() if value is not None}


CASES = {
    "dropout": ({"rate": 0.5}, (X_BSD.flatten(0, 1),), (X_BSD.flatten(0, 1).tolist(),)),
    "expert_load": ({"num_experts": 4}, (ROUTING,), (EXPERTS_TK.tolist(),)),
    "flatten": ({}, (X_BSD,), (X_BSD.tolist(),)),
    "positions": ({}, (X_BSD[..., 0],), (X_BSD[..., 0].tolist(),)),
    "route": ({}, (CHOSEN, X_BSD), (named(CHOSEN), X_BSD.tolist())),
    "scale_tokens": ({}, (X_BSD.flatten(0, 1), SCALED), (X_BSD.flatten(0, 1).tolist(), named(SCALED))),
    "unflatten": ({}, (X_BSD.flatten(0, 1), X_BSD), (X_BSD.flatten(0, 1).tolist(), X_BSD.tolist())),
    "zeros": ({}, (X_BSD,), (X_BSD.tolist(),)),
}


class Evaluation:
    training = False


def test_every_wiring_is_tested() -> None:
    assert {*CASES, "add"} == set(keywords("wiring"))


@pytest.mark.parametrize("keyword", CASES)
def test_forward_equals_reference(keyword) -> None:
    fields, tensors, lists = CASES[keyword]
    op = find("wiring", keyword)(**fields)
    result = op.forward(Evaluation, *tensors)
    result = result[0] if "cache" in op.uses else result
    if op.writes():
        result = named(result[0]), result[1]
    assert as_lists(result) == as_lists(op.reference(None, *lists))


def test_add_is_the_sum_of_each_entry() -> None:
    op = find("wiring", "add")()
    total = op.forward(None, X_BSD, 2 * X_BSD).flatten()
    assert total.tolist() == [op.reference(None, x, 2 * x) for x in X_BSD.flatten().tolist()]


def test_positions_go_on_from_the_cache() -> None:
    op = find("wiring", "positions")()
    tokens_BS = torch.zeros(BATCH, SEQ, dtype=torch.int64)
    positions_S, (following,) = op.forward(None, tokens_BS, cache=(torch.tensor(3),))
    assert positions_S.tolist() == op.reference(None, tokens_BS.tolist(), offset=3)
    assert int(following) == 3 + SEQ


def test_dropout_keeps_the_mean_in_training() -> None:
    class Training:
        training = True

    torch.manual_seed(0)
    kept = find("wiring", "dropout")(rate=0.25).forward(Training, torch.ones(100, TOKENS * 10))
    assert kept.unique().tolist() == pytest.approx([0.0, 4 / 3])
    assert float(kept.mean()) == pytest.approx(1.0, abs=0.05)
