"""Networks as rows of slabs, one per layer: high where pictures are large, wide where there are many channels."""

from __future__ import annotations

import math
from collections.abc import Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from genimg._base.errors import UsageError
from genimg.plots.look import FULL, INK

GAP = 0.05
"""Inches between two slabs."""


def slabs(
    shapes: Sequence[tuple[int, ...]],
    *,
    at: tuple[float, float] = (0.0, 0.0),
    colour: str,
    label: str = "",
    ax: Axes | None = None,
) -> tuple[Axes, float]:
    """Draws a row of layers from left to right, on an axes whose unit is an inch.

    A layer of c channels of h x h pixels is √h high and log c wide; a vector is thin and as high as its logarithm.

    Args:
        shapes: what each layer gives: (c, h, w), or (n,) for a vector.
        at: left end and middle of the row.
        label: written under the row, over several lines if it holds line breaks.

    Returns:
        The axes, and where the row ends at the right.

    Raises:
        UsageError: for no layers, or a shape of another length.

    Example:
        >>> ax, end = slabs([(3, 224, 224), (64, 112, 112), (1000,)], colour="white", label="three layers")
        >>> [round(patch.get_height(), 2) for patch in ax.patches], round(end, 2)
        ([1.2, 0.85, 0.6], 0.45)
    """
    if not shapes:
        raise UsageError("there are no layers to draw")
    if ax is None:
        _, ax = plt.subplots(figsize=(FULL, 2.0), layout="constrained")
    left, middle = at
    lowest = middle
    for shape in shapes:
        if len(shape) not in (1, 3):
            raise UsageError(f"a layer gives (c, h, w) or (n,), got {tuple(shape)}")
        wide, high = _size(shape)
        box = Rectangle((left, middle - high / 2), wide, high, facecolor=colour, edgecolor=INK, linewidth=0.7)
        ax.add_patch(box)
        lowest = min(lowest, middle - high / 2)
        left += wide + GAP
    end = left - GAP
    if label:
        ax.annotate(label, ((at[0] + end) / 2, lowest - 0.07), ha="center", va="top", fontsize=8.5, color=INK)
    ax.set_aspect("equal")
    ax.set_axis_off()
    ax.autoscale_view()
    return ax, end


def _size(shape: tuple[int, ...]) -> tuple[float, float]:
    """Width and height in inches."""
    if len(shape) == 1:
        return 0.07, 0.06 * math.log2(1 + shape[0])
    return 0.03 + 0.028 * math.log2(1 + shape[0]), 1.2 * math.sqrt(shape[1] / 224)
