"""The weights that a router puts on features, without what it does with them."""

from __future__ import annotations

from compiler_tests.golden_harness.acmoe import _alone
from compiler_tests.golden_harness.case import Case, Computed


def run(case: Case) -> Computed:
    """The weights of every token, for a router of any base."""
    num_experts = 1 + int(case.inputs["previous_indices"].max())
    model = _alone.model_of(case, "linear", num_experts)
    routing = model(case.inputs["hidden_states"][None]).loads["routing"]
    return Computed(outputs={"token_weights": routing.scale_TD})
