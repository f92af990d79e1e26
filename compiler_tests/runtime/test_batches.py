"""Batches as functions of the step."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from moedsl.runtime.batches import ParallelRows, ShuffledBlocks, held_out

TOKENS = np.arange(1001, dtype=np.uint16)


def blocks(**changes):
    return ShuffledBlocks(**{"tokens": TOKENS, "block_size": 10, "batch_size": 8, "seed": 5, **changes})


def test_targets_are_the_next_tokens():
    inputs_BS, targets_BS = blocks().batch(1)
    assert inputs_BS.shape == targets_BS.shape == (8, 10)
    assert inputs_BS.dtype == torch.int64
    assert torch.equal(targets_BS, inputs_BS + 1)


def test_an_epoch_reads_every_block_once_and_the_next_in_another_order():
    source = blocks(batch_size=25)
    epochs = [[source.batch(step).inputs_BS[:, 0] for step in range(first, first + 4)] for first in (1, 5)]
    first, second = (torch.cat(e).tolist() for e in epochs)
    assert sorted(first) == sorted(second) == list(range(0, 1000, 10))
    assert first != second


def test_a_batch_may_cross_epochs():
    source = blocks(batch_size=30)
    starts = torch.cat([source.batch(step).inputs_BS[:, 0] for step in range(1, 11)]).tolist()
    assert [sorted(starts[i : i + 100]) for i in (0, 100, 200)] == [list(range(0, 1000, 10))] * 3


def test_a_corpus_of_one_block_is_repeated():
    assert torch.equal(blocks(tokens=TOKENS[:11]).batch(9).inputs_BS, torch.arange(10).expand(8, 10))


def test_the_seed_decides_the_order():
    assert torch.equal(blocks().batch(3).inputs_BS, blocks().batch(3).inputs_BS)
    assert not torch.equal(blocks().batch(3).inputs_BS, blocks(seed=6).batch(3).inputs_BS)


def test_rows_are_read_on_where_they_stopped():
    source = ParallelRows(tokens=TOKENS, block_size=10, batch_size=4)
    assert source.num_blocks == 24
    assert source.batch(1).inputs_BS[:, 0].tolist() == [0, 250, 500, 750]
    assert torch.equal(source.batch(2).inputs_BS[:, 0], source.batch(1).targets_BS[:, -1])
    assert [step for step in range(1, 50) if source.starts_over(step)] == [1, 25, 49]
    assert torch.equal(source.batch(25).inputs_BS, source.batch(1).inputs_BS)


@pytest.mark.parametrize(("limit", "expected"), [(None, 100), (7, 7), (500, 100)])
def test_evaluation_reads_blocks_from_all_over_the_text(limit, expected):
    found = list(held_out(TOKENS, block_size=10, batch_size=8, limit=limit))
    starts = torch.cat([b.inputs_BS[:, 0] for b in found]).tolist()
    assert len(starts) == len(set(starts)) == expected
    assert starts[0] == 0
    assert starts[-1] >= 850
