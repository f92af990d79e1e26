"""Wiring: which nodes a spec becomes, in which order, and what flows between them."""

from __future__ import annotations

import pytest

from moedsl.checker.run import check
from moedsl.ir.graph import Graph

SPEC = """
model M {{
  d_model = 8
  embed token {{ vocab_size = 16 }}
  layer sparse {{
    norm layernorm {{ place = {place} }}
    attention softmax {{ num_heads = 2 }}
    moe {{
      {inner}
      router topk {{ top_k = 2 }}
      experts ffn {{ num_experts = 4  d_ff = 8 }}
      {extra}
    }}
  }}
  stack decoder {{ causal = true  layers = [sparse] * 2 }}
  head lm {{ tie = embed }}
}}
"""


def build(place: str = "pre", inner: str = "", extra: str = "") -> Graph:
    result = check(SPEC.format(place=place, inner=inner, extra=extra))
    assert result.ok, result.diagnostics
    assert result.graph is not None
    return result.graph


def first_layer(graph: Graph) -> list[str]:
    prefix = "decoder.layers.0."
    return [n.name.removeprefix(prefix) for n in graph.region_nodes("decoder.layers.0")]


MIXTURE = ["moe.tokens", "moe.router", "moe.dispatch", "moe.experts", "moe.combine", "moe.load", "moe.mixture"]


@pytest.mark.parametrize(
    ("place", "attention"),
    [
        ("pre", ["attention_norm", "attention", "attention_residual"]),
        ("post", ["attention", "attention_residual", "attention_norm"]),
        ("sandwich", ["attention_norm_in", "attention", "attention_norm_out", "attention_residual"]),
        ("pre_post", ["attention_norm_in", "attention", "attention_residual", "attention_norm_out"]),
    ],
)
def test_place_says_where_norms_stand(place, attention):
    assert first_layer(build(place))[: len(attention)] == attention


def test_a_norm_inside_moe_wraps_the_mixture_twice():
    nodes = first_layer(build("post", inner="norm layernorm { place = post }"))
    assert nodes[3:] == [*MIXTURE, "moe.mixture_residual", "moe.norm", "moe_residual", "moe_norm"]


def test_momentum_replaces_the_addition_and_is_carried_through_depth():
    graph = build(extra="momentum heavy_ball { mu = 0.5 }")
    carries = [(e.source, e.target, e.channel) for e in graph.edges if e.role == "carry"]
    assert carries == [
        ("decoder.velocity_start", "decoder.layers.0.moe.momentum", ""),
        ("decoder.layers.0.moe.momentum", "decoder.layers.1.moe.momentum", "velocity"),
    ]
    assert "moe_residual" not in first_layer(graph)


def test_losses_and_loads_are_outputs():
    graph = build(extra="loss load_balance { weight = 0.01 }")
    assert [(o.name, o.role) for o in graph.outputs] == [
        ("logits", "result"),
        ("decoder.layers.0.moe", "load"),
        ("decoder.layers.0.moe.loss.load_balance", "loss"),
        ("decoder.layers.1.moe", "load"),
        ("decoder.layers.1.moe.loss.load_balance", "loss"),
    ]


def test_shared_experts_are_added_to_the_routed_ones():
    assert "moe.sum" in first_layer(build(extra="shared mlp { d_ff = 8 }"))


def test_a_tied_head_borrows_the_embedding():
    assert build().params["head.weight"].tied_to == "embed.table"


def test_expert_parameters_know_what_one_token_uses():
    assert build().params["decoder.layers.0.moe.experts.w_in"].per_token == 2 / 4


def test_fields_left_out_have_a_history_too():
    graph = build()
    (origin,) = graph.source_map.fields["decoder.layers.0.attention", "causal"]
    assert (origin.how, origin.value) == ("inherited", True)
    (origin,) = graph.source_map.fields["decoder.layers.0.moe.router", "renormalize"]
    assert (origin.how, origin.value) == ("default", True)
