"""Parsing in tests: a text in, a tree and codes out."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from moedsl.diagnostics import Report
from moedsl.source import SourceFile
from moedsl.syntax import ast
from moedsl.syntax.parser import parse

LANGUAGE = """\
edition 2026
import "common.moe" as common
use std.mixtral as mixtral

## A reusable router.
router fast(k: int = 2) = topk { top_k = k }

layer dense { norm rmsnorm { place = pre }  attention softmax { num_heads = 4 }  ffn mlp { d_ff = 512 } }

model Tiny(vocab_size: int = 256, pairs: int = 2, share: float = 0.5 where share < 1) {
  param mu: float? = 0.7 where 0 <= mu and mu < 1   # momentum coefficient
  param spans: list[int] = [128, 256,]
  let d_ff = 2 * 128
  d_model = -(64 + 8 ** 2) // 3 % 7 - 1 if not true or false else 32k
  embed token { vocab_size = vocab_size }
  ## The mixture layer;
  ## it comes first.
  layer sparse {
    moe {
      router fast(k = 2) { renormalize = true }
      experts glu(8, act = "silu") { init = normal(std = 0.02) }
      merging = ties { density = 0.2 }
    }
  }
  stack decoder {
    layers = [sparse, dense] * pairs
    at 0, -1, 0..4, 0..=4, every(2, start = 1), sparse(1..pairs) { moe { momentum = none } }
  }
  when pairs > 4 { a = 1 } else when pairs == 4 { a = 2 } else { a = 3 }
  assert total_params() <= 140M : "too \\"large\\""
  assert mixtral.small(n = 2).total_params >= 1
  moved decoder.layers.*.ffn -> decoder.layers.0.moe.experts
}

model Bigger extends Tiny(pairs = 6) { stack decoder { at all { moe.router.top_k = 1 } } }
recipe quick for Bigger { steps = 200, optimizer adamw { lr = 3e-4 } }
"""
"""Every rule of the grammar at least once."""


def read(text: str) -> tuple[ast.File, Report]:
    report = Report()
    return parse(SourceFile(path="spec.moe", text=text), report), report


def tree(text: str) -> ast.File:
    """The tree of a text that must have no errors."""
    file, report = read(text)
    assert [d.message for d in report] == []
    return file


def codes(text: str) -> list[str]:
    return [diagnostic.code for diagnostic in read(text)[1]]


def nodes(root: object) -> Iterator[ast.Node]:
    """Every node of a tree, parents first."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, tuple):
            waiting.extend(node)
        elif isinstance(node, ast.Node):
            yield node
            waiting.extend(getattr(node, part.name) for part in dataclasses.fields(node) if part.name != "span")
