"""One update: forward, backward, clip, step. Nothing here waits for the device.

The functions work in any precision on any module that is called as `model(tokens_BS, caches=None)` and returns an
`Output(logits, losses, loads, caches)`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from moedsl.ir.graph import Graph
from moedsl.lower.output import Caches
from moedsl.ops.optimizers._shared import Optimizer
from moedsl.runtime.batches import Batch

Autocast = Callable[[], AbstractContextManager[Any]]

_UNDECAYED_KINDS = frozenset({"embedding", "position", "norm"})


class StepResult(NamedTuple):
    """What an update leaves, still on the device."""

    loss: Tensor
    """Mean negative log-likelihood per token."""
    aux_loss: Tensor
    """Sum of the model's own losses."""
    grad_norm: Tensor
    """Before clipping."""
    loads: dict[str, Tensor]
    """Tokens per expert, by layer."""
    caches: list[Caches] | None
    """What the next block continues from, one per part of the batch."""


class FiniteGuard:
    """Keeps the weights as they were before the first update whose loss or gradient is not finite.

    The flag lives on the device and fused optimizers read it there, so guarding costs no wait. Once raised it stays
    raised: whoever looks later finds the weights that the bad batch met.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, device: torch.device) -> None:
        self.raised = torch.zeros((), device=device)
        self.is_on_device = getattr(optimizer, "_step_supports_amp_scaling", False)
        if self.is_on_device:
            optimizer.found_inf = self.raised  # type: ignore[attr-defined]

    def allows(self, *values: Tensor) -> bool:
        """Note whether these are finite, and say whether to call the optimizer."""
        good = torch.isfinite(torch.stack([v.float() for v in values])).all()
        self.raised.copy_(torch.maximum(self.raised, 1.0 - good.float()))
        return self.is_on_device or not bool(self.raised)


def train_step(
    model: nn.Module,
    batch: Batch,
    optimizer: torch.optim.Optimizer,
    *,
    parts: int = 1,
    clip: float | None = None,
    caches: Sequence[Caches] | None = None,
    autocast: Autocast = nullcontext,
    guard: FiniteGuard | None = None,
) -> StepResult:
    """Update the model once on a batch.

    Args:
        model: In training mode.
        batch: On the model's device.
        optimizer: Its learning rate is already set.
        parts: The batch is split by rows into this many parts, whose mean losses are averaged.
        clip: Largest gradient norm.
        caches: One per part, to continue from; none to start each block anew.
        autocast: Makes the context that the forward pass runs in.
        guard: Skips the update when the loss or the gradient is not finite.
    """
    optimizer.zero_grad(set_to_none=True)
    outputs = []
    for index, (inputs_BS, targets_BS) in enumerate(_split(batch, parts)):
        with autocast():
            out = model(inputs_BS, caches=None if caches is None else caches[index])
            loss, aux_loss = token_loss(out.logits, targets_BS), sum_losses(out)
            total = (loss + aux_loss) / parts
        total.backward()
        kept = None if caches is None else detached(out.caches)
        outputs.append((loss.detach(), aux_loss.detach(), out.loads, kept))
    loss, aux_loss = (torch.stack([o[i] for o in outputs]).mean() for i in range(2))
    grad_norm = _clip(model, clip)
    if guard is None or guard.allows(loss, grad_norm):
        optimizer.step()
    loads = _sum_loads([o[2] for o in outputs])
    return StepResult(loss, aux_loss, grad_norm, loads, None if caches is None else [o[3] for o in outputs])


def token_loss(logits_BSV: Tensor, targets_BS: Tensor) -> Tensor:
    """Mean negative log-likelihood per token, in float32 or better."""
    wide = logits_BSV if logits_BSV.dtype == torch.float64 else logits_BSV.float()
    return F.cross_entropy(wide.flatten(0, 1), targets_BS.flatten())


def sum_losses(out: Any) -> Tensor:
    """The model's own losses, already weighted, as one number."""
    return torch.stack(list(out.losses.values())).sum() if out.losses else out.logits.new_zeros(())


def set_learning_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Use this learning rate for all parameters."""
    for group in optimizer.param_groups:
        group["lr"] = lr


def build_optimizer(model: nn.Module, graph: Graph, op: Optimizer) -> torch.optim.Optimizer:
    """The recipe's optimizer for the model's parameters."""
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    decays = [op.decay_on == "all" or is_matrix(graph, name) for name, _ in named]
    decayed = [p for (_, p), yes in zip(named, decays, strict=True) if yes]
    undecayed = [p for (_, p), yes in zip(named, decays, strict=True) if not yes]
    return op.build(decayed, undecayed)


def is_matrix(graph: Graph, path: str) -> bool:
    """Whether a parameter multiplies activations: neither a norm, nor a bias (of each expert), nor an embedding."""
    path = graph.params[path].tied_to or path
    kind = graph[path.rpartition(".")[0]].op.kind
    axes = [axis for axis in graph.params[path].axes if axis != "num_experts" or kind == "router"]
    return kind not in _UNDECAYED_KINDS and len(axes) > 1


def detached(caches: Caches) -> Caches:
    """The same caches, without the graph that made them."""
    return {name: tuple(tensor.detach() for tensor in cache) for name, cache in caches.items()}


def _split(batch: Batch, parts: int) -> list[tuple[Tensor, Tensor]]:
    return list(zip(batch.inputs_BS.chunk(parts), batch.targets_BS.chunk(parts), strict=True))


def _clip(model: nn.Module, clip: float | None) -> Tensor:
    parameters = [p for p in model.parameters() if p.grad is not None]
    norm = nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
    if clip is not None:
        nn.utils.clip_grads_with_norm_(parameters, clip, norm)
    return norm.detach()


def _sum_loads(parts: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    if len(parts) == 1:
        return parts[0]
    return {name: torch.stack([p[name] for p in parts]).sum(0) for name in parts[0]}
