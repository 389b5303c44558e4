"""Laws, couplings and critics in the plane."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from torch import Tensor

from genimg._base.errors import UsageError
from genimg.plots.look import BLUE, GREEN, GREY, HALF, ORANGE, Colours, array, axes, key, palette, pretty, readable

Limits = tuple[float, float, float, float]
THRESHOLD = 1e-3
"""Entries of a plan below this share of the largest are not drawn as lines."""


def scatter2d(
    laws: Mapping[str, Any],
    *,
    limits: Limits | None = None,
    size: float = 6.0,
    alpha: float = 0.6,
    labels: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Samples of laws in the plane, one colour per law, one unit as long in x as in y.

    Args:
        laws: label -> (n, 2) samples; later ones are drawn over earlier ones.
        limits: (x low, x high, y low, y high); else what the samples need.
        size: Area of a dot in points².
        alpha: Opacity of a dot.
        labels: The laws' names in one line above.

    Raises:
        UsageError: for samples that are not (n, 2), or NaN.

    Example:
        >>> ax = scatter2d({"P_real": torch.zeros(3, 2), "P_G": torch.ones(3, 2)})
        >>> len(ax.get_legend().get_texts()), len(ax.collections)
        (2, 2)
    """
    ax = axes(ax, HALF, HALF)
    shades = palette(list(laws), None)
    for (name, raw), shade in zip(laws.items(), shades, strict=True):
        points = _plane(raw, name)
        ax.scatter(points[:, 0], points[:, 1], s=size, color=shade, alpha=alpha, linewidths=0, label=name)
    _square(ax, limits)
    if labels:
        key(ax, list(laws), shades)
    return ax


def coupling(
    x: Any,
    y: Any,
    pi: Any,
    *,
    names: tuple[str, str] = ("P1", "P2"),
    limits: Limits | None = None,
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """A transport plan: in the plane as lines from x to y, on a line as a heat map between its two marginals.

    Args:
        x: (n, 2) or (n,) support of the first law (blue).
        y: (m, 2) or (m,) support of the second (orange).
        pi: (n, m) mass carried from x_i to y_j, none negative.
        names: What the laws are called in the picture.
        limits: (x low, x high, y low, y high).

    Raises:
        UsageError: for a plan that does not fit the points, or negative mass.

    Example:
        >>> ax = coupling([[0.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [1.0, 1.0]], [[0.5, 0.0], [0.0, 0.5]])
        >>> len(ax.collections[0].get_segments())
        2
    """
    first, second, plan = array(x, "x"), array(y, "y"), array(pi, "pi", 2)
    if plan.shape != (len(first), len(second)):
        raise UsageError(f"pi must have shape ({len(first)}, {len(second)}), one entry per pair, got {plan.shape}")
    if (plan < 0).any():
        raise UsageError("pi has negative entries; a transport plan carries mass, it does not owe any")
    ax = axes(ax, HALF, HALF)
    if first.ndim == 1 and second.ndim == 1:
        _heat_plan(ax, first, second, plan, names, title)
        return ax
    first, second = _plane(x, "x"), _plane(y, "y")
    strength = plan / plan.max()
    pairs = np.argwhere(strength > THRESHOLD)
    shade = np.zeros((len(pairs), 4))
    shade[:, :3] = to_rgb(GREY)
    shade[:, 3] = 0.15 + 0.75 * strength[pairs[:, 0], pairs[:, 1]]
    ax.add_collection(
        LineCollection([np.stack([first[i], second[j]]) for i, j in pairs], colors=shade, linewidths=1.0, zorder=1)
    )
    for points, mass, value in ((first, plan.sum(1), BLUE), (second, plan.sum(0), ORANGE)):
        ax.scatter(points[:, 0], points[:, 1], s=42 * mass / mass.max(), color=value, linewidths=0, zorder=2)
    _square(ax, limits)
    key(ax, names, (BLUE, ORANGE), title)
    return ax


def heat2d(
    function: Callable[[Tensor], Tensor] | Any,
    limits: Limits,
    samples: Mapping[str, Any] | None = None,
    *,
    levels: int = 9,
    points: int = 121,
    colours: Colours = None,
    ax: Axes | None = None,
) -> Axes:
    """Level sets of a critic or a density in the plane, dark where it is large, with samples over it.

    Args:
        function: (n, 2) float32 points -> (n,) or (n, 1) values (evaluated without gradients, on the CPU unless it has
            parameters elsewhere), or the values themselves as (rows from low to high y, columns from low to high x).
        limits: (x low, x high, y low, y high).
        samples: label -> (n, 2) points over it.
        levels: Number of level lines.
        points: Grid points per axis, when `function` is called.

    Raises:
        UsageError: for values of another shape, or NaN.

    Example:
        >>> ax = heat2d(lambda p: p[:, 0], (-1, 1, -1, 1), {"P_real": torch.zeros(1, 2)}, points=5)
        >>> ax.get_xlim()
        (np.float64(-1.0), np.float64(1.0))
    """
    low_x, high_x, low_y, high_y = limits
    if not (low_x < high_x and low_y < high_y):
        raise UsageError(f"limits must be (x low, x high, y low, y high), got {limits}")
    if callable(function):
        xs, ys = torch.linspace(low_x, high_x, points), torch.linspace(low_y, high_y, points)
        plane = torch.stack([xs.repeat(points), ys.repeat_interleave(points)], 1)
        first = next(iter(function.parameters()), None) if isinstance(function, torch.nn.Module) else None
        with torch.no_grad():
            out = function(plane if first is None else plane.to(first.device))
        values = array(out.reshape(-1), "values of the function", 1)
        if len(values) != points**2:
            raise UsageError(f"the function must give one value per point ({points**2}), got {len(values)}")
        values = values.reshape(points, points)
    else:
        values = array(function, "values of the function", 2)
    ax = axes(ax, HALF, HALF)
    shades = LinearSegmentedColormap.from_list("book", ["#FFFFFF", GREEN])
    across = np.linspace(low_x, high_x, values.shape[1])
    up = np.linspace(low_y, high_y, values.shape[0])
    low, high = float(values.min()), float(values.max())
    steps = np.linspace(low, high if high > low else low + 1e-6, levels + 2)
    ax.contourf(across, up, values, levels=steps, cmap=shades, alpha=0.75)
    ax.contour(across, up, values, levels=steps[1:-1], colors=GREEN, linewidths=0.7, alpha=0.8, linestyles="-")
    if samples:
        names = list(samples)
        chosen = palette(names, colours)
        for name, shade in zip(names, chosen, strict=True):
            dots = _plane(samples[name], name)
            ax.scatter(dots[:, 0], dots[:, 1], s=6, color=shade, linewidths=0, label=name)
        key(ax, names, chosen)
    _square(ax, limits)
    return ax


def _plane(raw: Any, name: str) -> np.ndarray:
    points = array(raw, name, 2)
    if points.shape[1] != 2:
        raise UsageError(f"{name!r} must be points of the plane, (n, 2), got {points.shape}")
    return points


def _square(ax: Axes, limits: Limits | None) -> None:
    ax.set_aspect("equal", adjustable="box" if limits else "datalim")
    if limits is not None:
        ax.set_xlim(limits[0], limits[1])
        ax.set_ylim(limits[2], limits[3])
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(True)
        spine.set_color("#D0D0D0")


def _heat_plan(ax: Axes, x: np.ndarray, y: np.ndarray, plan: np.ndarray, names: tuple[str, str], title: str) -> None:
    """Heat map with x to the right and y upwards, the marginals along the two edges where they belong."""
    across, up = np.argsort(x, kind="stable"), np.argsort(y, kind="stable")
    x, y, plan = x[across], y[up], plan[np.ix_(across, up)]
    shades = LinearSegmentedColormap.from_list("plan", ["#FFFFFF", GREY, "#1A1A1A"])
    ax.pcolormesh(x, y, plan.T, cmap=shades, shading="nearest", rasterized=True)
    span = (min(x[0], y[0]), max(x[-1], y[-1]))
    ax.plot(span, span, color="#C8C8C8", linewidth=0.8, linestyle=(0, (2, 2)))
    ax.set(xlim=span, ylim=span, xlabel="x", ylabel="y")
    ax.set_aspect("equal")
    over, beside = ax.inset_axes((0, 1.02, 1, 0.2)), ax.inset_axes((1.02, 0, 0.2, 1))
    over.fill_between(x, plan.sum(1), color=BLUE, alpha=0.35, linewidth=0)
    over.plot(x, plan.sum(1), color=BLUE, linewidth=1.4, linestyle="-")
    beside.fill_betweenx(y, plan.sum(0), color=ORANGE, alpha=0.35, linewidth=0)
    beside.plot(plan.sum(0), y, color=ORANGE, linewidth=1.4, linestyle="-")
    over.set(xlim=span, ylim=(0, None))
    beside.set(ylim=span, xlim=(0, None))
    over.annotate(pretty(names[0]), (0.01, 0.95), xycoords="axes fraction", color=BLUE, va="top")
    beside.annotate(
        pretty(names[1]), (0.95, 0.99), xycoords="axes fraction", color=readable(ORANGE), va="top", ha="right"
    )
    for side in (over, beside):
        side.set_axis_off()
    over.set_title(title)
