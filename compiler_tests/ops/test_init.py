from math import sqrt

import pytest

from moedsl.ops.base import Init
from moedsl.ops.init._shared import fan_in_uniform
from moedsl.ops.registry import find, keywords

BANK = (4, 6, 24)
"""Four experts, each `[out = 6, in = 24]`."""


@pytest.mark.parametrize(
    ("keyword", "fields", "rule", "scale"),
    [
        ("normal", {"std": 0.5}, "normal", 0.5),
        ("uniform", {"bound": 0.25}, "uniform", 0.25),
        ("constant", {"value": -2.0}, "constant", -2.0),
        ("zeros", {}, "constant", 0.0),
        ("ones", {}, "constant", 1.0),
        ("xavier_uniform", {"gain": 2.0}, "uniform", 2.0 * sqrt(6 / 30)),
        ("kaiming_uniform", {}, "uniform", sqrt(6 / 24)),
        ("fan_product_uniform", {}, "uniform", 1 / 12),
    ],
)
def test_rules(keyword, fields, rule, scale) -> None:
    found = find("init", keyword)(**fields).resolve(BANK)
    assert (found.rule, found.scale) == (rule, pytest.approx(scale))


def test_every_rule_resolves_vectors_too() -> None:
    for keyword in keywords("init"):
        cls = find("init", keyword)
        fields = {"value": 1.0} if keyword == "constant" else {}
        assert isinstance(cls(**fields).resolve((8,)), Init)


def test_a_linear_layers_start_is_kaiming_with_slope_root_five() -> None:
    assert find("init", "kaiming_uniform")(slope=sqrt(5)).resolve(BANK).scale == pytest.approx(fan_in_uniform(24).scale)


def test_a_normal_may_be_cut() -> None:
    assert find("init", "normal")(std=0.1, truncate=2.0).resolve(BANK) == Init(rule="normal", scale=0.1, truncate=2.0)
