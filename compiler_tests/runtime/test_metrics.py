"""Measures of a run, and its record."""

from __future__ import annotations

import json
import math

import pytest
import torch

from moedsl.runtime.metrics import Meter, balance, describe_loads, describe_loss, drop_after, read_lines, shares
from moedsl.runtime.plots import draw, smooth
from moedsl.runtime.step import StepResult


@pytest.mark.parametrize(
    ("load_E", "expected"),
    [([5, 5, 5, 5], 1.0), ([9, 0, 0, 0], 0.0), ([5, 5, 0, 0], 0.5), ([7], 1.0), ([0, 0], 0.0)],
)
def test_balance_is_the_entropy_over_the_largest_one(load_E, expected):
    assert balance(load_E) == pytest.approx(expected)


def test_loads_are_described_by_layer():
    found = describe_loads({"a": [6.0, 2.0, 0.0, 0.0]})
    assert found["shares"] == {"a": [0.75, 0.25, 0, 0]}
    assert found["max_over_mean"] == {"a": 3.0}
    assert found["dead"] == {"a": 2}


def test_a_loss_is_described_as_people_compare_it():
    found = describe_loss(math.log(256), bytes_per_token=2.0)
    assert found["perplexity"] == pytest.approx(256)
    assert found["bits_per_byte"] == pytest.approx(4.0)
    assert math.isfinite(describe_loss(1e9, bytes_per_token=1.0)["perplexity"])


def test_the_meter_sums_loads_and_keeps_each_step():
    meter = Meter()
    for step in (1, 2, 3):
        one = torch.tensor(float(step))
        meter.add(step, 0.1 * step, StepResult(one, one / 2, one * 2, {"a": torch.tensor([1, step])}, None))
    lines = meter.take_steps()
    assert [(line["step"], line["loss"], line["grad_norm"]) for line in lines] == [(1, 1, 2), (2, 2, 4), (3, 3, 6)]
    assert meter.take_loads() == {"a": [3.0, 6.0]}
    assert (meter.take_steps(), meter.take_loads()) == ([], {})


def test_shares_of_nothing_are_zero():
    assert shares([0.0, 0.0]) == [0.0, 0.0]


def test_a_record_that_a_crash_cut_off_is_read_up_to_there(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n{"step": 2}\n[1]\n{"step": "3"}\n{"step": 3, "lo')
    assert [line["step"] for line in read_lines(path)] == [1, 2]
    drop_after(path, 1)
    assert path.read_text() == '{"step": 1}\n'


def test_smoothing_starts_unbiased_and_stays_within_the_values():
    assert smooth([4.0] * 300) == pytest.approx([4.0] * 300)
    assert smooth([3.0, 1.0] * 200)[-1] == pytest.approx(2.0, abs=0.2)


@pytest.mark.parametrize("num_lines", [0, 1, 30])
def test_pictures_are_drawn_from_whatever_the_record_holds(tmp_path, num_lines):
    lines = []
    for step in range(1, num_lines + 1):
        load = describe_loads({f"decoder.layers.{i}.moe": [step, 1.0, i + 1.0] for i in range(3)})
        lines.append({"kind": "train", "step": step, "loss": 1 / step, "lr": 0.1})
        lines.append({"kind": "window", "step": step, **load})
        lines.append({"kind": "eval", "step": step, "loss": 2 / step, "bits_per_byte": 1.0})
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    drawn = draw(tmp_path)
    assert [p.name for p in drawn] == (["loss.png", "expert_load.png"] if num_lines else ["loss.png"])
    assert all(p.read_bytes().startswith(b"\x89PNG") for p in drawn)
