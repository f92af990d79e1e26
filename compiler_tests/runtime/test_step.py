"""One update."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from compiler_tests.runtime.tiny import tiny_job
from moedsl.lower.model import lower
from moedsl.ops.optimizers.adam import Adam
from moedsl.ops.optimizers.adamw import AdamW
from moedsl.runtime.batches import Batch
from moedsl.runtime.step import FiniteGuard, build_optimizer, is_matrix, set_learning_rate, train_step


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    return tiny_job(tmp_path_factory.mktemp("spec")).graph


def start(graph, op=None):
    model = lower(graph, dtype=torch.float64, seed=0).eval()
    return model, build_optimizer(model, graph, op or AdamW(lr=0.01))


def batch(rows=4, seed=0):
    tokens = torch.randint(0, 256, (rows, 17), generator=torch.Generator().manual_seed(seed))
    return Batch(tokens[:, :-1], tokens[:, 1:])


def test_parts_give_the_same_gradient_as_the_whole(graph):
    """Up to the load balance, which is a mean over the part rather than the batch."""
    found = []
    for parts in (1, 2, 4):
        model, optimizer = start(graph)
        model.losses_weight = 0
        result = train_step(model, batch(), optimizer, parts=parts)
        found.append((float(result.loss), sum(int(x.sum()) for x in result.loads.values())))
    assert found[0][0] == pytest.approx(found[1][0], abs=1e-12)
    assert found[0][0] == pytest.approx(found[2][0], abs=1e-12)
    assert {load for _, load in found} == {2 * 2 * 64}


def test_the_loss_falls(graph):
    model, optimizer = start(graph)
    losses = [float(train_step(model, batch(), optimizer, clip=1.0).loss) for _ in range(30)]
    assert losses[-1] < 0.7 * losses[0]


def test_clipping_bounds_the_gradient_and_reports_the_norm_before(graph):
    model, optimizer = start(graph)
    result = train_step(model, batch(), optimizer, clip=1e-3)
    norm = torch.nn.utils.get_total_norm([p.grad for p in model.parameters()])
    assert float(result.grad_norm) > 0.1
    assert float(norm) == pytest.approx(1e-3, rel=1e-3)


def test_auxiliary_losses_are_added_and_reported_apart(graph):
    model, optimizer = start(graph)
    with torch.no_grad():
        out = model(batch().inputs_BS)
    result = train_step(model, batch(), optimizer)
    assert float(result.aux_loss) == pytest.approx(float(sum(out.losses.values())))
    assert float(result.aux_loss) > 0


@pytest.mark.parametrize("op", [Adam(lr=0.01), AdamW(lr=0.01, weight_decay=0.1)], ids=["adam", "adamw"])
def test_optimizers_equal_their_papers(graph, op):
    model, optimizer = start(graph, op)
    path = "decoder.layers.0.moe.experts.w_in"
    weight = model.get_parameter(path)
    expected, m, v = weight.detach().clone(), 0.0, 0.0
    for t in range(1, 4):
        set_learning_rate(optimizer, 0.01 * t)
        train_step(model, batch(seed=t), optimizer)
        g = weight.grad
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        step = (m / (1 - 0.9**t)) / ((v / (1 - 0.999**t)).sqrt() + 1e-8)
        decay = 0.1 if isinstance(op, AdamW) else 0.0
        expected = expected * (1 - 0.01 * t * decay) - 0.01 * t * step
    torch.testing.assert_close(weight.detach(), expected, rtol=0, atol=1e-12)


def test_weight_decay_leaves_norms_biases_and_embeddings_alone(graph):
    decayed = {path for path in graph.params if is_matrix(graph, path)}
    layer = "decoder.layers.0."
    assert {f"{layer}moe.router.gate", f"{layer}moe.experts.w_in", f"{layer}moe.experts.w_out"} <= decayed
    assert not any(path.endswith(("table", "b_in", "b_out", "scale", "bias", "head.weight")) for path in decayed)
    model, optimizer = start(graph, AdamW(lr=0.01, decay_on="all"))
    assert [len(g["params"]) for g in optimizer.param_groups] == [len(list(model.parameters()))]


def test_the_guard_keeps_the_weights_that_a_bad_batch_met(graph):
    model, optimizer = start(graph)
    guard = FiniteGuard(optimizer, torch.device("cpu"))
    states = [weights(model)]
    for bad in (False, True, False):
        hook = model.embed.register_forward_hook(lambda *a: a[2] * float("nan")) if bad else None
        train_step(model, batch(), optimizer, guard=guard)
        if hook:
            hook.remove()
        states.append(weights(model))
    assert [not torch.equal(a, b) for a, b in pairwise(states)] == [True, False, False]


def test_the_guard_serves_optimizers_that_do_not_know_it(graph):
    model, _ = start(graph)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    optimizer._step_supports_amp_scaling = False
    guard = FiniteGuard(optimizer, torch.device("cpu"))
    before = weights(model)
    model.embed.register_forward_hook(lambda *a: a[2] * float("inf"))
    train_step(model, batch(), optimizer, guard=guard)
    assert torch.equal(before, weights(model))


def weights(model):
    return torch.cat([p.detach().flatten().clone() for p in model.parameters()])
