"""Attentions that read the values of the one before: what leaks, what decoding gives, what does not fit."""

from __future__ import annotations

import pytest
import torch

from compiler_tests.lower import models
from compiler_tests.lower.test_emit import loaded
from moedsl.checker.run import CheckResult, check
from moedsl.ir.graph import Graph
from moedsl.lower.emit.module import emit_python
from moedsl.lower.model import lower

HEADS = "num_heads = 2"
PLAIN = {"elliptical": f"softmax {{ {HEADS} }}", "elliptical_window": f"window {{ {HEADS}  span = 3 }}"}
STRETCHED = {
    "elliptical": f"elliptical {{ {HEADS} FIELDS }}",
    "elliptical_window": "elliptical_window { num_heads = 2  span = 3 FIELDS }",
}


def checked(
    first: str, later: str, *, faithful: bool = False, layers: str = "[first, dense, later, later]"
) -> CheckResult:
    return check(f"""
model Stretched {{
  d_model = 8
  embed token {{ vocab_size = 16 }}
  layer first {{ norm rmsnorm {{}}  attention {first} }}
  layer dense {{ norm rmsnorm {{}}  ffn mlp {{ d_ff = 16 }} }}
  layer later {{ norm rmsnorm {{}}  attention {later}  ffn mlp {{ d_ff = 8 }} }}
  stack decoder {{ causal = true  faithful = {str(faithful).lower()}  layers = {layers} }}
  head lm {{}}
}}
""")


def graph(keyword: str, scope: str = "prefix", fields: str = "") -> Graph:
    later = STRETCHED[keyword].replace("FIELDS", f" scope = {scope} {fields}")
    result = checked(PLAIN[keyword], later, faithful=scope != "prefix")
    assert result.graph is not None, result.diagnostics
    return result.graph


def test_values_travel_only_where_they_are_read():
    assert [node.name for node in models.graph() if node.writes and node.op.kind == "attention"] == []
    written = {node.name: node.writes for node in graph("elliptical") if node.writes}
    assert written == {f"decoder.layers.{i}.attention": ("values",) for i in (0, 2, 3)}


@pytest.mark.parametrize("keyword", PLAIN)
def test_a_leak_must_be_asked_for(keyword):
    later = STRETCHED[keyword].replace("FIELDS", "")
    assert {d.code for d in checked(PLAIN[keyword], later).diagnostics} == {"E0506"}
    assert graph(keyword, "sequence").leaks == ("decoder.layers.2.attention", "decoder.layers.3.attention")


@pytest.mark.parametrize("keyword", PLAIN)
@pytest.mark.parametrize(("scope", "leaks"), [("sequence", True), ("prefix", False)])
def test_the_last_token_is_felt_by_earlier_ones_only_where_it_leaks(keyword, scope, leaks):
    model = lower(graph(keyword, scope), dtype=torch.float64)
    tokens = models.tokens(length=12)
    before = model(tokens).logits
    tokens[:, -1] = (tokens[:, -1] + 1) % 16
    moved = (before - model(tokens).logits)[:, :-1].abs().max()
    assert moved > 1e-6 if leaks else moved < 1e-12


@pytest.mark.parametrize(("keyword", "fields"), [*((k, "") for k in PLAIN), ("elliptical", "statistic = quotient")])
@pytest.mark.parametrize("sizes", [(1,) * 9, (4, 1, 4)], ids=str)
def test_decoding_a_prefix_equals_one_call(keyword, fields, sizes):
    model = lower(graph(keyword, fields=fields), dtype=torch.float64)
    tokens, caches, pieces = models.tokens(length=9), model.empty_cache(2), []
    for piece in tokens.split(sizes, dim=1):
        out = model(piece, caches=caches)
        caches = out.caches
        pieces.append(out.logits)
    torch.testing.assert_close(torch.cat(pieces, dim=1), model(tokens).logits, rtol=1e-10, atol=1e-12)


def test_relative_keys_are_shared_with_the_plain_window():
    params = graph("elliptical_window").params
    owners = {path: p.tied_to for path, p in params.items() if path.endswith("relative_key")}
    assert set(owners.values()) == {None, "decoder.layers.0.attention.relative_key"}


@pytest.mark.parametrize("keyword", PLAIN)
def test_it_can_be_emitted_and_compiles_whole(keyword):
    torch._dynamo.reset()
    stretched = graph(keyword)
    model, alone = lower(stretched, dtype=torch.float64), loaded(emit_python(stretched)).Stretched().double()
    alone.load_state_dict(model.state_dict())
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    for other in (alone, compiled):
        torch.testing.assert_close(other(models.tokens()).logits, model(models.tokens()).logits)


@pytest.mark.parametrize(
    ("first", "words"),
    [
        ("softmax { num_heads = 4 }", "with `num_kv_heads` 2, and `decoder.layers.0.attention` leaves it with 4"),
        ("window { num_heads = 2  span = 3 }", "with rows for the call's positions"),
    ],
)
def test_layers_that_do_not_fit_are_refused(first, words):
    result = checked(first, "elliptical { num_heads = 2  scope = prefix }")
    assert {d.code for d in result.diagnostics} == {"E0502"}
    assert words in result.diagnostics[0].message


def test_the_first_attention_has_no_values_to_read():
    result = checked(
        "softmax { num_heads = 2 }", "elliptical { num_heads = 2  scope = prefix }", layers="[later, later]"
    )
    assert "E0501" in {d.code for d in result.diagnostics}
