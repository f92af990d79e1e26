"""An op in words: types, bounds and defaults as a user would write them."""

from __future__ import annotations

import pytest

from moedsl.ops import registry
from moedsl.ops.describe import details, fields, settings, summary
from moedsl.ops.init.normal import Normal
from moedsl.ops.optimizers.adam import Adam
from moedsl.ops.routers.topk import TopK


def field(op, name):
    return next(f for f in fields(op) if f.name == name)


@pytest.mark.parametrize(
    ("kind", "keyword", "name", "type", "default"),
    [
        ("router", "topk", "top_k", "int >= 1", "2"),
        ("router", "topk", "score", "softmax | sigmoid", "softmax"),
        ("router", "topk", "bias", "bool", "false"),
        ("router", "topk", "jitter", "float >= 0, < 1", "0.0"),
        ("router", "topk", "init", "init component?", "none"),
        ("experts", "glu", "d_ff", "int >= 1", None),
        ("block", "model", "version", "string", '""'),
        ("optimizer", "adamw", "betas", "list[float >= 0, < 1]", "[0.9, 0.999]"),
    ],
)
def test_fields(kind, keyword, name, type, default):
    op = registry.find(kind, keyword)
    assert op
    found = field(op, name)
    assert (found.type, found.default) == (type, default)


def test_values_as_written():
    written = settings(TopK(init=Normal(std=1e-5)))
    assert written["init"] == "normal(std = 1e-05, truncate = none)"
    assert written["renormalize"] == "true"
    assert settings(Adam())["betas"] == "[0.9, 0.999]"


def test_texts_are_quoted_and_escaped():
    text = registry.find("data", "text")
    assert text
    assert settings(text(path='a "b"\\c\n'))["path"] == '"a \\"b\\"\\\\c\\n"'


def test_words():
    assert summary(TopK) == "Each token is sent to the `top_k` experts that score it highest."
    assert "Shazeer et al. 2017" in details(TopK)
