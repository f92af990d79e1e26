"""The shuffle that is computed one number at a time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moedsl.runtime.order import seed_of, shuffled


@given(count=st.integers(1, 3000), seed=st.integers(0, 2**63 - 1))
def test_every_number_comes_once(count, seed):
    assert sorted(shuffled(np.arange(count), count=count, seed=seed)) == list(range(count))


def test_a_part_of_the_shuffle_needs_no_other_part():
    whole = shuffled(np.arange(1000), count=1000, seed=3)
    assert shuffled(np.array([17, 999]), count=1000, seed=3).tolist() == whole[[17, 999]].tolist()


def test_it_shuffles():
    whole = shuffled(np.arange(10_000), count=10_000, seed=0)
    assert abs(np.corrcoef(np.arange(10_000), whole)[0, 1]) < 0.05
    assert abs(np.corrcoef(whole[:-1], whole[1:])[0, 1]) < 0.05
    assert (whole != shuffled(np.arange(10_000), count=10_000, seed=1)).mean() > 0.99


def test_a_corpus_larger_than_memory_costs_nothing():
    index = np.array([0, 10**12, 2**40 - 1])
    assert len(set(shuffled(index, count=2**40, seed=1).tolist())) == 3


@pytest.mark.parametrize("other", [(0, 1), (1, 0), (0, 0, 0), (1,)])
def test_seeds_differ_with_what_they_are_for(other):
    assert seed_of(0, 0) != seed_of(*other)
