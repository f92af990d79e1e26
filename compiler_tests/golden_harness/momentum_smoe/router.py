"""A router alone, with the balance loss that the published runs declare and never use."""

from __future__ import annotations

import torch

from compiler_tests.golden_harness.case import Case, Computed
from compiler_tests.golden_harness.compiled import compiled, dense, graph_of, load
from compiler_tests.golden_harness.momentum_smoe import _spec
from moedsl.ir.graph import Value

EMBEDDING = {"expert_embedding": "expert_embedding"}
LAYER = "decoder.layers.0.moe"

ROUTERS = {
    "linear": ("topk {{ top_k = {top_k}  score_over = chosen  bias = true }}", _spec.ROUTER_WEIGHTS),
    "stablemoe": ("stablemoe {{ top_k = {top_k} }}", EMBEDDING),
    "xmoe": (
        "xmoe {{ top_k = {top_k}  router_dim = {router_dim} }}",
        {**EMBEDDING, "input_projection/weight": "projection"},
    ),
}
"""The op's text and its weights, by the name that a case gives the router."""


def run(case: Case) -> Computed:
    """Logits, dense weights and loss of the router in a model that is fed with features."""
    case.require(router=ROUTERS)
    router, weights = ROUTERS[case.config["router"]]
    router_dim = case.params.get("router/expert_embedding", torch.empty(0)).shape[-1]
    graph = graph_of(_text(case, router.format(**case.config, router_dim=router_dim)))
    model = compiled(graph, probes={"routing": Value(node=f"{LAYER}.router")})
    names = _spec.parts("router", weights, f"{LAYER}.router")
    load(model, case.params, names, below=f"{LAYER}.router")
    out = model(case.inputs["hidden_states"][None])
    routing = out.loads["routing"]
    return Computed(
        outputs={
            "router_logits": routing.logits_TE,
            "gates": dense(routing),
            "balance_loss": out.losses[f"{LAYER}.loss.load_balance"],
        }
    )


def _text(case: Case, router: str) -> str:
    config = case.config
    return f"""
edition 2026
model Router {{
  d_model = {config["hidden_size"]}
  layer sparse {{
    moe {{
      router {router}
      experts ffn {{ num_experts = {config["num_experts"]}  d_ff = 1 }}
      loss load_balance {{
        weight = 1.0
        temperature = {config["balance_temperature"]!r}
        probability_per = assignment
      }}
    }}
  }}
  stack decoder {{ layers = [sparse] }}
}}
"""
