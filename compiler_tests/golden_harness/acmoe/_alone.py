"""An adaptive router behind a mixture that does nothing but make the choice that a case prescribes."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from compiler_tests.golden_harness.acmoe import _spec
from compiler_tests.golden_harness.case import Case
from compiler_tests.golden_harness.compiled import compiled, graph_of
from moedsl.ir.graph import Value
from moedsl.lower.model import Model

ROUTER = "decoder.layers.1.moe.router"
FIRST = "decoder.layers.0.moe"


def model_of(case: Case, base: str, num_experts: int) -> Model:
    """Two mixtures on features; the first adds zeros to the stream."""
    graph = graph_of(f"""
edition 2026
model Router {{
  d_model = {case.config["hidden_size"]}
  layer first {{
    moe {{
      router topk {{ top_k = 2 }}
      experts ffn {{ num_experts = {num_experts}  d_ff = 1  bias = false  init = zeros }}
    }}
  }}
  layer adaptive {{
    moe {{
      {_spec.router(case.config, base)}
      experts ffn {{ num_experts = {num_experts}  d_ff = 1 }}
    }}
  }}
  stack decoder {{ layers = [first, adaptive] }}
}}
""")
    model = compiled(graph, probes={"routing": Value(node=ROUTER)})
    model.get_submodule(f"{FIRST}.route").register_forward_hook(lambda _, __, result: _prescribed(case, result))
    return model


def _prescribed(case: Case, result: tuple[Any, dict[str, Tensor]]) -> tuple[Any, dict[str, Tensor]]:
    """The first mixture's routing, and the case's choice in place of its own."""
    names = {"route": "previous_indices", "route_weights": "previous_scores"}
    return result[0], {channel: case.inputs[name][None] for channel, name in names.items() if name in case.inputs}
