"""Pictures of a run, drawn from its record: the loss, and how the experts of each layer are used over time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from moedsl.runtime.metrics import read_lines

_INK, _GRID, _TRAIN, _RAW, _EVAL = "#22272e", "#d8dee6", "#2563eb", "#b6cdf8", "#dc5f00"
_MOST_COLUMNS = 400
_FEW_LAYERS = 8
_SHARE_OF_TIME = 100
"""Drawing while training may take one part in this many of the time."""


class Plots:
    """Draws now and then, and never spends more than a hundredth of the run's time on it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._next = time.monotonic() + 60.0

    def draw_if_cheap(self) -> None:
        """Draw unless the last picture is too recent."""
        if time.monotonic() >= self._next:
            self.draw()

    def draw(self) -> None:
        """Draw everything that the record holds."""
        began = time.monotonic()
        draw(self._folder)
        now = time.monotonic()
        self._next = now + _SHARE_OF_TIME * (now - began)


def draw(folder: Path) -> tuple[Path, ...]:
    """Draw `loss.png` and, where there are experts, `expert_load.png` from `metrics.jsonl`."""
    lines = list(read_lines(folder / "metrics.jsonl"))
    drawn = [_draw_loss(folder / "loss.png", lines)]
    windows = _of_kind(lines, "window", "shares", "balance")
    if windows and windows[-1]["shares"]:
        drawn.append(_draw_loads(folder / "expert_load.png", windows))
    return tuple(drawn)


def smooth(values: Sequence[float]) -> list[float]:
    """An exponential average over about a fiftieth of the run; it starts unbiased."""
    smoothed, average, mass = [], 0.0, 0.0
    weight = 1.0 - 1.0 / max(1.0, len(values) / 50)
    for value in values:
        average, mass = weight * average + (1 - weight) * value, weight * mass + (1 - weight)
        smoothed.append(average / mass)
    return smoothed


def _of_kind(lines: Sequence[dict[str, Any]], kind: str, *names: str) -> list[dict[str, Any]]:
    """The lines of a kind that have all they should have."""
    return [line for line in lines if line.get("kind") == kind and line.keys() >= set(names)]


def _draw_loss(path: Path, lines: Sequence[dict[str, Any]]) -> Path:
    figure = _figure(8.0, 5.6)
    upper, lower = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": [4, 1]})
    steps, tests = _of_kind(lines, "train", "loss", "lr"), _of_kind(lines, "eval", "loss", "bits_per_byte")
    x, y = [line["step"] for line in steps], [line["loss"] for line in steps]
    upper.plot(x, y, color=_RAW, linewidth=0.8)
    upper.plot(x, smooth(y), color=_TRAIN, linewidth=1.8, label="training")
    upper.plot(
        [t["step"] for t in tests], [t["loss"] for t in tests], "o-", color=_EVAL, markersize=4, label="held out"
    )
    if tests:
        note = f"{tests[-1]['loss']:.3f}\n{tests[-1]['bits_per_byte']:.3f} bits per byte"
        place = (tests[-1]["step"], tests[-1]["loss"])
        upper.annotate(note, place, (-8, 14), textcoords="offset points", ha="right", color=_EVAL, fontsize=9)
    upper.set_ylabel("loss per token (nats)")
    upper.legend(frameon=False)
    lower.plot(x, [line["lr"] for line in steps], color=_INK, linewidth=1.4)
    lower.set_ylim(bottom=0.0)
    lower.set_ylabel("learning rate")
    lower.set_xlabel("step")
    for axes in (upper, lower):
        _plain(axes)
    return _save(figure, path)


def _draw_loads(path: Path, windows: Sequence[dict[str, Any]]) -> Path:
    """One strip per layer: experts from top to bottom, steps from left to right, colour for the share of tokens."""
    layers = list(windows[-1]["shares"])
    thinned = windows[:: max(1, len(windows) // _MOST_COLUMNS)]
    figure = _figure(9.0, 1.2 + (1.1 if len(layers) <= _FEW_LAYERS else 0.7) * len(layers))
    grid = figure.subplots(len(layers), 2, squeeze=False, sharex="col", gridspec_kw={"width_ratios": [5, 1]})
    image = None
    for (strip, bars), layer in zip(grid, layers, strict=True):
        relative_WE = np.array([line["shares"][layer] for line in thinned])
        relative_WE *= relative_WE.shape[1]
        image = strip.pcolormesh(
            _edges([line["step"] for line in thinned]),
            np.arange(relative_WE.shape[1] + 1) - 0.5,
            relative_WE.T,
            cmap="RdBu_r",
            vmin=0.0,
            vmax=2.0,
            rasterized=True,
        )
        strip.invert_yaxis()
        strip.set_title(layer, fontsize=9, loc="left", color=_INK)
        strip.set_ylabel("expert", fontsize=8)
        _draw_bars(bars, relative_WE[-1])
        bars.set_title(f"balance {windows[-1]['balance'][layer]:.0%}", fontsize=9, loc="left", color=_INK)
    grid[-1][0].set_xlabel("step")
    grid[-1][1].set_xlabel("last window")
    bar = figure.colorbar(image, ax=list(grid[:, 1]), fraction=0.25, extend="max")
    bar.set_label("tokens / even share")
    return _save(figure, path)


def _draw_bars(axes: Any, relative_E: np.ndarray) -> None:
    axes.barh(np.arange(len(relative_E)), relative_E, color=_TRAIN, height=0.8)
    axes.axvline(1.0, color=_INK, linewidth=0.8, linestyle=":")
    axes.set_ylim(len(relative_E) - 0.5, -0.5)
    axes.set_yticks([])
    axes.set_xlim(0, max(2.0, float(relative_E.max()) * 1.05))
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _edges(steps: Sequence[int]) -> list[float]:
    """Where the columns of a strip begin and end."""
    if len(steps) == 1:
        return [0.0, float(steps[0])]
    between = [(a + b) / 2 for a, b in pairwise(steps)]
    return [2 * steps[0] - between[0], *between, 2 * steps[-1] - between[-1]]


def _figure(width: float, height: float) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _plain(axes: Any) -> None:
    axes.grid(color=_GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _save(figure: Any, path: Path) -> Path:
    temporary = path.with_name(f".new-{path.name}")
    figure.savefig(temporary, format="png")
    temporary.replace(path)
    return path
