"""What the texts, the weights and the probes of all kinds share: a mixture of experts and its momentum."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor

from compiler_tests.golden_harness.compiled import carried, dense
from moedsl.ir.graph import Graph, Value

EXPERT_WEIGHTS = {"up/weight": "w_in", "up/bias": "b_in", "down/weight": "w_out", "down/bias": "b_out"}
NORM_WEIGHTS = {"weight": "weight", "bias": "bias"}
ROUTER_WEIGHTS = {"weight": "gate", "bias": "bias"}

MOMENTA = {
    "smoe": "",
    "heavy_ball": "momentum heavy_ball {{ mu = {mu!r}  gamma = {gamma!r} }}",
    "complex": "momentum complex {{ mu = {mu_real!r}  mu_imaginary = {mu_imag!r}  gamma = {gamma!r} }}",
    "robust": "momentum robust {{ mu = {mu!r}  gamma = {gamma!r} }}",
    "adam": """momentum adam {{
        mu = {mu!r}
        gamma = {gamma!r}
        step = {adam_gamma!r}
        beta1 = {beta1!r}
        beta2 = {beta2!r}
        eps = {adam_eps!r}
      }}""",
}
"""How a mixture joins the stream, by the name of the variant; a plain addition needs no words."""

CHANNELS = {
    "velocity": ("momentum", "momentum_real"),
    "velocity_imaginary": ("momentum_imag",),
    "first_moment": ("adam_first_moment",),
    "second_moment": ("adam_second_moment",),
}
"""What cases call the states of each carry."""

ROUTING = "router_logits"


def momentum_of(variant: str) -> str:
    """The entry of `MOMENTA`, or a refusal."""
    if variant not in MOMENTA:
        raise NotImplementedError(f"no momentum of the vocabulary computes the variant `{variant}`")
    return MOMENTA[variant]


# ---- texts


def norm(config: Mapping[str, Any], place: str) -> str:
    """The layer norm of every model here."""
    return f"norm layernorm {{ place = {place}  eps = {config['layer_norm_eps']!r} }}"


def mixture(config: Mapping[str, Any], variant: str) -> str:
    """What stands in the braces of a `moe`, without a norm."""
    return f"""
      router topk {{ top_k = {config["top_k"]}  score_over = chosen  bias = true }}
      {experts(config)}
      {momentum_of(variant).format(**config)}"""


def rule(layer: Mapping[str, Any]) -> str | None:
    """The momentum of a layer: Adam's rule runs at depth index 0, a heavy ball on the same velocity elsewhere."""
    return "heavy_ball" if layer["moe"] == "adam" and layer["depth_index"] > 0 else layer["moe"]


def experts(config: Mapping[str, Any]) -> str:
    """The bank of experts of every model here."""
    return f"""experts ffn {{
        num_experts = {config["num_experts"]}
        d_ff = {config["expert_hidden_size"]}
        act = {config["activation"]}
      }}"""


# ---- weights: parameter paths by the names that a case gives its arrays


def parts(prefix: str, names: Mapping[str, str], node: str) -> dict[str, str]:
    """Those of one node."""
    return {f"{prefix}/{theirs}": f"{node}.{ours}" for theirs, ours in names.items()}


def mixture_weights(prefix: str, node: str) -> dict[str, str]:
    """Those of one mixture, without a norm."""
    return {
        **parts(f"{prefix}/router", ROUTER_WEIGHTS, f"{node}.router"),
        **parts(f"{prefix}/experts", EXPERT_WEIGHTS, f"{node}.experts"),
    }


# ---- values from inside


def layer_probes(graph: Graph, layer: str, name: str) -> dict[str, Value]:
    """A layer's result, the states it hands on, and what its mixture sees and makes; `name` is the case's for it."""
    probes = {f"{name}/output": Value(node=graph.region_nodes(layer)[-1].name)}
    for channel, called in CHANNELS.items():
        state = carried(graph, channel, after=layer)
        probes |= {f"{name}/{theirs}": state for theirs in called if state}
    if f"{layer}.moe.router" in graph.nodes:
        inside = {"moe_input": "tokens", ROUTING: "router", "moe_mixture": "combine"}
        probes |= {f"{name}/{theirs}": Value(node=f"{layer}.moe.{ours}") for theirs, ours in inside.items()}
    return probes


def probed(values: Mapping[str, Any], names: Iterable[str]) -> dict[str, Tensor]:
    """Probed values under the case's names; a router's record becomes logits and dense weights."""
    found = {}
    for name in names:
        layer, _, what = name.rpartition("/")
        if what == ROUTING:
            found |= {name: values[name].logits_TE, f"{layer}/gates": dense(values[name])}
        else:
            found[name] = values[name]
    return found
