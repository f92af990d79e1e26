"""Schedules as pure functions of the step."""

from __future__ import annotations

from itertools import pairwise
from math import sqrt

import pytest

from moedsl.ops import registry


def factors(keyword, steps=100, **fields):
    schedule = registry.find("schedule", keyword)(**fields)
    return [schedule.factor(step, steps=steps) for step in range(1, steps + 1)]


@pytest.mark.parametrize("keyword", registry.keywords("schedule"))
def test_the_warmup_rises_in_a_line_to_the_whole_rate(keyword):
    found = factors(keyword, warmup=10)
    assert found[:10] == pytest.approx([step / 10 for step in range(1, 11)])
    assert max(found) == 1.0


@pytest.mark.parametrize("keyword", registry.keywords("schedule"))
def test_after_the_warmup_it_never_rises(keyword):
    found = factors(keyword, warmup=10)[9:]
    assert all(a >= b for a, b in pairwise(found))
    assert found[-1] > 0 or keyword == "linear"


def test_what_each_one_does():
    assert factors("constant") == [1.0] * 100
    assert factors("linear", floor=0.2)[49] == pytest.approx(0.6)
    assert factors("linear", floor=0.2)[-1] == pytest.approx(0.2)
    assert factors("cosine", floor=0.2)[49] == pytest.approx(0.6)
    assert factors("cosine", floor=0.2)[-1] == pytest.approx(0.2)
    assert factors("inverse_sqrt", warmup=25)[-1] == pytest.approx(sqrt(25 / 100))


@pytest.mark.parametrize("keyword", registry.keywords("schedule"))
def test_a_warmup_longer_than_the_run_is_only_cut_off(keyword):
    assert factors(keyword, steps=5, warmup=10)[-1] == pytest.approx(0.5)
