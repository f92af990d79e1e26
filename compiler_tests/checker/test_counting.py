"""Static functions in asserts: what they take."""

from __future__ import annotations

import pytest

from compiler_tests.ir.graphs import dense, spec
from moedsl.checker.run import check


@pytest.mark.parametrize("function", ["kv_cache", "weight_bytes"])
def test_an_unknown_dtype_is_an_error_that_offers_the_closest(function):
    text = spec(dense()).replace("stack decoder", f"assert {function}(dtype = bfloat17) <= 1GiB\nstack decoder", 1)
    (found,) = check(text).diagnostics
    assert (found.code, found.help) == ("E0301", "did you mean `bfloat16`?")
    assert "bfloat17" in found.message


BASE = """
model Base(width: int = 8) {
  d_model = width
  embed token { vocab_size = 4 }
  layer plain { ffn mlp { d_ff = 2  bias = false } }
  stack decoder { layers = [plain] }
}
model Wide extends Base(width = 16) { assert TEST }
"""
"""A model and one of twice its width: 4 * 8 + 2 * 2 * 8 = 64 parameters, and 128."""


@pytest.mark.parametrize(
    ("test", "codes"),
    [
        ("total_params() == 2 * Base.total_params", []),
        ("total_params() == Base(width = 16).total_params", []),
        ("Base(width = 4).total_params == 32", []),
        ("Base.total_params == 128", ["E0801"]),
        ("Base.total_parms == 64", ["E0202"]),
        ("Base(height = 3).total_params == 64", ["E0211"]),
        ("Base(width = 0).total_params == 64", ["E0313"]),
        ("Bese.total_params == 64", ["E0201"]),
    ],
)
def test_another_model_can_be_counted(test, codes):
    result = check(BASE.replace("TEST", test))
    assert [d.code for d in result.diagnostics] == codes
    assert ("Wide" in result.graphs) == (not codes)
