"""The benchmarks' arithmetic: what they would say of numbers that we know."""

from __future__ import annotations

import subprocess

import pytest

from moedsl.bench import __main__ as bench
from moedsl.bench.bench_scaling import spec
from moedsl.bench.measure import Result, largest_spec, machine, python, ratio
from moedsl.checker.run import check


class Clock:
    """A clock that goes forward only when work is done."""

    def __init__(self):
        self.now = 0.0
        self.calls = []

    def __call__(self):
        return self.now

    def work(self, name, seconds):
        def run():
            self.calls.append(name)
            self.now += seconds

        return run


def test_a_ratio_is_the_median_of_interleaved_pairs():
    clock = Clock()
    found = ratio("r", clock.work("ours", 3.0), clock.work("peer", 2.0), pairs=4, limit=1.4, clock=clock)
    assert (found.value, found.spread, found.holds) == (1.5, (1.5, 1.5), False)
    assert clock.calls == ["ours", "peer", "peer", "ours"] * 2 + ["ours", "peer"]


@pytest.mark.parametrize(
    ("value", "limit", "holds"), [(0.2, 0.25, True), (0.25, 0.25, True), (0.26, 0.25, False), (9.0, None, True)]
)
def test_a_limit_is_the_most_that_is_allowed(value, limit, holds):
    result = Result(name="n", value=value, limit=limit)
    assert result.holds is holds
    assert ("OVER" in str(result)) is not holds


def test_a_process_is_measured():
    process = python("-c", "print(len(bytearray(64 * 2**20)))")
    assert process.output == "67108864\n"
    assert 64 < process.peak_mb < 200
    assert process.seconds > 0
    with pytest.raises(subprocess.CalledProcessError):
        python("-c", "raise SystemExit(3)")


def test_the_machine_is_one_line():
    assert "cores" in machine()
    assert "\n" not in machine()


@pytest.mark.parametrize("lines", [30, 600])
def test_the_long_spec_is_as_long_as_asked_and_right(lines):
    text = spec(lines)
    assert 0.9 * lines <= text.count("\n") + 1 <= lines + 1
    assert check(text).diagnostics == ()


def test_names_are_checked(capsys):
    assert bench.main(["cold_strat"]) == 2
    assert "did you mean `cold_start`?" in capsys.readouterr().err


def test_it_runs_where_the_specs_are(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert bench.main([]) == 3
    assert "specs/" in capsys.readouterr().err


def test_one_broken_promise_fails_the_run(monkeypatch, capsys):
    results = [Result(name="a", value=1.0, limit=2.0), Result(name="b", value=3.0, limit=2.0)]
    monkeypatch.setattr("moedsl.bench.bench_counting.run", lambda: iter(results[:1]))
    assert bench.main(["counting"]) == 0
    monkeypatch.setattr("moedsl.bench.bench_counting.run", lambda: iter(results))
    assert bench.main(["counting"]) == 1
    assert largest_spec().suffix == ".moe"
    assert capsys.readouterr().out.count("OVER") == 1
