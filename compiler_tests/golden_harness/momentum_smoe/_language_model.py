"""The language models that the kinds `language_model` and `training` share: text and weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compiler_tests.golden_harness.case import Case
from compiler_tests.golden_harness.momentum_smoe import _spec

ATTENTION_WEIGHTS = {f"{part}/weight": f"w_{part[0]}" for part in ("query", "key", "value", "output")}
FEED_FORWARD_WEIGHTS = _spec.EXPERT_WEIGHTS


def text(case: Case, recipe: str = "") -> str:
    """A spec of the model, and of a recipe where one is given."""
    config = case.config
    case.require(norm_order=("pre", "post"))
    names = [_layer_name(layer) for layer in config["layers"]]
    templates = "".join(
        _layer(config, layer, name) for name, layer in dict(zip(names, config["layers"], strict=True)).items()
    )
    return f"""
edition 2026
model Lm {{
  d_model = {config["hidden_size"]}
  embed token {{ vocab_size = {config["vocab_size"]} }}
  {templates}
  stack decoder {{
    causal = true
    layers = [{", ".join(names)}]
  }}
  head lm {{ bias = true }}
}}
{recipe}
"""


def weights(case: Case) -> dict[str, str]:
    """Parameter paths by the names that the case gives its arrays."""
    names = {
        "embedding/weight": "embed.table",
        "output_projection/weight": "head.weight",
        "output_projection/bias": "head.bias",
    }
    for i, layer in enumerate(case.config["layers"]):
        theirs, ours = f"layers/{i}", f"decoder.layers.{i}"
        if layer["attention"]:
            names.setdefault("relative_position/key", f"{ours}.attention.relative_key")
            names |= _spec.parts(f"{theirs}/attention", ATTENTION_WEIGHTS, f"{ours}.attention")
            names |= _spec.parts(f"{theirs}/norm_attention", _spec.NORM_WEIGHTS, f"{ours}.attention_norm")
        if layer["moe"]:
            names |= _spec.mixture_weights(f"{theirs}/moe", f"{ours}.moe")
            names |= _spec.parts(f"{theirs}/moe/norm", _spec.NORM_WEIGHTS, f"{ours}.moe.norm")
            names |= _spec.parts(f"{theirs}/norm_moe", _spec.NORM_WEIGHTS, f"{ours}.moe_norm")
        if layer["feed_forward"]:
            names |= _spec.parts(f"{theirs}/feed_forward", FEED_FORWARD_WEIGHTS, f"{ours}.ffn")
            names |= _spec.parts(f"{theirs}/norm_feed_forward", _spec.NORM_WEIGHTS, f"{ours}.ffn_norm")
    return names


def _rule(layer: Mapping[str, Any]) -> str | None:
    """The momentum of a layer: Adam's rule runs at depth index 0, a heavy ball on the same velocity elsewhere."""
    return "heavy_ball" if layer["moe"] == "adam" and layer["depth_index"] > 0 else layer["moe"]


def _layer_name(layer: Mapping[str, Any]) -> str:
    return "_".join(part for part in (layer["attention"], _rule(layer), layer["feed_forward"]) if part)


def _layer(config: Mapping[str, Any], layer: Mapping[str, Any], name: str) -> str:
    """Residuals and norms around sublayers are post-norm throughout; `norm_order` is about the mixture's inner ones."""
    return f"""
  layer {name} {{
    {_spec.norm(config, "post")}
    {_attention(config, layer["attention"])}
    {_moe(config, _rule(layer))}
    {_feed_forward(config, layer["feed_forward"])}
  }}"""


def _attention(config: Mapping[str, Any], kind: str | None) -> str:
    return {
        None: "",
        "window": f"attention window {{ num_heads = {config['num_heads']}  span = {config['attention_span']} }}",
    }[kind]


def _moe(config: Mapping[str, Any], rule: str | None) -> str:
    if rule is None:
        return ""
    return f"""moe {{
      {_spec.norm(config, config["norm_order"])}{_spec.mixture(config, rule)}
    }}"""


def _feed_forward(config: Mapping[str, Any], kind: str | None) -> str:
    return {
        None: "",
        "dense": f"ffn mlp {{ d_ff = {config['feed_forward_hidden_size']}  act = {config['activation']} }}",
    }[kind]
