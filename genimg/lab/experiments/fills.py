"""Ways to fill a hole that need no generator: what a user would pick instead of a search in a latent space.

OpenCV and PyPatchMatch are an optional extra: pip install 'genimg-book[peers]'.

Source: Telea, An image inpainting technique based on the fast marching method, 2004; Bertalmio, Bertozzi and Sapiro,
Navier-Stokes, fluid dynamics, and image and video inpainting, 2001; Damelin and Hoang, On surface completion and image
inpainting by biharmonic functions, 2018 (as in scikit-image); Barnes et al., PatchMatch, 2009 (as in PyPatchMatch);
Hoerl and Kennard, Ridge regression, 1970 (what `inpaint.Linear` amounts to).
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genimg._base.errors import UsageError, choice
from genimg._base.errors import mask as checked_mask
from genimg.problems.inpaint import Linear

METHODS = {
    "telea": "Telea 2004, OpenCV",
    "navier-stokes": "Navier-Stokes (Bertalmio 2001), OpenCV",
    "biharmonic": "biharmonic (Damelin 2018), scikit-image",
    "mean": "mean colour of the known pixels; blended, the harmonic fill",
    "patchmatch": "PatchMatch (Barnes 2009), PyPatchMatch",
    "mean-image": "mean image of the training set",
    "gaussian": "conditional mean of a Gaussian law of the training images: the best linear answer",
}
LEARNED = ("mean-image", "gaussian")  # those that know training images
RADIUS = 3  # pixels that OpenCV looks around; that of its tutorial
PATCH = 7  # of PatchMatch: the default 15 is a quarter of a picture of 64 pixels


def opencv() -> Any:
    """The module cv2.

    Raises:
        UsageError: if it is not installed.
    """
    try:
        return importlib.import_module("cv2")
    except ImportError:
        raise UsageError("OpenCV is not installed; it comes with: pip install 'genimg-book[peers]'") from None


def patchmatch() -> Any:
    """The module patchmatch.

    Raises:
        UsageError: if it is not installed, or has no library for this machine.
    """
    try:
        module = importlib.import_module("patchmatch")
    except ImportError:
        raise UsageError("PyPatchMatch is not installed; it comes with: pip install 'genimg-book[peers]'") from None
    if not module.patchmatch_available:
        raise UsageError("PyPatchMatch has no library for this machine")
    return module


def fill(name: str, y: Tensor, mask: Tensor, law: Linear | None = None) -> Tensor:
    """Images (n, c, h, w) in [-1, 1] that say what the missing pixels of y might be.

    Args:
        y: incomplete images (n, c, h, w) in [-1, 1]; what they hold at missing pixels is not looked at.
        mask: (h, w), (1, 1, h, w) or (n, 1, h, w), 1 = known, 0 = missing.
        law: of the training images, for those of `LEARNED`.

    Raises:
        UsageError: an unknown name, a mask that does not fit, no law or no library where it is needed.

    Example:
        >>> y, mask = torch.tensor([[[[0.5, 1.0, 0.0]]]]), torch.tensor([[1, 0, 1]])
        >>> fill("mean", y, mask).tolist()
        [[[[0.25, 0.25, 0.25]]]]
    """
    choice(name, "fill", METHODS)
    known = checked_mask(mask, y).expand(len(y), 1, *y.shape[2:])
    y = torch.where(known, y, 0.0)
    if name == "mean":
        return (y.sum((2, 3), keepdim=True) / known.sum((2, 3), keepdim=True)).expand_as(y)
    if name in LEARNED:
        if law is None:
            raise UsageError(f"the fill {name!r} needs a law of training images")
        return law.mean.to(y).expand_as(y).clone() if name == "mean-image" else law.given(y, known).clamp(-1, 1)
    each = {"biharmonic": _biharmonic, "patchmatch": _patchmatch}.get(name, _opencv)
    filled = [each(name, x.permute(1, 2, 0).cpu().numpy(), ~k[0].cpu().numpy()) for x, k in zip(y, known, strict=True)]
    return torch.from_numpy(np.stack(filled).astype(np.float32)).permute(0, 3, 1, 2).to(y)


def _biharmonic(name: str, x: Any, missing: Any) -> Any:
    from skimage.restoration import inpaint_biharmonic

    return inpaint_biharmonic(x, missing, channel_axis=-1)


def _patchmatch(name: str, x: Any, missing: Any) -> Any:
    module = patchmatch()
    module.set_random_seed(0)
    pixels = np.rint((np.repeat(x, 3, axis=2) if x.shape[2] == 1 else x + 0.0) * 127.5 + 127.5).astype(np.uint8)
    filled = module.inpaint(pixels, missing.astype(np.uint8) * 255, patch_size=PATCH)
    return filled[..., : x.shape[2]].astype(np.float32) / 127.5 - 1


def _opencv(name: str, x: Any, missing: Any) -> Any:
    cv2 = opencv()
    method = cv2.INPAINT_TELEA if name == "telea" else cv2.INPAINT_NS
    pixels = np.rint((x + 1) * 127.5).astype(np.uint8)  # it takes bytes only
    filled = cv2.inpaint(pixels, missing.astype(np.uint8), RADIUS, method)
    return filled.reshape(x.shape).astype(np.float32) / 127.5 - 1
