"""An adaptive-clustering router alone, given what the previous mixture chose."""

from __future__ import annotations

from compiler_tests.golden_harness.acmoe import _alone, _spec
from compiler_tests.golden_harness.case import Case, Computed
from compiler_tests.golden_harness.compiled import gradients, load


def run(case: Case) -> Computed:
    """Token weights, logits and choice, and gradients of the logits for a random cotangent."""
    case.require(router=_spec.BASES, mix_weights=(True, False))
    base = case.config["router"]
    model = _alone.model_of(case, base, case.config["num_experts"])
    names = {f"router/{theirs}": f"{_alone.ROUTER}.{ours}" for theirs, ours in _spec.BASES[base][1].items()}
    load(model, case.params, names, below=f"{_alone.ROUTER}.")
    features = case.inputs["hidden_states"].requires_grad_()
    routing = model(features[None]).loads["routing"]
    (routing.logits_TE * case.inputs["cotangent"]).sum().backward()
    return Computed(
        outputs={
            "token_weights": routing.scale_TD,
            "router_logits": routing.logits_TE,
            "topk_indices": routing.experts_TK,
            "topk_scores": routing.weights_TK,
        },
        gradients={"hidden_states": features.grad, **gradients(model, names)},
    )
