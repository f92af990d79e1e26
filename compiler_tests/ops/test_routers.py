import pytest
import torch

from compiler_tests.ops.harness import (
    BATCH,
    GIVEN,
    SEQ,
    TOKENS,
    Case,
    dense_weights,
    empty_cache,
    label,
    sizes_of,
    variants,
)
from moedsl.ops.routers.adaptive_cluster import AdaptiveCluster
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


# ---- adaptive clustering

ADAPTIVE = [op for op in variants(AdaptiveCluster) if op.label == "top1"]
SCOPES = ("batch", "sequence", "prefix")


@pytest.mark.parametrize("op", variants(AdaptiveCluster), ids=label)
def test_cluster_weights_are_constants_to_the_gradient(op, monkeypatch) -> None:
    case = Case(op)
    x_TD = case.args[0].requires_grad_()
    leaves = [*case.p.parameters(), x_TD]
    cotangent = torch.randn(TOKENS, NUM_EXPERTS, dtype=torch.float64, generator=torch.Generator().manual_seed(5))

    def logits(*_) -> torch.Tensor:
        return case.forward(x_TD, **case.context)[0].logits_TE

    free = torch.autograd.grad((logits() * cotangent).sum(), leaves)
    route, route_weights = case.context["route"], case.context.get("route_weights")
    weights, _ = op._weights_of_clusters(x_TD.detach(), route, NUM_EXPERTS, None)
    scale = op._scale(weights, route, route_weights)
    monkeypatch.setattr(AdaptiveCluster, "_scale", lambda *_: scale)
    assert torch.autograd.gradcheck(logits, leaves, fast_mode=True, atol=1e-6)
    for mine, held in zip(free, torch.autograd.grad((logits() * cotangent).sum(), leaves), strict=True):
        torch.testing.assert_close(mine, held)


@pytest.mark.parametrize("scope", SCOPES)
def test_scope_says_how_far_a_token_is_felt(scope) -> None:
    """The last token of the first sequence, moved, is felt by earlier ones, and by the other sequence, or not."""
    case = Case(AdaptiveCluster(scope=scope))
    route = torch.arange(SEQ).remainder(2)[None, :, None].expand(BATCH, -1, 2)
    before = case.forward(*case.args, route=route)[0].scale_TD.unflatten(0, (BATCH, SEQ))
    case.args[0][SEQ - 1] += 1.0
    after = case.forward(*case.args, route=route)[0].scale_TD.unflatten(0, (BATCH, SEQ))
    earlier, other = not torch.equal(before[0, :-1], after[0, :-1]), not torch.equal(before[1], after[1])
    assert (earlier, other) == (scope != "prefix", scope == "batch")


@pytest.mark.parametrize("scope", SCOPES)
def test_neutral_clusters_of_one_token_scale_nothing(scope) -> None:
    """All in one cluster but one token, alone in its own; another cluster is empty."""
    case = Case(AdaptiveCluster(scope=scope, small_clusters="neutral"))
    route = torch.zeros(BATCH, SEQ, 2, dtype=torch.int64)
    route[0, 1] = 2
    scale = case.forward(*case.args, route=route)[0].scale_TD.unflatten(0, (BATCH, SEQ))
    torch.testing.assert_close(scale[0, 1], torch.ones_like(scale[0, 1]))
    if scope != "prefix":
        torch.testing.assert_close(scale[1], torch.ones_like(scale[1]))  # the one cluster over its own mean


@pytest.mark.parametrize("op", ADAPTIVE, ids=label)
def test_clusters_without_spread_give_finite_gradients(op) -> None:
    """All tokens equal, and all in one cluster."""
    case = Case(op)
    x_TD = torch.ones_like(case.args[0]).requires_grad_()
    routing, _ = case.forward(x_TD, route=torch.zeros(BATCH, SEQ, 2, dtype=torch.int64))
    routing.weights_TK.square().sum().backward()
    assert routing.scale_TD.isfinite().all()
    assert x_TD.grad.isfinite().all()
    assert all(parameter.grad.isfinite().all() for parameter in case.p.parameters())


def test_statistics_stay_exact_under_autocast() -> None:
    case = Case(AdaptiveCluster(), dtype=torch.float32)
    plain = case.forward(*case.args, **case.context)[0]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(case.forward(*case.args, **case.context)[0].scale_TD, plain.scale_TD)


def test_caches_of_statistics_leave_half_precision() -> None:
    case = Case(AdaptiveCluster(scope="prefix"), dtype=torch.bfloat16)
    _, cache = case.forward(*case.args, **case.context, cache=empty_cache(case.op, torch.bfloat16))
    assert [t.dtype for t in cache] == [torch.float32, torch.int64, torch.float32, torch.float32]
