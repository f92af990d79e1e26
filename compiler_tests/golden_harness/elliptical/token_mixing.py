"""Attentions one on the other's result, without residuals: each layer runs by itself and hands its values on."""

from __future__ import annotations

from typing import Any

from compiler_tests.golden_harness import fused
from compiler_tests.golden_harness.case import Case, Computed
from compiler_tests.golden_harness.compiled import compiled, graph_of, load
from compiler_tests.golden_harness.elliptical import _spec
from moedsl.ir.graph import Graph

KINDS = {"standard": "softmax", "elliptical": "elliptical"}


def run(case: Case) -> Computed:
    """Every attention's result, and the metric of those that have one."""
    graph = graph_of(_text(case))
    model = compiled(graph, probes=_spec.probes(graph, output="attention"))
    params = fused.split(case.params)
    names = {}
    for i in range(len(case.config["layers"])):
        names |= _spec.attention_weights(f"layers/{i}/attention", f"encoder.layers.{i}.attention", params)
    load(model, params, names)
    _cut_residuals(model, graph)
    return Computed(outputs=_spec.probed(model(case.inputs["hidden_states"]).loads))


def _cut_residuals(model: Any, graph: Graph) -> None:
    """Let each attention see the result of the one before instead of the stream."""
    results: list[Any] = []
    for region in graph.regions:
        attention = model.get_submodule(f"{region.name}.attention")
        attention.register_forward_pre_hook(lambda _, args: (results[-1],) if results else args)
        attention.register_forward_hook(lambda _, __, result: results.append(result[0]))


def _text(case: Case) -> str:
    config = case.config
    for kind in config["layers"]:
        if kind not in KINDS:
            raise NotImplementedError(f"the harness knows no layer `{kind}`")
    attentions = "".join(
        f"""
  layer {kind}_layer {{ attention {KINDS[kind]} {{ num_heads = {config["num_heads"]}  bias = true }} }}"""
        for kind in dict.fromkeys(config["layers"])
    )
    return f"""
edition 2026
model Mixing {{
  d_model = {config["hidden_size"]}
  {attentions}
  stack encoder {{ layers = [{", ".join(f"{kind}_layer" for kind in config["layers"])}] }}
}}
"""
