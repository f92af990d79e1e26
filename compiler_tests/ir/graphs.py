"""Small models for the tests of graphs, written as specs."""

from __future__ import annotations

from functools import cache

from moedsl.checker.run import check
from moedsl.ir.graph import Graph


def block(head: str, *inside: str, **fields: object) -> str:
    """`router topk { top_k = 2 }`: a block with fields and what stands inside it."""
    settings = [f"{name} = {_written(value)}" for name, value in fields.items()]
    return f"{head} {{\n{chr(10).join((*settings, *inside))}\n}}"


def sparse(*extra: str, place: str = "pre", **router: object) -> str:
    """A layer with a feed-forward part and a mixture of experts."""
    mixture = (block("router topk", **{"top_k": 2, **router}), block("experts ffn", num_experts=4, d_ff=8), *extra)
    return block("layer sparse", block("norm rmsnorm", place=place), block("ffn mlp", d_ff=16), block("moe", *mixture))


def dense() -> str:
    return block("layer dense", block("norm rmsnorm"), block("ffn mlp", d_ff=16))


def momentum(keyword: str = "heavy_ball", **fields: object) -> str:
    return block(f"momentum {keyword}", **fields)


def balance(**fields: object) -> str:
    return block("loss load_balance", **fields)


def spec(*layers: str, causal: bool = True, d_model: int = 8, vocab_size: int = 16, tie: str = "embed") -> str:
    """A language model over these layers; equal ones share a template."""
    kinds: dict[str, list[str]] = {}
    for layer in dict.fromkeys(layers):
        kinds.setdefault(layer.split()[1], []).append(layer)
    templates = {layer: f"{kind}{at or ''}" for kind, same in kinds.items() for at, layer in enumerate(same)}
    return block(
        "model M",
        block("embed token", vocab_size=vocab_size),
        *(f"layer {name} {layer[layer.index('{') :]}" for layer, name in templates.items()),
        block("stack decoder", causal=causal, layers=f"[{', '.join(templates[layer] for layer in layers)}]"),
        "norm rmsnorm {}",
        block("head lm", **({} if tie == "none" else {"tie": tie})),
        d_model=d_model,
    )


@cache
def model(*layers: str, causal: bool = True, d_model: int = 8, vocab_size: int = 16, tie: str = "embed") -> Graph:
    """The graph of `spec`. Tests share it: they never change it in place."""
    text = spec(*layers, causal=causal, d_model=d_model, vocab_size=vocab_size, tie=tie)
    result = check(text, path="m.moe")
    assert result.graph is not None, result.diagnostics
    return result.graph


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
