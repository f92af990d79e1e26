"""One mistyped name does not hide what else is wrong."""

from __future__ import annotations

from moedsl.checker.run import check

SPEC = """
model M {
  d_model = 30
  embed tokn { vocab_size = 32 }
  layer sparse {
    attention softmax { num_heads = 4  causal = false }
    moe {
      router topk { top_k = 9 }
      experts ffn { num_experts = 4  d_ff = 8 }
    }
    ffn mlp { d_ff = 8  act = rellu }
  }
  stack decoder { causal = true  layers = [sparse] }
  head lm {}
}
"""


def codes(text: str) -> list[str]:
    return [d.code for d in check(text).diagnostics]


def test_problems_are_told_beside_a_name_that_cannot_be_bound():
    assert codes(SPEC) == ["E0220", "E0506", "E0401", "E0601", "E0324"]


def test_a_mixture_without_its_experts_is_not_asked():
    broken = SPEC.replace("experts ffn {", "experts fnf {").replace("tokn", "token").replace("rellu", "relu")
    assert codes(broken) == ["E0506", "E0401", "E0220"]


def test_a_head_is_not_blamed_for_a_missing_embedding():
    assert "E0405" not in codes(SPEC)
