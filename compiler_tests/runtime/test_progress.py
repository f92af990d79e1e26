"""What a run shows while it works."""

from __future__ import annotations

import io

from rich.console import Console

from moedsl.runtime import progress
from moedsl.runtime.progress import Bar, Lines, describe

SHOWN = {"loss": 2.3456, "tokens_per_second": 12034.4, "balance": 0.957}


def test_what_a_line_says():
    assert describe(SHOWN) == "loss 2.346  12,034 tok/s  balance 96%"
    assert describe({"loss": 1.0, "tokens_per_second": 5.0}) == "loss 1.000  5 tok/s"


def test_plain_lines_come_now_and_then_and_at_the_end(monkeypatch):
    now = iter(float(n) for n in range(100_000))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(now))
    out = io.StringIO()
    lines = Lines(Console(file=out, width=200))
    lines.preparing("encoding", 0, 10)
    for step in range(1, 101):
        lines.training(step, 100, SHOWN)
    shown = out.getvalue().splitlines()
    assert shown[0] == "encoding"
    assert 5 < len(shown) < 40
    assert shown[-1].startswith("step 100/100  loss 2.346  12,034 tok/s  balance 96%  ETA 0 s")
    assert "ETA" in shown[2]


def test_a_terminal_gets_a_bar_with_all_of_it():
    out = io.StringIO()
    with Bar(Console(file=out, force_terminal=True, width=120)) as bar:
        bar.preparing("encoding", 5, 10)
        bar.training(50, 100, SHOWN)
        bar.note("step 50: held-out loss 2.2")
    shown = out.getvalue()
    assert "50/100" in shown
    assert "balance 96%" in shown
    assert "held-out loss 2.2" in shown
