"""How far tokens spread within their clusters, feature by feature: once for whole groups, or token by token.

Axes: G groups (the batch, or each sequence of it), N tokens of a group, E clusters, D d_model. All of it takes tokens
in float32 or better, detached: the statistics are constants to the gradient.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from moedsl.lazy import F, torch
from moedsl.ops.numerics import float32_matmul

Dispersion = Literal["mad", "variance", "pairwise"]


class Spread(NamedTuple):
    """Statistics of clusters."""

    spread: Any
    """`spread_GED`, or `spread_GNED` as each token finds it."""
    count: Any
    """Tokens per cluster, `count_GE` or `count_GNE`."""


class Past(NamedTuple):
    """What the statistics of later tokens need of earlier ones."""

    count_GE: Any
    highest_G: Any
    """The largest number of a cluster so far."""
    total_GED: Any
    """Sums of tokens."""
    spread_GED: Any
    """Sums of what the dispersion averages."""


def whole(x_GND: Any, label_GN: Any, num_clusters: int, dispersion: Dispersion) -> Spread:
    """Of all tokens of each group together."""
    member_GNE = F.one_hot(label_GN, num_clusters).to(x_GND.dtype)
    count_GE = member_GNE.sum(1)
    if dispersion == "pairwise":
        return Spread(_pairwise(x_GND, label_GN, count_GE), count_GE)
    mean_GED = _means(member_GNE, x_GND, count_GE)
    if dispersion == "variance":
        return Spread((_means(member_GNE, x_GND.square(), count_GE) - mean_GED.square()).clamp_min(0), count_GE)
    return Spread(_means(member_GNE, (x_GND - _of_cluster(mean_GED, label_GN)).abs(), count_GE), count_GE)


def running(x_GND: Any, label_GN: Any, past: Past, dispersion: Dispersion) -> tuple[Spread, tuple[Any, Any]]:
    """As each token finds them, itself included; and the sums behind the last token. Not for `pairwise`.

    A deviation is taken about the mean as it stood when its token came, so that nothing past needs to be kept.
    """
    member_GNE = F.one_hot(label_GN, past.count_GE.shape[-1]).to(x_GND.dtype)
    count_GNE = past.count_GE[:, None] + member_GNE.cumsum(1)
    total_GNED = _running_sums(past.total_GED, member_GNE, x_GND)
    number_GNE1 = count_GNE.clamp_min(1)[..., None]
    mean_GNED = total_GNED / number_GNE1
    if dispersion == "variance":
        sum_GNED = _running_sums(past.spread_GED, member_GNE, x_GND.square())
        spread_GNED = (sum_GNED / number_GNE1 - mean_GNED.square()).clamp_min(0)
    else:
        own_GND = (member_GNE[..., None] * mean_GNED).sum(2)
        sum_GNED = _running_sums(past.spread_GED, member_GNE, (x_GND - own_GND).abs())
        spread_GNED = sum_GNED / number_GNE1
    return Spread(spread_GNED, count_GNE), (total_GNED[:, -1], sum_GNED[:, -1])


def _means(member_GNE: Any, rows_GND: Any, count_GE: Any) -> Any:
    """Means over clusters, zero for empty ones."""
    return float32_matmul(member_GNE.mT, rows_GND) / count_GE.clamp_min(1)[..., None]


def _of_cluster(of_GED: Any, label_GN: Any) -> Any:
    """Each token's row of its own cluster."""
    return of_GED.gather(1, label_GN[..., None].expand(-1, -1, of_GED.shape[-1]))


def _running_sums(before_GED: Any, member_GNE: Any, rows_GND: Any) -> Any:
    return before_GED[:, None] + (member_GNE[..., None] * rows_GND[:, :, None]).cumsum(1)


def _pairwise(x_GND: Any, label_GN: Any, count_GE: Any) -> Any:
    """Means of |x_i - x_j| over pairs in a cluster: sorted, the i-th of n values counts 2i - n + 1 times."""
    sorted_GND, order_GND = x_GND.sort(dim=1)
    labels_GND = label_GN[..., None].expand_as(x_GND).gather(1, order_GND)
    by_cluster_GND = sorted_GND.gather(1, labels_GND.argsort(dim=1, stable=True))
    label_GN = label_GN.sort(dim=1).values
    start_GE = count_GE.cumsum(-1) - count_GE
    place_N = torch.arange(label_GN.shape[1], device=label_GN.device)
    rank_GN = place_N - start_GE.gather(1, label_GN)
    times_GN = 2 * rank_GN - count_GE.gather(1, label_GN) + 1
    member_GNE = F.one_hot(label_GN, count_GE.shape[-1]).to(x_GND.dtype)
    pairs_GE = (count_GE * (count_GE - 1) / 2).clamp_min(1)
    return float32_matmul(member_GNE.mT, times_GN[..., None] * by_cluster_GND) / pairs_GE[..., None]
