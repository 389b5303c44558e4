"""Ways to fill a hole that need no generator: what a user would pick instead of a search in a latent space.

OpenCV is an optional extra: pip install 'genimg-book[peers]'.

Source: Telea, An image inpainting technique based on the fast marching method, 2004; Bertalmio, Bertozzi and Sapiro,
Navier-Stokes, fluid dynamics, and image and video inpainting, 2001; Damelin and Hoang, On surface completion and image
inpainting by biharmonic functions, 2018 (as in scikit-image).
Book: 07_inpainting.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genimg.checks import UsageError, choice
from genimg.checks import mask as checked_mask

METHODS = {
    "telea": "Telea 2004, OpenCV",
    "navier-stokes": "Navier-Stokes (Bertalmio 2001), OpenCV",
    "biharmonic": "biharmonic (Damelin 2018), scikit-image",
    "mean": "mean colour of the known pixels; blended, the harmonic fill",
    "mean-image": "mean image of the training set",
}
RADIUS = 3  # pixels that OpenCV looks around; that of its tutorial


def opencv() -> Any:
    """The module cv2.

    Raises:
        UsageError: if it is not installed.
    """
    try:
        return importlib.import_module("cv2")
    except ImportError:
        raise UsageError("OpenCV is not installed; it comes with: pip install 'genimg-book[peers]'") from None


def fill(name: str, y: Tensor, mask: Tensor, mean_image: Tensor) -> Tensor:
    """Images (n, c, h, w) in [-1, 1] that say what the missing pixels of y might be.

    Args:
        name: one of `METHODS`.
        y: incomplete images (n, c, h, w) in [-1, 1]; what they hold at missing pixels is not looked at.
        mask: (h, w), (1, 1, h, w) or (n, 1, h, w), 1 = known, 0 = missing.
        mean_image: (c, h, w), for "mean-image".

    Raises:
        UsageError: an unknown name, a mask that does not fit, or no OpenCV where it is needed.

    Book: 07_inpainting.

    Example:
        >>> y, mask = torch.tensor([[[[0.5, 1.0, 0.0]]]]), torch.tensor([[1, 0, 1]])
        >>> fill("mean", y, mask, y[0]).tolist()
        [[[[0.25, 0.25, 0.25]]]]
    """
    choice(name, "fill", METHODS)
    known = checked_mask(mask, y).expand(len(y), 1, *y.shape[2:])
    y = torch.where(known, y, 0.0)
    if name == "mean":
        return (y.sum((2, 3), keepdim=True) / known.sum((2, 3), keepdim=True)).expand_as(y)
    if name == "mean-image":
        return mean_image.to(y).expand_as(y)
    each = _biharmonic if name == "biharmonic" else _opencv
    filled = [each(name, x.permute(1, 2, 0).cpu().numpy(), ~k[0].cpu().numpy()) for x, k in zip(y, known, strict=True)]
    return torch.from_numpy(np.stack(filled).astype(np.float32)).permute(0, 3, 1, 2).to(y)


def _biharmonic(name: str, x: Any, missing: Any) -> Any:
    from skimage.restoration import inpaint_biharmonic

    return inpaint_biharmonic(x, missing, channel_axis=-1)


def _opencv(name: str, x: Any, missing: Any) -> Any:
    cv2 = opencv()
    method = cv2.INPAINT_TELEA if name == "telea" else cv2.INPAINT_NS
    pixels = np.rint((x + 1) * 127.5).astype(np.uint8)  # it takes bytes only
    filled = cv2.inpaint(pixels, missing.astype(np.uint8), RADIUS, method)
    return filled.reshape(x.shape).astype(np.float32) / 127.5 - 1
