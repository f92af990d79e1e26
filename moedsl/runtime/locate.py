"""Finds the first layer whose numbers are not finite, by doing a step again and looking at everything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from moedsl.diagnostics import Diagnostic
from moedsl.ir.graph import Graph
from moedsl.lower.output import Caches
from moedsl.runtime.batches import Batch
from moedsl.runtime.failures import RunFailure
from moedsl.runtime.step import Autocast, sum_losses, token_loss


def not_finite(
    model: nn.Module,
    graph: Graph,
    batch: Batch,
    *,
    step: int,
    parts: int = 1,
    caches: Sequence[Caches] | None = None,
    autocast: Autocast = nullcontext,
) -> RunFailure:
    """The failure that names step, layer and line. The weights must be those that the step met."""
    with torch.compiler.set_stance("force_eager"):
        where, what = _first(model, batch, parts, caches, autocast)
    node = where.rpartition(".")[0] if where not in graph.nodes and where in graph.params else where
    span = graph.source_map.nodes.get(node)
    diagnostic = Diagnostic(
        code="E1012",
        message=f"step {step}: {what}" + (f" of `{where}`" if where else ""),
        span=span,
        path=node or None,
        help="lower the learning rate, lengthen the warmup, or set `clip`; the last checkpoint is intact",
    )
    return RunFailure(diagnostic)


def _first(
    model: nn.Module, batch: Batch, parts: int, caches: Sequence[Caches] | None, autocast: Autocast
) -> tuple[str, str]:
    """The path of the node or parameter at fault, and what is wrong with it."""
    for name, parameter in model.named_parameters():
        if not bool(parameter.isfinite().all()):
            return name, f"{_kind(parameter)} in the weights"
    found: list[tuple[str, str]] = []
    hooks = [m.register_forward_hook(_watch(name, found)) for name, m in model.named_modules() if _is_leaf(m)]
    try:
        losses = list(_forward_parts(model, batch, parts, caches, autocast, found))
    finally:
        for hook in hooks:
            hook.remove()
    if found:
        return found[0]
    return _first_gradient(model, losses)


def _forward_parts(
    model: nn.Module,
    batch: Batch,
    parts: int,
    caches: Sequence[Caches] | None,
    autocast: Autocast,
    found: list[tuple[str, str]],
) -> Iterator[Tensor]:
    rows = zip(batch.inputs_BS.chunk(parts), batch.targets_BS.chunk(parts), strict=True)
    for index, (inputs_BS, targets_BS) in enumerate(rows):
        with autocast():
            out = model(inputs_BS, caches=None if caches is None else caches[index])
            found.extend((name, f"{_kind(x)} in the loss") for name, x in out.losses.items() if not bool(x.isfinite()))
            yield token_loss(out.logits, targets_BS) + sum_losses(out)


def _first_gradient(model: nn.Module, losses: list[Tensor]) -> tuple[str, str]:
    """Gradients flow backwards: the last parameter with a bad one is nearest to the cause."""
    model.zero_grad(set_to_none=True)
    torch.stack(losses).sum().backward()
    bad = [(n, p.grad) for n, p in model.named_parameters() if p.grad is not None and not bool(p.grad.isfinite().all())]
    model.zero_grad(set_to_none=True)
    if not bad:
        return "", "the loss or the norm of the gradient is not finite"
    name, gradient = bad[-1]
    return name, f"{_kind(gradient)} in the gradient"


def _watch(name: str, found: list[tuple[str, str]]) -> Any:
    def look(module: nn.Module, inputs: Any, output: Any) -> None:
        bad = next((t for t in _tensors(output) if _is_bad(t)), None)
        if bad is not None and not found:
            found.append((name, f"{_kind(bad)} in the output"))

    return look


def _is_leaf(module: nn.Module) -> bool:
    return next(module.children(), None) is None


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        yield from (t for v in value.values() for t in _tensors(v))
    elif isinstance(value, tuple | list):
        yield from (t for v in value for t in _tensors(v))


def _is_bad(value: Tensor) -> bool:
    """NaN or Inf; minus infinity is how scores are masked."""
    return value.is_floating_point() and bool((value.isnan() | value.isposinf()).any())


def _kind(value: Tensor) -> str:
    return "NaN" if bool(value.isnan().any()) else "Inf"
