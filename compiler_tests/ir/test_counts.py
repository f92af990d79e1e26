"""Counts: against sums done by hand, and against themselves."""

from __future__ import annotations

import pytest

from compiler_tests.ir.graphs import balance, block, dense, model, momentum, sparse
from moedsl.ir import counts
from moedsl.ir.graph import Graph

D, V, E, F, K = 8, 16, 4, 8, 2
NORM = D
MLP = 2 * D * 16 + D + 16
EXPERT = 2 * D * F + D + F
SPARSE = 2 * NORM + MLP + E * D + E * EXPERT
DENSE = NORM + MLP


def mixed(tie: str = "embed") -> Graph:
    return model(sparse(momentum(), balance()), sparse(momentum()), dense(), tie=tie)


def test_parameters_by_hand():
    assert counts.total_params(mixed()) == V * D + 2 * SPARSE + DENSE + NORM
    assert counts.active_params(mixed()) == V * D + 2 * (SPARSE - (E - K) * EXPERT) + DENSE + NORM


def test_a_tied_table_counts_once():
    assert counts.total_params(mixed("none")) - counts.total_params(mixed()) == V * D
    assert counts.active_params(mixed("none")) - counts.active_params(mixed()) == V * D
    assert counts.embedding_params(mixed("none")) == counts.embedding_params(mixed()) == V * D


def test_a_buffer_is_no_parameter_and_weighs():
    with_buffer, without = model(sparse(expert_bias=True)), model(sparse())
    assert counts.total_params(with_buffer) == counts.total_params(without)
    assert counts.active_params(with_buffer) == counts.active_params(without)
    assert counts.weight_bytes(with_buffer, "float32") - counts.weight_bytes(without, "float32") == 4 * E


@pytest.mark.parametrize(
    ("dtype", "size"), [("float64", 8), ("float32", 4), ("bfloat16", 2), ("float8", 1), ("int4", 0.5)]
)
def test_weights_weigh_their_dtype(dtype, size):
    assert counts.weight_bytes(mixed(), dtype) == counts.total_params(mixed()) * size


@pytest.mark.parametrize("count", [counts.weight_bytes, counts.kv_cache, counts.layers])
def test_an_unknown_dtype_is_refused_with_the_known_ones(count):
    with pytest.raises(ValueError, match=r"no number format `bfloat17`: use one of float64, .*, bfloat16"):
        count(mixed(), dtype="bfloat17")


def test_operations_by_hand():
    mixture = 2 * D * E + K * 4 * D * F
    assert counts.flops_per_token(mixed(), 64) == 2 * mixture + 3 * 4 * D * 16 + 2 * D * V


def test_depth_and_width():
    assert (counts.depth(mixed()), counts.width(mixed())) == (3, D)


def test_the_cache_grows_with_the_sequence_the_batch_and_the_dtype():
    attention = block("layer a", block("norm rmsnorm"), block("attention softmax", num_heads=2))
    graph = model(attention, attention)
    assert counts.kv_cache(graph, batch=1, seq=10, dtype="bfloat16") == 2 * 2 * D * 10 * 2
    assert counts.kv_cache(graph, batch=3, seq=20, dtype="float32") == 12 * counts.kv_cache(graph, batch=1, seq=10)
    assert counts.kv_cache(mixed()) == 0


def test_the_table_of_layers_adds_up():
    rows = counts.layers(mixed("none"), seq=64, dtype="float32")
    assert [(r.name, r.template) for r in rows] == [
        ("embed", "embedding token"),
        ("decoder.layers.0", "sparse"),
        ("decoder.layers.1", "sparse1"),
        ("decoder.layers.2", "dense"),
        ("norm", "norm rmsnorm"),
        ("head", "head lm"),
    ]
    assert sum(r.total_params for r in rows) == counts.total_params(mixed("none"))
    assert sum(r.active_params for r in rows) == counts.active_params(mixed("none"))
    assert sum(r.flops_per_token for r in rows) == counts.flops_per_token(mixed("none"), 64)
    assert sum(r.weight_bytes for r in rows) == counts.weight_bytes(mixed("none"), "float32")


def test_the_largest_contributors_join_equal_places():
    assert counts.largest_contributors(mixed(), 3) == (
        ("decoder.layers.*.moe.experts", 2 * E * EXPERT),
        ("decoder.layers.*.ffn", 3 * MLP),
        ("embed", V * D),
    )
    by_work = counts.largest_contributors(mixed(), 1, lambda node: node.cost(64).flops)
    assert by_work == (("decoder.layers.*.ffn", 3 * 4 * D * 16),)


def test_mixtral_8x7b_has_its_published_size():
    layer = block(
        "layer sparse",
        block("norm rmsnorm"),
        block("attention softmax", num_heads=32, num_kv_heads=8),
        block("moe", block("router topk", top_k=2), block("experts glu", num_experts=8, d_ff=14336)),
    )
    graph = model(*[layer] * 32, d_model=4096, vocab_size=32000, tie="none")
    assert counts.total_params(graph) == 46_702_792_704
    assert counts.active_params(graph) == 12_879_925_248
