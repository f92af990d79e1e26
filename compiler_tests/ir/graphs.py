"""Small models for the tests of graphs, made of blocks as the evaluator would leave them."""

from __future__ import annotations

from typing import Any

from moedsl.checker import hir
from moedsl.checker.bind import Binder
from moedsl.checker.build import build
from moedsl.diagnostics import Report
from moedsl.ir.graph import Graph
from moedsl.source import SourceFile

SPEC = SourceFile(path="m.moe", text="model M {\n  d_model = 8\n}\n")


def block(
    slot: str, keyword: str | None = None, *children: hir.Block, name: str | None = None, **fields: Any
) -> hir.Block:
    at = SPEC.span(12, 19)
    settings = {k: hir.Setting(value=v, span=at, name_span=at) for k, v in fields.items()}
    return hir.Block(slot=slot, keyword=keyword, name=name, settings=settings, children=children, span=at)


def sparse(*extra: hir.Block, place: str = "pre", num_experts: int = 4, d_ff: int = 8, **router: Any) -> hir.Block:
    """A layer with a feed-forward part and a mixture of experts."""
    return block(
        "layer",
        None,
        block("norm", "rmsnorm", place=place),
        block("ffn", "mlp", d_ff=16),
        block(
            "moe",
            None,
            block("router", "topk", **{"top_k": 2, **router}),
            block("experts", "ffn", num_experts=num_experts, d_ff=d_ff),
            *extra,
        ),
        name="sparse",
    )


def dense() -> hir.Block:
    return block("layer", None, block("norm", "rmsnorm"), block("ffn", "mlp", d_ff=16), name="dense")


def momentum(**fields: Any) -> hir.Block:
    return block("momentum", "heavy_ball", **fields)


def balance(**fields: Any) -> hir.Block:
    return block("loss", "load_balance", **fields)


def model(*layers: hir.Block, causal: bool = True, d_model: int = 8, vocab_size: int = 16, tie: str = "embed") -> Graph:
    """A language model over these layers."""
    whole = block(
        "model",
        None,
        block("embed", "token", vocab_size=vocab_size),
        block("stack", None, *layers, name="decoder", causal=causal),
        block("norm", "rmsnorm"),
        block("head", "lm", tie=tie),
        name="M",
        d_model=d_model,
    )
    report = Report()
    bound = Binder(report=report).bind(whole)
    assert bound is not None, report.diagnostics
    graph = build(hir.Model(name="M", block=whole, span=whole.span), bound, report)
    assert not report.diagnostics, report.diagnostics
    return graph
