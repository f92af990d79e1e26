"""One run tells every mistake of a file, and each of them once."""

from __future__ import annotations

from moedsl.checker.run import check

SPEC = """
model M(depth: int = 2) {
  d_model = 30
  embed tokn { vocab_size = 32k }
  layer sparse {
    norm rmsnorm { place = pree }
    attention softmax { num_heads = 4 }
    moe {
      router topk { topk = 2 }
      experts ffn { num_experts = 8.5  d_ff = d_modle }
    }
  }
  stack decoder { causal = true
    layers = [sparse, dens] * depth
    at 7 { moe { router topk { top_k = 1 } } }
  }
  head lm {}
}
"""

PLAIN = """
model M {
  d_model = 32
  embed token { vocab_size = 32 }
  layer used { attention softmax { num_heads = 4 } }
  MORE
  stack decoder { causal = true  layers = [used] * 2  AT }
  head lm {}
}
"""


def found(text: str) -> list[tuple[str, str]]:
    """The code and the text at the place of each finding."""
    return [(d.code, d.span.text if d.span else "") for d in check(text).diagnostics]


def spec(*, more: str = "", at: str = "", layers: str = "[used] * 2") -> str:
    return PLAIN.replace("MORE", more).replace("AT", at).replace("[used] * 2", layers)


def test_an_unknown_layer_hides_nothing_else():
    assert found(SPEC) == [
        ("E0220", "tokn"),
        ("E0324", "pree"),
        ("E0401", "4"),
        ("E0221", "topk"),
        ("E0325", "8.5"),
        ("E0201", "d_modle"),
        ("E0208", "dens"),
        ("E0213", "7"),
    ]


def test_a_template_that_no_layer_uses_is_checked():
    more = "layer other { attention softmax { num_heads = 5 }  ffn mlp { d_f = 3 } }"
    assert found(spec(more=more)) == [("E0401", "5"), ("E0221", "d_f")]


def test_a_template_that_no_layer_uses_may_lack_something():
    assert check(spec(more="layer other { ffn mlp {}  moe { router topk { top_k = 2 } } }")).diagnostics == ()


def test_templates_are_checked_where_the_pattern_is_wrong():
    more = "layer other { ffn mlp { d_ff = -3 } }"
    assert found(spec(more=more, layers="[used] * dpth")) == [("E0323", "-3"), ("E0201", "dpth")]


def test_an_at_that_selects_nothing_is_checked_and_not_blamed_for_what_is_missing():
    at = "at 9 { moe.router.top_k = 1  attention softmax { num_heds = 2 }  norm rmsnorm { place = nope } }"
    assert found(spec(at=at)) == [("E0213", "9"), ("E0221", "num_heds"), ("E0324", "nope")]


def test_an_at_without_keyword_that_selects_nothing_is_not_asked_for_one():
    assert found(spec(at="at 9 { moe { router { top_k = 1 } } }")) == [("E0213", "9")]


def test_an_at_on_an_unknown_layer_is_checked():
    at = "at 1 { ffn mlp { d_f = 2 } }"
    assert found(spec(at=at, layers="[used, usd]")) == [("E0208", "usd"), ("E0221", "d_f")]


def test_an_unused_declaration_is_checked():
    text = "router mine(k: int) = topk { top_k = k  topk = 3 }\n" + spec()
    assert found(text) == [("E0221", "topk")]


def test_an_unused_template_at_the_top_is_checked():
    text = "layer other { ffn mlp { d_ff = 0 } }\nmoe big { router topk { top_k = -1 } }\n" + spec()
    assert found(text) == [("E0323", "0"), ("E0323", "-1")]


def test_a_model_whose_parameters_are_open_is_checked():
    text = spec(more="layer other { attention softmax { num_heads = heads  bais = true } }")
    open_model = text.replace("model M", "model M(heads: int)").replace("num_heads = 4", "num_heads = heads")
    assert found(open_model) == [("E0221", "bais")]


def test_an_unknown_keyword_is_shown_in_the_declaration_that_names_it():
    use = "layer other { moe { router fast  experts glu { num_experts = 2  d_ff = 4 } } }"
    text = "router fast = slow {}\nrouter slow = tokp { top_k = 1 }\n" + spec(more=use)
    assert found(text) == [("E0220", "tokp")]


def test_a_component_given_as_an_argument_is_shown_where_it_is_given():
    use = "layer other(gate: component = topk) { moe { router gate  experts glu { num_experts = 2  d_ff = 4 } } }"
    text = spec(more=use, layers="[used, other(gate = tokp)]")
    assert found(text) == [("E0220", "tokp")]
