"""One segment of a language model that continues from given caches, and the gradients of its loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from compiler_tests.golden_harness import switch_and_glam
from compiler_tests.golden_harness.case import Case, Computed
from compiler_tests.golden_harness.compiled import compiled, gradients, graph_of, load
from moedsl.ir.graph import Graph, Value
from moedsl.ops.records import Routing
from moedsl.runtime.step import token_loss


def run(case: Case, system: switch_and_glam.System, inside: Mapping[str, str]) -> Computed:
    """What every layer makes.

    Args:
        case: Its `cache` holds each layer's inputs before the segment.
        system: What its layers are made of.
        inside: Names of a layer's results beyond its mixture's, and the node or carry (`attention:values`) they are.
    """
    graph = graph_of(switch_and_glam.text(case, system))
    probes = {name: value for region in graph.regions for name, value in _probes(graph, region.index, inside)}
    model = compiled(graph, probes=probes)
    names = switch_and_glam.weights(case, system)
    load(model, case.params, names)
    attentions = [f"{region.name}.attention" for region in graph.regions]
    before = zip(attentions, case.inputs["cache"], strict=True)
    caches = model.empty_cache(case.config["batch_size"]) | {name: (rows,) for name, rows in before}
    out = model(case.inputs["tokens"], caches=caches)
    loss = token_loss(out.logits, case.inputs["targets"])
    loss.backward()
    outputs = {name: value for probe in probes for name, value in _named(probe, out.loads[probe])}
    outputs |= {"log_probs": out.logits.log_softmax(-1), "nll": loss}
    outputs["next_cache"] = torch.stack([out.caches[name][0] for name in attentions])
    return Computed(outputs=outputs, gradients=gradients(model, names))


def _probes(graph: Graph, index: int, inside: Mapping[str, str]) -> list[tuple[str, Value]]:
    layer = f"decoder.layers.{index}"
    wanted = {"router_input": "moe.tokens", "routing": "moe.router", **inside}
    found = [(f"layers/{index}/output", Value(node=graph.region_nodes(layer)[-1].name))]
    for name, path in wanted.items():
        part, _, port = path.partition(":")
        node = graph.nodes.get(f"{layer}.{part}")
        if node is not None and (not port or port in node.op.writes()):
            found.append((f"layers/{index}/{name}", Value(node=node.name, port=port)))
    return found


def _named(name: str, value: Any) -> list[tuple[str, Any]]:
    """A router's record becomes what cases call its parts."""
    if not isinstance(value, Routing):
        return [(name, value)]
    parts = {
        "router_logits": value.logits_TE,
        "topk_indices": value.experts_TK,
        "topk_scores": value.weights_TK,
        "token_weights": value.scale_TD,
    }
    layer = name.rpartition("/")[0]
    return [(f"{layer}/{what}", part) for what, part in parts.items()]
