import pytest
import torch

from compiler_tests.ops.harness import GIVEN, TOKENS, Case, dense_weights, sizes_of
from moedsl.ops.routers.noisy_topk import NoisyTopK
from moedsl.ops.routers.switch import Switch
from moedsl.ops.routers.topk import TopK

NUM_EXPERTS = GIVEN["num_experts"]


def route(op, training=False, **dtype):
    case = Case(op, training=training, **dtype)
    return case.forward(*case.args)


@pytest.mark.parametrize("op", [TopK(), TopK(score="sigmoid"), TopK(score_over="chosen"), NoisyTopK()], ids=str)
def test_renormalised_weights_sum_to_one(op) -> None:
    torch.testing.assert_close(route(op).weights_TK.sum(-1), torch.ones(TOKENS, dtype=torch.float64))


def test_experts_of_a_token_differ_and_stand_best_first() -> None:
    routing = route(TopK(top_k=3))
    assert all(len(set(row)) == 3 for row in routing.experts_TK.tolist())
    assert (routing.weights_TK.diff(dim=-1) <= 0).all()


def test_expert_bias_changes_the_choice_and_no_weight() -> None:
    case = Case(TopK(top_k=1, expert_bias=True, renormalize=False))
    case.p.expert_bias.copy_(torch.tensor([0.0, 0.0, 0.0, 100.0]))
    routing = case.forward(*case.args)
    assert routing.experts_TK.unique().tolist() == [3]
    torch.testing.assert_close(routing.weights_TK, routing.scores_TE[:, 3:])


def test_groups_are_ranked_by_their_two_best_scores() -> None:
    scores_TE = torch.tensor([[0.9, 0.0, 0.5, 0.6]])
    both = TopK(top_k=1, num_groups=2, top_groups=1)
    best = TopK(top_k=1, num_groups=2, top_groups=1, group_score="max")
    assert both._within_groups(scores_TE).isinf().tolist() == [[True, True, False, False]]
    assert best._within_groups(scores_TE).isinf().tolist() == [[False, False, True, True]]


@pytest.mark.parametrize(
    "op", [TopK(gate_noise=0.5), TopK(jitter=0.3), Switch(jitter=0.3), NoisyTopK()], ids=lambda op: op.keyword
)
def test_noise_acts_in_training_only(op) -> None:
    def weights(training: bool) -> torch.Tensor:
        case = Case(op, training=training)
        return dense_weights(case.forward(*case.args), NUM_EXPERTS)

    torch.manual_seed(0)
    assert not torch.equal(weights(True), weights(True))
    assert torch.equal(weights(False), weights(False))


def test_losses_see_logits_without_noise() -> None:
    assert torch.equal(route(TopK(gate_noise=0.5), training=True).logits_TE, route(TopK()).logits_TE)


def test_routing_is_decided_in_float32_under_autocast() -> None:
    case = Case(TopK(), dtype=torch.float32)
    plain = case.forward(*case.args)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(case.forward(*case.args).logits_TE, plain.logits_TE)


def test_vanishing_sigmoid_scores_give_no_nan() -> None:
    case = Case(TopK(score="sigmoid"), dtype=torch.float32)
    x_TD = -1e4 * case.p.gate.detach().sum(0, keepdim=True)
    assert case.forward(x_TD).weights_TK.isfinite().all()


def test_switch_takes_one_expert() -> None:
    assert sizes_of(Switch())["top_k"] == 1
    assert route(Switch()).experts_TK.shape == (TOKENS, 1)
