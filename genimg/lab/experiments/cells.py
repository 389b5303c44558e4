"""Scores of inpainted images: one cell of a table per method and mask."""

from __future__ import annotations

import math

from torch import Tensor

from genimg.lab.experiments import fills
from genimg.numerics import metrics
from genimg.problems import inpaint

HOLES = {"centre": "centre square, half the side", "squares": "three squares, a quarter of the side, anywhere"}
BLENDS = ("raw", "overlay", "poisson")
Cell = dict[str, dict[str, dict[str, float | None]]]
"""Scores by output (`BLENDS`), region (whole, hole) and metric (mse, psnr, psnr_images, ssim)."""


def score(y: Tensor, mask: Tensor, guide: Tensor) -> Cell:
    """Every number of one method under one mask."""
    mask = mask.to(y)
    outputs = dict(zip(BLENDS, inpaint.blend(y, guide, mask), strict=True))
    return {name: {"whole": compared(x, y), "hole": compared(x, y, mask == 0)} for name, x in outputs.items()}


def compared(x: Tensor, y: Tensor, where: Tensor | None = None) -> dict[str, float | None]:
    """MSE, PSNR of the mean MSE, mean PSNR of the images, SSIM, on the scale 0 to 255; None stands for infinity.

    The mean over images is infinite as soon as one is restored exactly, as a black corner of a digit is.
    """
    x, y = ((values.cpu().double() + 1) * 127.5 for values in (x, y))
    where = None if where is None else where.cpu()
    found = {
        "mse": metrics.mse(x, y, where),
        "psnr": metrics.psnr(x, y, 255, "mse", where),
        "psnr_images": metrics.psnr(x, y, 255, "images", where),
        "ssim": metrics.ssim(x, y, 255, where),
    }
    return {name: round(value, 4) if math.isfinite(value) else None for name, value in found.items()}


def psnr(cell: Cell, output: str = "poisson") -> float:
    """PSNR of the mean MSE over the whole image, the talk's number."""
    value = cell[output]["whole"]["psnr"]
    return math.inf if value is None else value


def best_fill(cells: dict[str, Cell]) -> tuple[float, str]:
    """(PSNR, name) of the best fill without a generator, its better output."""
    return max((psnr(cells[name], output), name) for name in fills.METHODS for output in ("overlay", "poisson"))
