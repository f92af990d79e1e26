"""The routers that adaptive clustering is compared with."""

from __future__ import annotations

from compiler_tests.golden_harness.case import Case, Computed
from compiler_tests.golden_harness.compiled import compiled, dense, graph_of, load
from moedsl.ir.graph import Value

ROUTER = "decoder.layers.0.moe.router"

ROUTERS = {
    "linear": ("topk {{ top_k = {top_k}  score_over = chosen  bias = true }}", {"weight": "gate", "bias": "bias"}),
    "xmoe": (
        "xmoe {{ top_k = {top_k}  router_dim = {router_dim} }}",
        {"expert_embedding": "expert_embedding", "input_projection/weight": "projection"},
    ),
}
"""The op's text and its weights, by the name that a case gives the router."""


def run(case: Case) -> Computed:
    """Logits and dense weights of the router in a model that is fed with features."""
    case.require(router=ROUTERS)
    router, weights = ROUTERS[case.config["router"]]
    embedding = case.params.get("router/expert_embedding")
    router_dim = 0 if embedding is None else embedding.shape[1]
    graph = graph_of(f"""
edition 2026
model Router {{
  d_model = {case.config["hidden_size"]}
  layer sparse {{
    moe {{
      router {router.format(**case.config, router_dim=router_dim)}
      experts ffn {{ num_experts = {case.config["num_experts"]}  d_ff = 1 }}
    }}
  }}
  stack decoder {{ layers = [sparse] }}
}}
""")
    model = compiled(graph, probes={"routing": Value(node=ROUTER)})
    load(model, case.params, {f"router/{n}": f"{ROUTER}.{ours}" for n, ours in weights.items()}, below=f"{ROUTER}.")
    routing = model(case.inputs["hidden_states"][None]).loads["routing"]
    return Computed(outputs={"router_logits": routing.logits_TE, "gates": dense(routing)})
