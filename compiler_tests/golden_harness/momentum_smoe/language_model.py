"""Segments of a language model, each continuing from the caches of the one before."""

from __future__ import annotations

from typing import Any

import torch

from compiler_tests.golden_harness import switch_and_glam
from compiler_tests.golden_harness.case import Case, Computed
from compiler_tests.golden_harness.compiled import compiled, gradients, graph_of, load
from compiler_tests.golden_harness.momentum_smoe import _spec
from moedsl.ir.graph import Graph, Value
from moedsl.runtime.step import token_loss

SYSTEM = switch_and_glam.System(rule=_spec.rule)


def run(case: Case) -> Computed:
    """What every layer of every segment makes, and the gradients of the last segment's loss."""
    graph = graph_of(switch_and_glam.text(case, SYSTEM))
    probes = _probes(graph)
    model = compiled(graph, probes=probes)
    names = switch_and_glam.weights(case, SYSTEM)
    load(model, case.params, names)
    caches = model.empty_cache(case.config["batch_size"])
    outputs: dict[str, Any] = {}
    for index in range(case.config["num_segments"]):
        out = model(case.inputs[f"segment{index}/tokens"], caches=caches)
        loss, caches = token_loss(out.logits, case.inputs[f"segment{index}/targets"]), out.caches
        found = {**_spec.probed(out.loads, probes), **_next_caches(graph, caches)}
        found |= {"log_probs": out.logits.log_softmax(-1), "nll": loss}
        outputs |= {f"segment{index}/{name}": value for name, value in found.items()}
    loss.backward()
    return Computed(outputs=outputs, gradients=gradients(model, names))


def _probes(graph: Graph) -> dict[str, Value]:
    probes = {}
    for region in graph.regions:
        name, layer = f"layers/{region.index}", region.name
        inside = {
            "attention_output": f"{layer}.attention",
            "moe_sublayer_output": f"{layer}.moe.norm",
            "feed_forward_output": f"{layer}.ffn",
        }
        probes |= _spec.layer_probes(graph, layer, name)
        probes |= {f"{name}/{theirs}": Value(node=ours) for theirs, ours in inside.items() if ours in graph.nodes}
    return probes


def _next_caches(graph: Graph, caches: dict[str, tuple[torch.Tensor, ...]]) -> dict[str, torch.Tensor]:
    nodes = {f"next_cache/{region.index}": f"{region.name}.attention" for region in graph.regions}
    return {name: caches[node][0] for name, node in nodes.items() if node in caches}
