"""The same decoder as `PEER_SPEC`, written by hand as plain modules: what a lowered model is measured against.

Parameter names equal the spec's paths, so both load one `state_dict`; results are equal, so both do the same work.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PEER_SPEC = """
model Peer(d_model: int = 256, d_ff: int = 512, num_experts: int = 8, depth: int = 4) {
  d_model = d_model
  embed token { vocab_size = 1024 }
  layer sparse {
    norm rmsnorm { eps = 1e-6 }
    attention softmax { num_heads = 4  position = rotary }
    moe {
      router topk { top_k = 2 }
      experts glu { num_experts = num_experts  d_ff = d_ff }
      momentum heavy_ball { mu = 0.7 }
    }
  }
  stack decoder { causal = true  layers = [sparse] * depth }
  norm rmsnorm { eps = 1e-6 }
  head lm {}
}
"""


class RmsNorm(nn.Module):
    """Unit mean square, times a weight."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(width))

    def forward(self, x: Tensor) -> Tensor:
        """Rescale each position."""
        return F.rms_norm(x, x.shape[-1:], self.weight, 1e-6)


class Attention(nn.Module):
    """Causal attention with rotary positions."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.w_q, self.w_k, self.w_v, self.w_o = (nn.Parameter(torch.empty(d_model, d_model)) for _ in range(4))

    def forward(self, x: Tensor, positions: Tensor) -> Tensor:
        """Mix positions."""
        q, k, v = (F.linear(x, w).unflatten(-1, (4, -1)).transpose(1, 2) for w in (self.w_q, self.w_k, self.w_v))
        y = F.scaled_dot_product_attention(rotate(q, positions), rotate(k, positions), v, is_causal=True)
        return F.linear(y.transpose(1, 2).flatten(2), self.w_o)


def rotate(x: Tensor, positions: Tensor) -> Tensor:
    """Turn each pair of channels by its position."""
    even = torch.arange(0, x.shape[-1], 2, device=x.device, dtype=torch.float32)
    angles = positions.float()[:, None] * 10_000.0 ** (-even / x.shape[-1])
    cosine, sine = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cosine - second * sine, second * cosine + first * sine), dim=-1)


class Router(nn.Module):
    """The gate of a mixture."""

    def __init__(self, num_experts: int, d_model: int) -> None:
        super().__init__()
        self.gate = nn.Parameter(torch.empty(num_experts, d_model))


class Experts(nn.Module):
    """The weights of a bank."""

    def __init__(self, num_experts: int, d_ff: int, d_model: int) -> None:
        super().__init__()
        self.w_in = nn.Parameter(torch.empty(num_experts, 2 * d_ff, d_model))
        self.w_out = nn.Parameter(torch.empty(num_experts, d_model, d_ff))


class Moe(nn.Module):
    """Top-2 routing, sorted dispatch, gated experts."""

    def __init__(self, num_experts: int, d_ff: int, d_model: int) -> None:
        super().__init__()
        self.router, self.experts = Router(num_experts, d_model), Experts(num_experts, d_ff, d_model)
        self.num_experts = num_experts

    def forward(self, x_BSD: Tensor) -> tuple[Tensor, Tensor]:
        """The mixture, and how many assignments each expert got."""
        x = x_BSD.flatten(0, 1)
        logits = F.linear(x.float(), self.router.gate.float())
        chosen = logits.topk(2, dim=-1).indices
        weights = logits.softmax(-1).gather(-1, chosen)
        weights = (weights / weights.sum(-1, keepdim=True)).to(x.dtype)
        sorted_experts, order = chosen.flatten().sort(stable=True)
        ends = torch.searchsorted(sorted_experts, torch.arange(self.num_experts, device=x.device), right=True)
        ends = ends.to(torch.int32)
        hidden = torch.ops.moedsl.grouped_linear(x.index_select(0, order // 2), self.experts.w_in, ends)
        gate, up = hidden.chunk(2, dim=-1)
        y = torch.ops.moedsl.grouped_linear(F.silu(gate) * up, self.experts.w_out, ends)
        rows = y.index_select(0, order.argsort()).unflatten(0, chosen.shape)
        flat = chosen.flatten()
        load = flat.new_zeros(self.num_experts).scatter_add(0, flat, torch.ones_like(flat))
        return (rows * weights[..., None]).sum(1).view_as(x_BSD), load


class PeerLayer(nn.Module):
    """Attention, then a mixture that moves the stream by a heavy-ball step."""

    def __init__(self, d_model: int, d_ff: int, num_experts: int) -> None:
        super().__init__()
        self.attention_norm, self.attention = RmsNorm(d_model), Attention(d_model)
        self.moe_norm, self.moe = RmsNorm(d_model), Moe(num_experts, d_ff, d_model)

    def forward(self, x: Tensor, positions: Tensor, velocity: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The next stream, the next velocity, and the experts' loads."""
        x = x + self.attention(self.attention_norm(x), positions)
        u, load = self.moe(self.moe_norm(x))
        velocity = 0.7 * velocity + u
        return x - velocity, velocity, load


class Peer(nn.Module):
    """The whole decoder."""

    def __init__(self, d_model: int = 256, d_ff: int = 512, num_experts: int = 8, depth: int = 4) -> None:
        super().__init__()
        self.embed = nn.Module()
        self.embed.table = nn.Parameter(torch.empty(1024, d_model))
        self.decoder = nn.Module()
        self.decoder.layers = nn.ModuleList(PeerLayer(d_model, d_ff, num_experts) for _ in range(depth))
        self.norm = RmsNorm(d_model)
        self.head = nn.Module()
        self.head.weight = nn.Parameter(torch.empty(1024, d_model))

    def forward(self, tokens: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Logits, and the experts' loads of each layer."""
        x = F.embedding(tokens, self.embed.table)  # type: ignore[arg-type]
        positions, velocity, loads = torch.arange(tokens.shape[1], device=tokens.device), torch.zeros_like(x), []
        for layer in self.decoder.layers:  # type: ignore[union-attr]
            x, velocity, load = layer(x, positions, velocity)
            loads.append(load)
        return F.linear(self.norm(x), self.head.weight), loads  # type: ignore[arg-type]
