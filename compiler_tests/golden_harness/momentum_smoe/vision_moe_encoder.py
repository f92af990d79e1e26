"""V-MoE's encoder: pre-norm blocks, every second one with a mixture of limited capacity.

A momentum model normalises once more behind each feed-forward sublayer and not behind attention, so a block is written
as two layers: one with the attention, one with the mixture or the dense sublayer.
"""

from __future__ import annotations

from compiler_tests.golden_harness.case import Case, Computed
from compiler_tests.golden_harness.compiled import compiled, gradients, graph_of, load
from compiler_tests.golden_harness.momentum_smoe import _spec
from moedsl.ir.graph import Graph, Value

ATTENTION_WEIGHTS = {
    f"{part}/{theirs}": f"{ours}_{part[0]}"
    for part in ("query", "key", "value", "output")
    for theirs, ours in (("weight", "w"), ("bias", "b"))
}


def run(case: Case) -> Computed:
    """The encoder's output, what each mixture makes, the importance loss, and gradients for a random cotangent.

    The robust variant also shifts the input of dense sublayers, which nothing in the vocabulary does.
    """
    case.require(variant=("smoe", "heavy_ball"), norm_order=("pre",))
    graph = graph_of(_text(case))
    probes = _probes(case, graph)
    model = compiled(graph, probes=probes)
    names = _weights(case)
    load(model, case.params, names)
    features = case.inputs["hidden_states"].requires_grad_()
    out = model(features)
    (out.hidden * case.inputs["cotangent"]).sum().backward()
    outputs = {"hidden_states": out.hidden, "auxiliary_loss": sum(out.losses.values())}
    return Computed(
        outputs={**outputs, **_spec.probed(out.loads, probes)},
        gradients={"hidden_states": features.grad, **gradients(model, names)},
    )


def _text(case: Case) -> str:
    config = case.config
    blocks = (f"attend, {'sparse' if i in config['moe_layers'] else 'dense'}" for i in range(config["num_layers"]))
    norm = _spec.norm(config, "pre_post" if config["output_norm"] else "pre")
    return f"""
edition 2026
model Encoder {{
  d_model = {config["hidden_size"]}
  layer attend {{
    {_spec.norm(config, "pre")}
    attention softmax {{ num_heads = {config["num_heads"]}  bias = true }}
  }}
  layer dense {{
    {norm}
    ffn mlp {{ d_ff = {config["feed_forward_hidden_size"]}  act = {config["activation"]} }}
  }}
  layer sparse {{
    {norm}
    moe {{
      router topk {{ top_k = {config["top_k"]}  renormalize = false }}
      dispatch capacity {{ capacity_factor = {config["capacity_factor"]!r}  round_to = 4  priority = choice }}
      experts ffn {{
        num_experts = {config["num_experts"]}
        d_ff = {config["expert_hidden_size"]}
        act = {config["activation"]}
      }}
      {_spec.MOMENTA[config["variant"]].format(**config)}
      loss importance {{ weight = {config["importance_loss_weight"]!r} }}
    }}
  }}
  stack encoder {{ layers = [{", ".join(blocks)}] }}
  {_spec.norm(config, "pre")}
}}
"""


def _weights(case: Case) -> dict[str, str]:
    names = _spec.parts("final_norm", _spec.NORM_WEIGHTS, "norm")
    for i in range(case.config["num_layers"]):
        attend, theirs = f"encoder.layers.{2 * i}", f"layers/{i}"
        names |= _spec.parts(f"{theirs}/attention", ATTENTION_WEIGHTS, f"{attend}.attention")
        names |= _spec.parts(f"{theirs}/norm_attention", _spec.NORM_WEIGHTS, f"{attend}.attention_norm")
        mixes = i in case.config["moe_layers"]
        ours = f"encoder.layers.{2 * i + 1}.{'moe' if mixes else 'ffn'}"
        if mixes:
            names[f"{theirs}/moe/router/weight"] = f"{ours}.router.gate"
            names |= _spec.parts(f"{theirs}/moe/experts", _spec.EXPERT_WEIGHTS, f"{ours}.experts")
        else:
            names |= _spec.parts(f"{theirs}/feed_forward", _spec.EXPERT_WEIGHTS, ours)
        before = f"{ours}_norm_in" if case.config["output_norm"] else f"{ours}_norm"
        names |= _spec.parts(f"{theirs}/norm_feed_forward", _spec.NORM_WEIGHTS, before)
        if case.config["output_norm"]:
            names |= _spec.parts(f"{theirs}/norm_output", _spec.NORM_WEIGHTS, f"{ours}_norm_out")
    return names


def _probes(case: Case, graph: Graph) -> dict[str, Value]:
    probes = {}
    for i in range(case.config["num_layers"]):
        layer, theirs = f"encoder.layers.{2 * i + 1}", f"layers/{i}"
        probes |= _spec.layer_probes(graph, layer, theirs)
        if i in case.config["moe_layers"]:
            probes[f"{theirs}/moe_mixture"] = Value(node=f"{layer}.moe.mixture")
    return probes
