"""Laws on a line: densities with the critic that compares them, and histograms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from genimg._base.errors import UsageError
from genimg.plots.look import DASHES, FULL, GREEN, Colours, array, axes, key, palette, pretty, readable


def density1d(
    grid: Any,
    densities: Mapping[str, Any],
    *,
    critic: Mapping[str, Any] | None = None,
    critic_axis: str = "",
    title: str = "",
    colours: Colours = None,
    labels: str = "peak",
    height: float = 2.8,
    ax: Axes | None = None,
) -> Axes:
    r"""Filled densities over a line, and on their own right-hand axis the critics that compare them.

    The left axis has no ticks, since a density's height rarely matters.

    Args:
        grid: (k,) increasing points.
        densities: label -> (k,) values, none negative.
        critic: label -> (k,) values, drawn as green lines with a scale of their own at the right.
        critic_axis: Name of that scale.
        labels: "peak" (over each law's highest point) or "above" (one line over the axes, for laws that overlap).

    Raises:
        UsageError: for values that do not fit the grid, negative densities or NaN.

    Example:
        >>> ax = density1d([0, 1, 2], {"P_real": [0, 1, 0], "P_G": [0, 0.5, 1]})
        >>> for label in sorted(text.get_text() for text in ax.texts):
        ...     print(label)
        $P_\mathrm{G}$
        $P_\mathrm{real}$
    """
    if labels not in ("peak", "above"):
        raise UsageError(f"labels must be 'peak' or 'above', got {labels!r}")
    ax = axes(ax, FULL, height)
    points = array(grid, "grid", 1)
    names = list(densities)
    shades = palette(names, colours)
    top = 0.0
    for name, shade, raw in zip(names, shades, densities.values(), strict=True):
        values = _on_grid(name, raw, points)
        if (values < 0).any():
            raise UsageError(f"density {name!r} is negative somewhere; a density is not")
        top = max(top, float(values.max()))
        ax.fill_between(points, values, color=shade, alpha=0.28, linewidth=0)
        ax.plot(points, values, color=shade, linestyle="-", linewidth=1.6, label=name)
        if labels == "peak" and not name.startswith("_"):
            # The middle of the plateau, so that a uniform law is named at its centre.
            peak = int(np.median(np.flatnonzero(values >= values.max() * (1 - 1e-9))))
            ax.annotate(
                pretty(name),
                (points[peak], values[peak]),
                xytext=(0, 3),
                textcoords="offset points",
                color=readable(shade),
                ha="center",
                va="bottom",
            )
    ax.set_ylim(0, top * 1.18 or 1.0)
    ax.set_xlim(points[0], points[-1])
    ax.set(xlabel="x", title=title)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    if labels == "above":
        key(ax, names, shades, title)
    if critic:
        right = ax.twinx()
        right.spines["right"].set_visible(True)
        right.spines["right"].set_color(GREEN)
        right.tick_params(axis="y", color=GREEN, labelcolor=GREEN)
        right.set_ylabel(critic_axis, color=GREEN)
        for i, (name, raw) in enumerate(critic.items()):
            values = _on_grid(name, raw, points)
            right.plot(points, values, color=GREEN, linestyle=DASHES[i % len(DASHES)], linewidth=2.0, label=name)
            right.annotate(
                pretty(name),
                (1, float(values[-1])),
                xycoords=("axes fraction", "data"),
                xytext=(-4, 5),
                textcoords="offset points",
                color=GREEN,
                ha="right",
            )
        right.margins(y=0.12)
    return ax


def histogram(
    values: Mapping[str, Any],
    *,
    bins: int = 60,
    span: tuple[float, float] | None = None,
    x: str = "",
    colours: Colours = None,
    width: float = FULL,
    height: float = 2.8,
    ax: Axes | None = None,
) -> Axes:
    """Histograms on shared bins, each of area 1, with their names in one line above.

    Args:
        values: label -> (n,) numbers.
        bins: How many, over the common range.
        span: That range, if not from the smallest to the largest value.

    Example:
        >>> ax = histogram({"clipped": [0.0, 0.01, 0.01], "penalty": [0.0, 0.2, 0.3]}, bins=4)
        >>> [text.get_text() for text in ax.get_legend().get_texts()]
        ['clipped', 'penalty']
    """
    ax = axes(ax, width, height)
    data = {name: array(raw, name).ravel() for name, raw in values.items()}
    low, high = span or (min(v.min() for v in data.values()), max(v.max() for v in data.values()))
    edges = np.linspace(low, high if high > low else low + 1, bins + 1)
    shades = palette(list(data), colours)
    for (_, numbers), shade in zip(data.items(), shades, strict=True):
        heights, _ = np.histogram(numbers, edges, density=True)
        ax.stairs(heights, edges, color=shade, fill=True, alpha=0.28)
        ax.stairs(heights, edges, color=shade, linewidth=1.4)
    ax.set_ylim(bottom=0)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set(xlabel=x)
    key(ax, list(data), shades)
    return ax


def _on_grid(name: str, raw: Any, points: np.ndarray) -> np.ndarray:
    values = array(raw, name, 1)
    if len(values) != len(points):
        raise UsageError(f"{name!r} must have one value per grid point ({len(points)}), got {len(values)}")
    return values
