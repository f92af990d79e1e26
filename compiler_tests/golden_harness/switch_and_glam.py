"""Switch- and GLaM-style language models, whose layers differ by system: their texts and their weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from compiler_tests.golden_harness.case import Case
from compiler_tests.golden_harness.momentum_smoe import _spec

Config = Mapping[str, Any]
Layer = Mapping[str, Any]

ATTENTION_WEIGHTS = {f"{part}/weight": f"w_{part[0]}" for part in ("query", "key", "value", "output")}


def window(config: Config, keyword: str = "window", fields: str = "") -> str:
    """An attention over a span of earlier positions."""
    return f"attention {keyword} {{ num_heads = {config['num_heads']}  span = {config['attention_span']}  {fields} }}"


def mixture_of(layer: Layer) -> str | None:
    """What a layer calls its mixture."""
    return layer["moe"]


@dataclass(frozen=True, kw_only=True)
class System:
    """What one system's layers are made of."""

    mixture: Callable[[Config, str], str] = _spec.mixture
    """What stands in the braces of a `moe` of that rule, without a norm."""
    rule: Callable[[Layer], str | None] = mixture_of
    """The rule of a layer's mixture, none where it has no mixture."""
    routers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Weights of routers, by rule, where they are not those of a gate."""
    attention: Mapping[str, Callable[[Config], str]] = field(default_factory=lambda: {"window": window})
    """The text of an attention, by what layers call it."""
    is_faithful: bool = False
    """Whether some statistic sees the future."""


def text(case: Case, system: System, recipe: str = "") -> str:
    """A spec of the model, and of a recipe where one is given."""
    config = case.config
    case.require(norm_order=("pre", "post"))
    names = [_layer_name(system, layer) for layer in config["layers"]]
    templates = "".join(
        _layer(config, system, layer, name) for name, layer in dict(zip(names, config["layers"], strict=True)).items()
    )
    return f"""
edition 2026
model Lm {{
  d_model = {config["hidden_size"]}
  embed token {{ vocab_size = {config["vocab_size"]} }}
  {templates}
  stack decoder {{
    causal = true
    faithful = {"true" if system.is_faithful else "false"}
    layers = [{", ".join(names)}]
  }}
  head lm {{ bias = true }}
}}
{recipe}
"""


def weights(case: Case, system: System) -> dict[str, str]:
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
            router = system.routers.get(system.rule(layer) or "", _spec.ROUTER_WEIGHTS)
            names |= _spec.parts(f"{theirs}/moe/router", router, f"{ours}.moe.router")
            names |= _spec.parts(f"{theirs}/moe/experts", _spec.EXPERT_WEIGHTS, f"{ours}.moe.experts")
            names |= _spec.parts(f"{theirs}/moe/norm", _spec.NORM_WEIGHTS, f"{ours}.moe.norm")
            names |= _spec.parts(f"{theirs}/norm_moe", _spec.NORM_WEIGHTS, f"{ours}.moe_norm")
        if layer["feed_forward"]:
            names |= _spec.parts(f"{theirs}/feed_forward", _spec.EXPERT_WEIGHTS, f"{ours}.ffn")
            names |= _spec.parts(f"{theirs}/norm_feed_forward", _spec.NORM_WEIGHTS, f"{ours}.ffn_norm")
    return names


def _layer_name(system: System, layer: Layer) -> str:
    return "_".join(part for part in (layer["attention"], system.rule(layer), layer["feed_forward"]) if part)


def _layer(config: Config, system: System, layer: Layer, name: str) -> str:
    """Residuals and norms around sublayers are post-norm throughout; `norm_order` is about the mixture's inner ones."""
    attention = layer["attention"]
    return f"""
  layer {name} {{
    {_spec.norm(config, "post")}
    {system.attention[attention](config) if attention else ""}
    {_moe(config, system, system.rule(layer))}
    {_feed_forward(config, layer["feed_forward"])}
  }}"""


def _moe(config: Config, system: System, rule: str | None) -> str:
    if rule is None:
        return ""
    return f"""moe {{
      {_spec.norm(config, config["norm_order"])}{system.mixture(config, rule)}
    }}"""


def _feed_forward(config: Config, kind: str | None) -> str:
    return {
        None: "",
        "dense": f"ffn mlp {{ d_ff = {config['feed_forward_hidden_size']}  act = {config['activation']} }}",
    }[kind]
