"""The metric alone, from values (and queries) of two layers that a case prescribes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from compiler_tests.golden_harness.case import Case, Computed
from compiler_tests.golden_harness.compiled import compiled, graph_of
from moedsl.ir.graph import Value

BELOW, LAYER = "encoder.layers.0.attention", "encoder.layers.1.attention"

NORMALIZE = {"divide by the maximum over head_dim": "max"}


def run(case: Case) -> Computed:
    """The metric of a layer that reads its values and queries off the features.

    The layer below leaves the stream alone, and the case's values in place of its own.
    """
    case.require(normalisation=NORMALIZE)
    model = compiled(graph_of(_text(case)), probes={"metric": Value(node=LAYER, port="metric")})
    width = case.config["num_heads"] * case.config["head_dim"]
    eye = torch.eye(2 * width, dtype=torch.float64)
    below, attention = model.get_submodule(BELOW), model.get_submodule(LAYER)
    below.load_state_dict({"w_o": torch.zeros(2 * width, width)}, strict=False)
    attention.load_state_dict({"w_v": eye[:width], "w_q": eye[width:]}, strict=False)
    below.register_forward_hook(lambda _, __, result: (result[0], _prescribed(case, result[1]), *result[2:]))
    values = case.inputs["value"]
    features = torch.cat([_joined(t) for t in (values, case.inputs.get("query", torch.zeros_like(values)))], dim=-1)
    return Computed(outputs={"metric": model(features).loads["metric"].squeeze(2)})


def _prescribed(case: Case, written: dict[str, Any]) -> dict[str, Any]:
    names = {"values": "previous_value", "queries": "previous_query"}
    return written | {channel: case.inputs[name] for channel, name in names.items() if name in case.inputs}


def _joined(heads: Tensor) -> Tensor:
    return heads.transpose(1, 2).flatten(2)


def _text(case: Case) -> str:
    config = case.config
    heads = f"num_heads = {config['num_heads']}  head_dim = {config['head_dim']}"
    return f"""
edition 2026
model Estimator {{
  d_model = {2 * config["num_heads"] * config["head_dim"]}
  layer below {{ attention softmax {{ {heads} }} }}
  layer above {{
    attention elliptical {{
      {heads}
      statistic = {config["statistic"]}
      quotient_eps = {config.get("quotient_eps", 0.5)!r}
      normalize = {NORMALIZE[config["normalisation"]]}
    }}
  }}
  stack encoder {{ layers = [below, above] }}
}}
"""
