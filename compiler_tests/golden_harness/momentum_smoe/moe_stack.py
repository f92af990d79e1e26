"""Mixtures one after another, without attention and without an outer residual."""

from __future__ import annotations

from compiler_tests.golden_harness.case import Case, Computed
from compiler_tests.golden_harness.compiled import compiled, gradients, graph_of, load
from compiler_tests.golden_harness.momentum_smoe import _spec


def run(case: Case) -> Computed:
    """The stack's output, what each mixture sees and makes, and gradients for a random cotangent."""
    graph = graph_of(_text(case))
    probes = {}
    for region in graph.regions:
        probes |= _spec.layer_probes(graph, region.name, f"layers/{region.index}")
    model = compiled(graph, probes=probes)
    names = _weights(len(graph.regions))
    load(model, case.params, names)
    features = case.inputs["hidden_states"].requires_grad_()
    out = model(features)
    loss = (out.hidden * case.inputs["cotangent"]).sum()
    loss.backward()
    return Computed(
        outputs={"hidden_states": out.hidden, "loss": loss, **_spec.probed(out.loads, probes)},
        gradients={"hidden_states": features.grad, **gradients(model, names)},
    )


def _text(case: Case) -> str:
    config = case.config
    case.require(norm_order=("pre", "post"))
    rules = [_rule(case, depth) for depth in range(config["num_layers"])]
    templates = "".join(
        f"""
  layer {rule} {{
    {_spec.norm(config, config["norm_order"])}
    moe {{{_spec.mixture(config, rule)}
    }}
  }}"""
        for rule in dict.fromkeys(rules)
    )
    return f"""
edition 2026
model Stack {{
  d_model = {config["hidden_size"]}
  {templates}
  stack decoder {{ layers = [{", ".join(rules)}] }}
}}
"""


def _rule(case: Case, depth: int) -> str:
    """The momentum of one layer: AdamSMoE's layers behind its first ones are heavy balls on the same velocity."""
    variant = case.config["variant"]
    return "heavy_ball" if variant == "adam" and depth not in case.config["adam_layers"] else variant


def _weights(num_layers: int) -> dict[str, str]:
    names = {}
    for i in range(num_layers):
        names |= _spec.mixture_weights(f"layers/{i}/moe", f"decoder.layers.{i}.moe")
        names |= _spec.parts(f"layers/{i}/moe/norm", _spec.NORM_WEIGHTS, f"decoder.layers.{i}.moe_norm")
    return names
