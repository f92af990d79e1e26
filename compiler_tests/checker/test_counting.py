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
