"""Causal post-norm layers, some of them elliptical, on features."""

from __future__ import annotations

from compiler_tests.golden_harness import fused
from compiler_tests.golden_harness.case import Case, Computed
from compiler_tests.golden_harness.compiled import compiled, gradients, graph_of, load
from compiler_tests.golden_harness.elliptical import _spec
from compiler_tests.golden_harness.momentum_smoe import _spec as mixtures


def run(case: Case) -> Computed:
    """What every layer makes, and gradients of the result for a random cotangent."""
    graph = graph_of(_text(case))
    model = compiled(graph, probes=_spec.probes(graph, output="layer"))
    params = fused.split(case.params)
    names = _weights(case, params)
    load(model, params, names)
    features = case.inputs["hidden_states"].requires_grad_()
    out = model(features)
    (out.hidden * case.inputs["cotangent"]).sum().backward()
    found = {"hidden_states": features.grad, **gradients(model, names)}
    return Computed(
        outputs={"hidden_states": out.hidden, **_spec.probed(out.loads)},
        gradients=fused.joined(found, case.gradients),
    )


def _text(case: Case) -> str:
    config = case.config
    case.require(causal=(True,), norm_order=("post",))
    scale = config["score_scale"]["elliptical_layers"]
    elliptical = f"elliptical {{ num_heads = {config['num_heads']}  scope = sequence  scale = {scale!r} }}"
    kinds = {"standard": f"softmax {{ num_heads = {config['num_heads']} }}", "stretched": elliptical}
    templates = "".join(
        f"""
  layer {name} {{
    norm layernorm {{ place = post  eps = {config["layer_norm_eps"]!r} }}
    attention {attention}
    ffn mlp {{ d_ff = {config["feed_forward_hidden_size"]}  act = {config["activation"]} }}
  }}"""
        for name, attention in kinds.items()
    )
    layers = ["stretched" if i in config["elliptical_layers"] else "standard" for i in range(config["num_layers"])]
    return f"""
edition 2026
model Decoder {{
  d_model = {config["hidden_size"]}
  {templates}
  stack decoder {{ causal = true  faithful = true  layers = [{", ".join(layers)}] }}
}}
"""


def _weights(case: Case, params: dict[str, object]) -> dict[str, str]:
    names = {}
    for i in range(case.config["num_layers"]):
        theirs, ours = f"layers/{i}", f"decoder.layers.{i}"
        names |= _spec.attention_weights(f"{theirs}/attention", f"{ours}.attention", params)
        names |= mixtures.parts(f"{theirs}/norm_attention", mixtures.NORM_WEIGHTS, f"{ours}.attention_norm")
        names |= mixtures.parts(f"{theirs}/feed_forward", mixtures.EXPERT_WEIGHTS, f"{ours}.ffn")
        names |= mixtures.parts(f"{theirs}/norm_feed_forward", mixtures.NORM_WEIGHTS, f"{ours}.ffn_norm")
    return names
