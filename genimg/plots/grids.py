"""Grids of images: white gutters, no axes, one caption line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from PIL import Image
from torch import Tensor

from genimg._base.errors import UsageError, at_least, positive
from genimg.plots.look import FULL, INK

_DENSITY = 200
"""Pixels per inch of what is composed: twice the figure's 100, for screens with twice the pixels."""


def pixels(images: Tensor) -> np.ndarray:
    """Images as the screen wants them: uint8 (n, h, w, 3).

    Args:
        images: (n, c, h, w) or one image (c, h, w), c = 1 or 3; uint8, or float in
            [-1, 1] (a little outside is clipped).

    Raises:
        UsageError: for another shape, NaN, or floats beyond [-1.5, 1.5], which are surely in other units.

    Example:
        >>> pixels(torch.tensor([-1.0, 0.0, 1.0]).view(1, 1, 1, 3))[0, 0, :, 0].tolist()
        [0, 128, 255]
    """
    if images.ndim == 3:
        images = images[None]
    if images.ndim != 4 or images.shape[1] not in (1, 3) or images.numel() == 0:
        raise UsageError(f"images must have shape (n, 1 or 3, h, w) and not be empty, got {tuple(images.shape)}")
    x = images.detach().cpu()
    if x.dtype != torch.uint8:
        x = x.float()
        if not bool(torch.isfinite(x).all()) or float(x.abs().max()) > 1.5:
            raise UsageError("images must be uint8 or finite floats in [-1, 1]; scale them with x / 127.5 - 1")
        # Half up, unlike torch.round: then -1 + 2k/255 is k for every k and 0 is 128 on each machine.
        x = ((x.clamp(-1, 1) + 1) * 127.5 + 0.5).floor().to(torch.uint8)
    return np.ascontiguousarray(x.expand(-1, 3, -1, -1).permute(0, 2, 3, 1).numpy())


def image_grid(
    images: Tensor,
    columns: int | None = None,
    width: float = FULL,
    captions: str | Sequence[str] | None = None,
    *,
    rows: Sequence[str] | None = None,
    gutter: float = 0.04,
    smooth: bool | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Images in rows, left to right, top to bottom, each an exact number of screen pixels wide where it can be.

    Args:
        images: (n, c, h, w), float in [-1, 1] or uint8; c = 1 or 3.
        columns: Images per row; chosen for a wide grid if not given.
        captions: A string: one line under the grid. A list of `columns` strings: one over each column.
            A list of n strings (n different from `columns`): one under each image.
        rows: One word or two left of each row.
        gutter: White between two images, in inches.
        smooth: Interpolate when enlarging; else each pixel is a square of whole screen pixels. If not given: only
            images above 48 pixels, so that digits stay pixels.

    Raises:
        UsageError: for bad images, or a number of captions or row labels that fits nothing.

    Example:
        >>> ax = image_grid(torch.zeros(6, 1, 8, 8), columns=3, captions="six grey squares")
        >>> float(ax.figure.get_figwidth())
        8.0
    """
    cells = pixels(images)
    n, h, w = cells.shape[:3]
    columns = min(n, 10 if n > 16 else n) if columns is None else at_least(columns, 1, "columns")
    count = math.ceil(n / columns)
    above, below, line = _captions(captions, n, columns)
    if rows is not None and len(rows) != count:
        raise UsageError(f"rows must hold one label per row ({count}), got {len(rows)}")
    margin = 0.0 if rows is None else 0.12 + 0.085 * max(len(row) for row in rows)
    if ax is not None:
        width = ax.get_position().width * ax.figure.get_figwidth()  # type: ignore[union-attr]
    room = positive(width, "width") - margin - gutter * (columns - 1)
    if room <= 0.1 * columns:
        raise UsageError(f"{columns} columns do not fit into {width} inches; use fewer columns")
    cell_w = int(room * _DENSITY / columns)
    # A lone digit should not fill the page, but what is written at an image needs its width.
    written = max((len(text) for text in [*(above or ()), *(below or ())]), default=0)
    cell_w = min(cell_w, max(12 * w, round(0.085 * written * _DENSITY)))
    if smooth is None:
        smooth = w > 48
    if cell_w >= 2 * w and not smooth:
        cell_w -= cell_w % w
    cell_h = max(1, round(cell_w * h / w))
    gap, under = round(gutter * _DENSITY), (0 if below is None else round(0.24 * _DENSITY))
    size = (count * (cell_h + under + gap) - gap, columns * (cell_w + gap) - gap)
    sheet = np.full((*size, 3), 255, "uint8")
    filter_ = Image.Resampling.LANCZOS if smooth or cell_w < w else Image.Resampling.NEAREST
    corners = []
    for i, cell in enumerate(cells):
        top, left = (i // columns) * (cell_h + under + gap), (i % columns) * (cell_w + gap)
        sized = Image.fromarray(cell).resize((cell_w, cell_h), filter_)
        sheet[top : top + cell_h, left : left + cell_w] = np.asarray(sized)
        corners.append((top, left))

    height, wide = sheet.shape[0] / _DENSITY, sheet.shape[1] / _DENSITY
    if ax is None:
        head, foot = (0.26 if above else 0.0), (0.30 if line else 0.0)
        fig = plt.figure(figsize=(width, height + head + foot), layout="constrained")
        # A place holder and not None: savefig puts an engine of None back as rcParams' own, which moves the axes.
        fig.set_layout_engine("none")
        # The sheet's size in inches times 200 is its size in pixels: nothing is resampled at savefig.
        start = margin if rows is not None else max(0.0, (width - wide) / 2)
        ax = fig.add_axes((start / width, foot / (height + head + foot), wide / width, height / (height + head + foot)))
    ax.imshow(sheet, interpolation="nearest" if not smooth else "antialiased", aspect="equal")
    ax.set_axis_off()

    def write(text: str, at: tuple[float, float], shift: tuple[int, int], **where: Any) -> None:
        ax.annotate(text, at, xytext=shift, textcoords="offset points", color=INK, **where)

    for text, (top, left) in zip(above or [], corners, strict=False):
        write(text, (left + cell_w / 2, top), (0, 4), ha="center", va="bottom")
    for text, (top, left) in zip(below or [], corners, strict=False):
        write(text, (left + cell_w / 2, top + cell_h), (0, -3), ha="center", va="top", fontsize=9)
    for i, text in enumerate(rows or []):
        write(text, (0, corners[i * columns][0] + cell_h / 2), (-6, 0), ha="right", va="center")
    if line:
        write(line, (0, 0), (0, -5), xycoords="axes fraction", va="top")
    return ax


def _captions(
    captions: str | Sequence[str] | None, n: int, columns: int
) -> tuple[list[str] | None, list[str] | None, str | None]:
    if captions is None:
        return None, None, None
    if isinstance(captions, str):
        return None, None, captions
    if len(captions) == columns:
        return list(captions), None, None
    if len(captions) == n:
        return None, list(captions), None
    raise UsageError(
        f"captions must be one line, one per column ({columns}) or one per image ({n}), got {len(captions)}"
    )
