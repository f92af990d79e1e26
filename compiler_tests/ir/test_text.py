"""The text of a graph: golden files for the whole, plain assertions for single marks."""

from __future__ import annotations

from dataclasses import replace

from compiler_tests.ir.graphs import balance, dense, model, momentum, sparse, spec
from moedsl.checker.run import check
from moedsl.ir.graph import Graph
from moedsl.ir.text import to_text


def deep() -> Graph:
    part = (momentum(mu=0.5), balance(weight=0.1))
    return model(*[sparse(*part, place="post")] * 4, dense(), dense(), sparse(*part))


def test_a_whole_graph(golden):
    golden("graphs/small.txt", to_text(model(sparse(momentum(), balance()), dense(), tie="none"), params=True))


def test_equal_layers_are_drawn_once(golden):
    golden("graphs/collapsed.txt", to_text(deep(), collapse=True))


def test_collapsing_keeps_layers_apart_that_take_from_elsewhere():
    graph = deep()
    name = "decoder.layers.2.ffn_residual"
    from_afar = replace(graph[name], inputs=(graph["decoder.layers.1.ffn_residual"].inputs[0], graph[name].inputs[1]))
    text = to_text(replace(graph, nodes={**graph.nodes, name: from_afar}), collapse=True)
    headers = [line for line in text.splitlines() if line.startswith("decoder.layers")]
    assert headers == [
        *("decoder.layers.0: sparse", "decoder.layers.1: sparse", "decoder.layers.2: sparse"),
        *(
            "decoder.layers.3: sparse",
            "decoder.layers.4: dense",
            "decoder.layers.5: dense",
            "decoder.layers.6: sparse1",
        ),
    ]


def test_every_layer_is_written_out_when_nothing_is_collapsed():
    text = to_text(deep())
    assert all(f"decoder.layers.{i}: " in text for i in range(7))
    assert "previous" not in text


def test_parameters_show_ties_buffers_and_starts():
    text = to_text(model(sparse(expert_bias=True)), params=True)
    assert "weight [vocab_size = 16, d_model = 8] tied to embed.table" in text
    assert "expert_bias [num_experts = 4] constant(0), buffer" in text
    assert "table [vocab_size = 16, d_model = 8] normal(0.02)" in text
    assert "table" not in to_text(model(sparse()))


def test_origins_show_the_place_of_nodes_and_of_what_set_a_field():
    text = spec(sparse()).replace("layers = [sparse]", "layers = [sparse]  at 0 { moe.router.top_k = 1 }")
    graph = check(text, path="m.moe").graph
    assert graph is not None
    lines = to_text(graph, origins=True).splitlines()
    at = next(i for i, line in enumerate(lines) if line.strip().startswith("moe.router ="))
    assert lines[at : at + 2] == [
        f"  moe.router = router topk(moe.tokens) {{top_k = 1}}  # m.moe:{_place(text, 'topk')}",
        f"      top_k = 1  # at, m.moe:{_place(text, '1 }')}",
    ]


def _place(text: str, word: str) -> str:
    before = text[: text.index(word)]
    return f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


def test_a_carry_is_an_arrow_and_a_residual_is_named():
    text = to_text(model(sparse(momentum()), sparse(momentum())))
    assert "velocity <~ decoder.velocity_start) ~> velocity : [B, S, d_model]" in text
    assert "velocity <~ decoder.layers.0.moe.momentum) ~> velocity" in text
    assert "wiring add(residual decoder.layers.0.moe.momentum, ffn)" in text


def test_leaks_and_stacks_are_listed():
    graph = replace(model(dense(), causal=False), leaks=("decoder.layers.0.ffn",))
    assert "  stack decoder, not causal\n  leak decoder.layers.0.ffn\n" in to_text(graph)
