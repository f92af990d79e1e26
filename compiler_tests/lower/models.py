"""Small models for the tests of lowering."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor

from moedsl.checker.run import check
from moedsl.ir.graph import Graph
from moedsl.lower.model import Model, lower

SPEC = """
model Small {
  d_model = 8
  embed token { vocab_size = 16 }
  layer sparse {
    norm rmsnorm {}
    attention softmax { num_heads = 2  position = rotary }
    moe {
      router topk { top_k = 2 }
      experts glu { num_experts = 4  d_ff = 8 }
      MOMENTUM
      loss load_balance { weight = 0.01 }
    }
  }
  layer dense { norm rmsnorm {}  ffn mlp { d_ff = 16 } }
  stack decoder { causal = true  layers = LAYERS  EDITS }
  norm rmsnorm {}
  HEAD
}
"""


@cache
def graph(
    layers: str = "[sparse, sparse, dense, sparse]",
    momentum: str = "momentum heavy_ball { mu = 0.7 }",
    edits: str = "",
    head: str = "head lm { tie = embed }",
) -> Graph:
    """A language model: attention with a cache, routed experts, a carry, losses, a tied head."""
    text = SPEC.replace("LAYERS", layers).replace("MOMENTUM", momentum).replace("EDITS", edits).replace("HEAD", head)
    result = check(text, path="small.moe")
    assert result.graph is not None, result.diagnostics
    return result.graph


def model(dtype: torch.dtype = torch.float64, seed: int = 0, **parts: Any) -> Model:
    return lower(graph(**parts), dtype=dtype, seed=seed)


def tokens(rows: int = 2, length: int = 6, seed: int = 0) -> Tensor:
    return torch.randint(0, 16, (rows, length), generator=torch.Generator().manual_seed(seed))


def gradients(called: Any, given: Tensor, owner: Any = None) -> dict[str, Tensor]:
    """Gradients of a random projection of the logits, plus the losses."""
    owner = owner or called
    owner.zero_grad()
    out = called(given)
    cotangent = torch.randn(out.logits.shape, generator=torch.Generator().manual_seed(1), dtype=out.logits.dtype)
    ((out.logits * cotangent).sum() + sum(out.losses.values())).backward()
    return {name: p.grad.clone() for name, p in owner.named_parameters()}


def assert_equal_tensors(found: dict[str, Tensor], wanted: dict[str, Tensor], *, atol: float = 1e-12) -> None:
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=atol, msg=lambda text, name=name: f"{name}: {text}")
