"""Help for tests of `evaluate`: a text in, its models and the codes of what was found out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from moedsl.checker import hir
from moedsl.checker.evaluate import Evaluated, evaluate
from moedsl.checker.loader import Loader
from moedsl.checker.settings_text import parse_override
from moedsl.diagnostics import Diagnostic, Report

SMALL = """
model Small(width: int = 16, depth: int = 2) {
  d_model = width
  embed token { vocab_size = 8 }
  layer dense { norm rmsnorm {}  attention softmax { num_heads = 2 }  ffn mlp { d_ff = 2 * width } }
  layer sparse {
    norm rmsnorm {}
    moe { router topk { top_k = 2 }  experts ffn { num_experts = 4  d_ff = 8 }  loss load_balance { weight = 0.01 } }
  }
  stack decoder { causal = true  layers = [dense, sparse] * depth }
  head lm { tie = embed }
}
"""


class Result(NamedTuple):
    """What evaluating a text gave."""

    evaluated: Evaluated
    diagnostics: tuple[Diagnostic, ...]

    @property
    def codes(self) -> list[str]:
        """Codes, in the order found."""
        return [d.code for d in self.diagnostics]

    @property
    def model(self) -> hir.Model:
        """The last model, free of errors."""
        assert not self.diagnostics, [(d.code, d.message) for d in self.diagnostics]
        return self.evaluated.models[-1]


def resolve(
    text: str, *, model: str | None = None, params: Mapping[str, object] | None = None, overrides: tuple[str, ...] = ()
) -> Result:
    """Evaluate a text."""
    report = Report()
    loader = Loader.for_text(text, "<text>", report)
    file = loader.main()
    assert file is not None
    assigns = [a for o in overrides if (a := parse_override(o, report)) is not None]
    evaluated = evaluate(file, loader, report, model=model, params=params, overrides=assigns)
    return Result(evaluated, tuple(report))


def at(block: hir.Block, path: str) -> hir.Block:
    """A block inside another, by the slots or names on the way; a number is a layer."""
    for part in path.split("."):
        layers = [c for c in block.children if c.slot == "layer"]
        named = [c for c in block.children if part in (c.name, c.slot, c.keyword)]
        block = layers[int(part)] if part.isdecimal() else named[0]
    return block


def value(model: hir.Model, path: str) -> object:
    """A setting of a model, by its path."""
    block, _, name = path.rpartition(".")
    return (at(model.block, block) if block else model.block).settings[name].value
