"""A mixture's choice that travels to the next one: which graphs have it, what leaks, what decoding gives."""

from __future__ import annotations

import pytest
import torch

from compiler_tests.lower import models
from compiler_tests.lower.test_emit import loaded
from moedsl.checker.run import check
from moedsl.ir.digests import layer_digests
from moedsl.ir.graph import Graph
from moedsl.lower.emit.module import emit_python
from moedsl.lower.model import lower

SPEC = """
model Adaptive {{
  d_model = 8
  embed token {{ vocab_size = 16 }}
  layer sparse {{
    norm rmsnorm {{}}
    attention softmax {{ num_heads = 2 }}
    moe {{
      router adaptive_cluster {{ {router} }}
      experts glu {{ num_experts = 4  d_ff = 8 }}
    }}
  }}
  layer dense {{ norm rmsnorm {{}}  ffn mlp {{ d_ff = 16 }} }}
  stack decoder {{
    causal = true
    faithful = {faithful}
    layers = [sparse, dense, sparse, sparse]
    at 0 {{ moe {{ router topk {{ top_k = 2 }} }} }}
  }}
  head lm {{}}
}}
"""


def graph(router: str = "scope = prefix", *, faithful: bool = False) -> Graph:
    result = check(SPEC.format(router=router, faithful=str(faithful).lower()))
    assert result.graph is not None, result.diagnostics
    return result.graph


def test_the_choice_passes_layers_without_a_mixture():
    carries = [(e.source, e.target) for e in graph().edges if e.channel == "route"]
    assert carries == [
        ("decoder.layers.0.moe.route", "decoder.layers.2.moe.router"),
        ("decoder.layers.2.moe.route", "decoder.layers.3.moe.router"),
    ]


def test_weights_travel_only_where_they_are_mixed():
    assert graph()["decoder.layers.0.moe.route"].writes == ("route",)
    assert graph("scope = prefix  label = mixed")["decoder.layers.0.moe.route"].writes == ("route", "route_weights")


def test_a_stack_that_nobody_clusters_in_has_no_such_plumbing():
    assert not [node.name for node in models.graph() if node.op.keyword == "route"]


def test_adaptive_layers_share_their_code():
    adaptive = graph()
    digests = layer_digests(adaptive)
    assert digests["decoder.layers.2"] == digests["decoder.layers.3"]
    layers = lower(adaptive).layers
    assert type(layers["decoder.layers.2"]) is type(layers["decoder.layers.3"])


@pytest.mark.parametrize("scope", ["batch", "sequence"])
def test_a_leak_must_be_asked_for(scope):
    (error,) = check(SPEC.format(router=f"scope = {scope}", faithful="false")).diagnostics
    assert error.code == "E0506"
    assert graph(f"scope = {scope}", faithful=True).leaks == (
        "decoder.layers.2.moe.router",
        "decoder.layers.3.moe.router",
    )


@pytest.mark.parametrize(("scope", "leaks"), [("batch", True), ("sequence", True), ("prefix", False)])
def test_the_last_token_is_felt_by_earlier_ones_only_where_it_leaks(scope, leaks):
    model = lower(graph(f"scope = {scope}", faithful=True), dtype=torch.float64)
    tokens = models.tokens(length=12)
    before = model(tokens).logits
    tokens[:, -1] = (tokens[:, -1] + 1) % 16
    moved = (before - model(tokens).logits)[:, :-1].abs().max()
    assert moved > 1e-6 if leaks else moved < 1e-12  # experts that get other rows round differently


@pytest.mark.parametrize(
    "router", ["scope = prefix", "scope = prefix  dispersion = variance  small_clusters = neutral"]
)
@pytest.mark.parametrize("sizes", [(1,) * 9, (4, 1, 4)], ids=str)
def test_decoding_a_prefix_equals_one_call(router, sizes):
    model = lower(graph(router), dtype=torch.float64)
    tokens, caches, pieces = models.tokens(length=9), model.empty_cache(2), []
    for piece in tokens.split(sizes, dim=1):
        out = model(piece, caches=caches)
        caches = out.caches
        pieces.append(out.logits)
    torch.testing.assert_close(torch.cat(pieces, dim=1), model(tokens).logits, rtol=1e-10, atol=1e-12)


def test_experts_may_get_scaled_tokens():
    scaled = graph("scope = prefix  expert_input = scaled")
    assert scaled["decoder.layers.2.moe.dispatch"].inputs[0].value.node == "decoder.layers.2.moe.scaled"
    model = lower(scaled, dtype=torch.float64)
    out = model(models.tokens())
    out.logits.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_it_can_be_emitted():
    adaptive = graph("scope = prefix  expert_input = scaled  label = mixed")
    made = loaded(emit_python(adaptive)).Adaptive().double()
    model = lower(adaptive, dtype=torch.float64)
    made.load_state_dict(model.state_dict())
    torch.testing.assert_close(made(models.tokens()).logits, model(models.tokens()).logits)


def test_it_compiles_whole():
    torch._dynamo.reset()
    model = lower(graph("scope = prefix"), dtype=torch.float64)
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(models.tokens()).logits, model(models.tokens()).logits)
