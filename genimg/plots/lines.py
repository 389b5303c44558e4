"""Curves, with their names at their ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from genimg._base.errors import UsageError
from genimg.plots.look import DASHES, FULL, GREY, OTHERS, Colours, array, axes, key, palette, pretty, readable


def curves(
    series: Mapping[str, Any],
    *,
    x: str = "",
    y: str = "",
    title: str = "",
    colours: Colours = None,
    labels: str = "end",
    smooth: int = 1,
    log: str = "",
    xlim: tuple[float, float] | None = None,
    ylim: tuple[float, float] | None = None,
    level: Mapping[str, float] | None = None,
    width: float = FULL,
    height: float = 3.2,
    ax: Axes | None = None,
) -> Axes:
    """Lines with their names at their right ends.

    Args:
        series: label -> (x, y), or label -> y to count steps from 0. Labels that name P_real, P_G or the critic get
            the book's colour.
        labels: "end" (at the lines) or "above" (one line over the axes, for curves that end in one point).
        xlim, ylim: Ranges.
        smooth: Moving average over this many values, drawn over the pale raw curve.
        log: Axes on a logarithmic scale: "", "x", "y" or "xy".
        level: name -> value; thin grey horizontal lines to compare with, named at the left.

    Raises:
        UsageError: for x and y of different lengths, NaN, or an unknown `labels` or `log`.

    Example:
        >>> ax = curves({"W1": ([0, 1], [1, 0]), "JS": ([0, 1], [0, 1])}, x="step")
        >>> [text.get_text() for text in ax.texts]
        ['W1', 'JS']
    """
    if labels not in ("end", "above"):
        raise UsageError(f"labels must be 'end' or 'above', got {labels!r}")
    if log not in ("", "x", "y", "xy"):
        raise UsageError(f"log must be '', 'x', 'y' or 'xy', got {log!r}")
    ax = axes(ax, width, height)
    names = list(series)
    shades = palette(names, colours)
    ends: list[tuple[str, float, float, str]] = []
    for name, shade, pair in zip(names, shades, series.values(), strict=True):
        xs, ys = _pair(name, pair)
        dash = DASHES[OTHERS.index(shade)] if shade in OTHERS else "-"
        if smooth > 1 and len(ys) > smooth:
            ax.plot(xs, ys, color=shade, alpha=0.25, linewidth=0.9, linestyle="-")
            ys = np.convolve(ys, np.full(smooth, 1 / smooth), mode="valid")
            xs = xs[smooth - 1 :]
        ax.plot(xs, ys, color=shade, linestyle=dash, label=name)
        ends.append((name, float(xs[-1]), float(ys[-1]), shade))
    for axis in log:
        getattr(ax, f"set_{axis}scale")("log")
    ax.set(xlabel=x, ylabel=y, title=title)
    if xlim is not None:
        ax.set_xlim(*xlim)
    if ylim is not None:
        ax.set_ylim(*ylim)
    for name, value in (level or {}).items():
        ax.axhline(value, color=GREY, linewidth=0.8, linestyle=(0, (2, 2)), zorder=0)
        ax.annotate(
            name,
            (0, value),
            xycoords=("axes fraction", "data"),
            xytext=(4, 2),
            textcoords="offset points",
            color=GREY,
            fontsize=9,
        )
    if labels == "end":
        _at_ends(ax, ends)
    else:
        key(ax, names, shades, title)
    return ax


def _pair(name: str, pair: Any) -> tuple[np.ndarray, np.ndarray]:
    if isinstance(pair, tuple) and len(pair) == 2:
        xs, ys = array(pair[0], f"x of {name!r}", 1), array(pair[1], f"y of {name!r}", 1)
    else:
        ys = array(pair, f"y of {name!r}", 1)
        xs = np.arange(len(ys), dtype=float)
    if len(xs) != len(ys):
        raise UsageError(f"x and y of {name!r} must be equally long, got {len(xs)} and {len(ys)}")
    return xs, ys


def _at_ends(ax: Axes, ends: list[tuple[str, float, float, str]]) -> None:
    """Names right of the last points, moved apart vertically where they would overlap."""
    ends = [end for end in ends if not end[0].startswith("_")]
    if not ends:
        return
    figure = ax.figure
    figure.draw_without_rendering()  # type: ignore[union-attr]  # the layout decides how many points high the axes are
    scale = 72 / figure.dpi
    heights = [float(ax.transData.transform((end[1], end[2]))[1]) * scale for end in ends]
    order = sorted(range(len(ends)), key=lambda i: heights[i])
    placed = [heights[i] for i in order]
    gap = 13.0
    for _ in range(200):  # push overlapping neighbours apart by halves until all gaps hold
        moved = False
        for a in range(len(placed) - 1):
            lack = gap - (placed[a + 1] - placed[a])
            if lack > 1e-6:
                placed[a] -= lack / 2
                placed[a + 1] += lack / 2
                moved = True
        if not moved:
            break
    shift = {i: placed[rank] - heights[i] for rank, i in enumerate(order)}
    for i, (name, x, y, shade) in enumerate(ends):
        ax.annotate(
            pretty(name),
            (x, y),
            xytext=(6, shift[i]),
            textcoords="offset points",
            color=readable(shade),
            va="center",
            ha="left",
        )
