"""`moedsl.compile`: a spec in, a module out."""

from __future__ import annotations

import pickle

import pytest
import torch

import moedsl
from moedsl.diagnostics import SpecError
from moedsl.runtime.compile import compile

SPEC = """
model First(width: int = 8, depth: int = 1) {
  d_model = width
  embed token { vocab_size = 16 }
  layer dense { norm rmsnorm {}  ffn mlp { d_ff = 8 } }
  stack decoder { causal = true  layers = [dense] * depth }
  head lm {}
}
model Second extends First(depth = 2) {}
"""
TOKENS = torch.tensor([[1, 2, 3]])


def test_a_text_becomes_a_module():
    module = moedsl.compile(SPEC)
    assert isinstance(module, torch.nn.Module)
    assert module(TOKENS).logits.shape == (1, 3, 16)


def test_a_path_becomes_a_module(tmp_path):
    path = tmp_path / "two.moe"
    path.write_text(SPEC)
    assert compile(path).spec.name == "Second"
    assert compile(f"{path}::First").spec.name == "First"


def test_the_model_and_its_parameters_are_chosen():
    module = compile(SPEC, "First", width=4, depth=3)
    assert module.spec.name == "First"
    assert len(module.layers) == 3
    assert module.get_parameter("embed.table").shape == (16, 4)


def test_device_dtype_and_seed_are_options_of_their_own():
    assert all(p.is_meta for p in compile(SPEC, device="meta").parameters())
    one, other = compile(SPEC, dtype=torch.float64, seed=1), compile(SPEC, dtype=torch.float64, seed=2)
    assert one(TOKENS).logits.dtype == torch.float64
    assert not torch.equal(one(TOKENS).logits, other(TOKENS).logits)


def test_an_erroneous_spec_raises_what_a_person_would_be_shown():
    with pytest.raises(SpecError) as caught:
        compile(SPEC.replace("d_ff = 8", "d_ff = 0"))
    text = str(caught.value)
    assert "d_ff = 0" in text
    assert "<text>:5:" in text
    assert not [word for word in ("Traceback", "pydantic", "lark", "ValidationError") if word in text]
    assert {d.severity for d in caught.value.diagnostics} == {"error"}
    assert caught.value.__cause__ is None


def test_an_unknown_parameter_is_a_finding_too():
    with pytest.raises(SpecError, match="`wdith`"):
        compile(SPEC, "First", wdith=4)


def test_a_spec_without_a_model_says_so():
    with pytest.raises(SpecError, match="no model"):
        compile("router fast = topk { top_k = 2 }")


def test_the_error_can_be_pickled():
    with pytest.raises(SpecError) as caught:
        compile("model {")
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value)
    assert len(again.diagnostics) == len(caught.value.diagnostics)
