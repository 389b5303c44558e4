"""Sliced W1 between patches of images, scale by scale."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from genimg._base import seeding
from genimg.numerics import transport

PATCH, PER_IMAGE, DIRECTIONS = 7, 8, 256


def distances(real: Tensor, fake: Tensor, scales: int, seed: int) -> dict[str, float]:
    """Sliced W1 between patches of each scale, by its side in pixels: the same places and directions for all laws."""
    rng = seeding.rng(seeding.child(seed, "slices"))
    found = {}
    for x, y in zip(bands(real, scales), bands(fake, scales), strict=True):
        corners = torch.randint(x.shape[-1] - PATCH + 1, (2, len(x), PER_IMAGE), generator=rng)
        found[str(x.shape[-1])] = transport.sliced_w1(patches(x, corners), patches(y, corners), DIRECTIONS, rng)
    return found


def bands(x: Tensor, scales: int) -> list[Tensor]:
    """A Laplacian pyramid: what each halving of the side loses, then what is left; finest first.

    Source: Burt and Adelson 1983; compared by patches as in Karras et al. 2018, section 5, but with means of 2 x 2
    pixels, and without scaling the patches to unit variance.

    Example:
        >>> fine, coarse = bands(torch.tensor([[[[1.0, 3.0], [5.0, 7.0]]]]), 2)
        >>> fine.flatten().tolist(), coarse.flatten().tolist()
        ([-3.0, -1.0, 1.0, 3.0], [4.0])
    """
    found = []
    for _ in range(scales - 1):
        small = avg_pool2d(x, 2)
        found.append(x - interpolate(small, scale_factor=2, mode="bilinear", align_corners=False))
        x = small
    return [*found, x]


def patches(x: Tensor, corners: Tensor) -> Tensor:
    """(n · k, c · 49): k patches of each image, their (top, left) in `corners` (2, n, k)."""
    tops, lefts = corners
    windows = x.unfold(2, PATCH, 1).unfold(3, PATCH, 1)  # (n, c, tops, lefts, 7, 7)
    return windows[torch.arange(len(x))[:, None], :, tops, lefts].flatten(0, 1).flatten(1)
