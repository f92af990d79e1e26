"""How checking grows with the text: ten times the lines, and ten thousand of them in a fresh process."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from moedsl.bench.measure import Result, moedsl, ratio
from moedsl.checker.run import check

LINES = 1_000
SECONDS, MEGABYTES = 10, 500

_MODEL = """
## Model {number}: what a person would write, with a parameter, a condition, overrides and a budget.
model M{number}(pairs: int = 2, d_model: int = {width}, mu: float = 0.7 where 0 <= mu and mu < 1) {{
  let heads = d_model / 16
  d_model = d_model
  embed token {{ vocab_size = 1k }}
  layer sparse {{
    norm rmsnorm {{ eps = 1e-6 }}
    attention softmax {{ num_heads = heads  position = rotary }}
    moe {{
      router topk {{ top_k = 2 }}
      experts glu {{ num_experts = 8  d_ff = 2 * d_model }}
      momentum heavy_ball {{ mu = mu }}
      loss load_balance {{ weight = 0.01 }}
    }}
  }}
  layer dense {{ norm rmsnorm {{}}  attention softmax {{ num_heads = heads }}  ffn mlp {{ d_ff = 4 * d_model }} }}
  stack decoder {{
    causal = true
    layers = [sparse, dense] * pairs
    at sparse(1..pairs) {{ moe {{ router topk {{ top_k = 1 }} }} }}
  }}
  norm rmsnorm {{}}
  head lm {{ tie = embed }}
  assert active_params() < total_params() : "routing must stay sparse"
}}
"""


def spec(lines: int) -> str:
    """A spec of about so many lines, made of different models."""
    each = _MODEL.count("\n")
    return "".join(_MODEL.format(number=n, width=32 * (1 + n % 8)) for n in range(max(1, lines // each)))


def run() -> Iterator[Result]:
    """In this process for the growth, in a fresh one for the promise in seconds and bytes."""
    short, long = spec(LINES), spec(10 * LINES)
    for text in (short, long):
        errors = [d.message for d in check(text).diagnostics if d.severity == "error"]
        assert not errors, errors[:3]
    name, clock = "check of 10x the text by 1x", time.process_time
    yield ratio(name, lambda: check(long), lambda: check(short), pairs=7, limit=12, clock=clock)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "long.moe")
        path.write_text(long)
        process = moedsl("check", str(path))
    detail = f"{long.count(chr(10)):,} lines"
    yield Result(name="check of 10,000 lines", value=process.seconds, limit=SECONDS, unit="s", detail=detail)
    yield Result(name="its peak memory", value=process.peak_mb, limit=MEGABYTES, unit="MB")
