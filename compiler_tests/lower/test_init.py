"""Initial values follow from the seed and the parameter's path alone."""

from __future__ import annotations

import torch

from compiler_tests.lower.models import assert_equal_tensors, graph, model
from moedsl.ir.graph import Graph
from moedsl.lower.init import draw
from moedsl.lower.model import lower


def test_the_same_seed_gives_the_same_model():
    torch.manual_seed(1)
    one = model(seed=3)
    torch.manual_seed(2)
    assert_equal_tensors(model(seed=3).state_dict(), one.state_dict(), atol=0)


def test_another_seed_gives_another_model():
    one, other = model(seed=0), model(seed=1)
    assert not torch.equal(one.get_parameter("embed.table"), other.get_parameter("embed.table"))


def test_drawing_leaves_torchs_own_generator_alone():
    before = torch.get_rng_state()
    model()
    assert torch.equal(torch.get_rng_state(), before)


def test_values_do_not_depend_on_what_else_the_model_holds():
    """A layer put in front changes no value of the layers that keep their path."""
    short, long = model(layers="[sparse, dense]"), model(layers="[sparse, dense, sparse]")
    shared = [k for k in short.state_dict() if k.startswith("decoder.layers.")]
    assert_equal_tensors({k: long.state_dict()[k] for k in shared}, {k: short.state_dict()[k] for k in shared}, atol=0)


def test_equal_layers_start_differently():
    gates = [model().get_parameter(f"decoder.layers.{i}.moe.router.gate") for i in (0, 1)]
    assert not torch.equal(*gates)


def test_precisions_are_roundings_of_one_model():
    exact, rounded = model(dtype=torch.float64).state_dict(), model(dtype=torch.bfloat16).state_dict()
    assert_equal_tensors(rounded, {k: v.to(torch.bfloat16) for k, v in exact.items()}, atol=0)


def test_rules_have_the_spread_they_name():
    shape = (400, 500)
    normal = draw("a", shape, "normal", 0.02, seed=0)
    uniform = draw("a", shape, "uniform", 0.5, seed=0)
    cut = draw("a", shape, "normal", 0.02, 1.5, seed=0)
    assert abs(normal.std().item() - 0.02) < 2e-4
    assert abs(normal.mean().item()) < 2e-4
    assert uniform.abs().max().item() <= 0.5
    assert abs(uniform.std().item() - 0.5 / 3**0.5) < 2e-3
    assert cut.abs().max().item() <= 1.5 * 0.02
    assert torch.equal(draw("a", (2,), "constant", 3.0, seed=0), torch.tensor([3.0, 3.0]))


def test_reset_parameters_starts_anew():
    small = model(seed=4)
    with torch.no_grad():
        for p in small.parameters():
            p.add_(1.0)
    small.reset_parameters(seed=4)
    assert_equal_tensors(small.state_dict(), model(seed=4).state_dict(), atol=0)


def test_buffers_are_no_parameters_and_start_too():
    part = "router topk { top_k = 2  expert_bias = true }"
    with_bias: Graph = graph(edits="at all { moe { " + part + " } }", layers="[sparse]")
    small = lower(with_bias)
    assert "decoder.layers.0.moe.router.expert_bias" in dict(small.named_buffers())
    assert "decoder.layers.0.moe.router.expert_bias" in small.state_dict()
    assert not small.get_buffer("decoder.layers.0.moe.router.expert_bias").any()
