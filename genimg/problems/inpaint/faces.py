"""Faces in a photograph: where they are, the square that a network of faces wants to see, and the way back.

The way back changes missing pixels alone, however large the photograph: the generated square is enlarged to the size
that the square has there and joined by Poisson editing at the photograph's own resolution.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from genimg._base.errors import UsageError, choice
from genimg.numerics import poisson
from genimg.problems.inpaint.tones import lightness

if TYPE_CHECKING:
    from skimage.feature import Cascade

Bytes = npt.NDArray[np.uint8]
Bits = npt.NDArray[np.bool_]

BOX = (0.500, 0.506, 0.612)
"""Where the detector's box lies in the pictures of faces that the networks are trained on: its centre (x, y) and its
width, in parts of the picture's side. Means of 146 pictures of CelebA; the standard deviations are below 0.04."""
LOOKS = (256, 320, 400)  # pixels of the longer side in which faces are looked for
VOTES = 3  # of those sizes must show a face: what is none seldom shows in all
WINDOW = 24  # pixels, the smallest window of the cascade
NEIGHBOURS = 4  # windows of one size of the picture that must agree
OVERLAP = 0.3  # of the smaller box: from here on two boxes are one face


class Square(NamedTuple):
    """Part of a photograph, in its pixels; it may reach beyond the photograph."""

    left: int
    top: int
    side: int

    def inside(self, h: int, w: int) -> tuple[slice, slice]:
        """Its rows and columns that a photograph of h x w pixels has."""
        return (
            slice(max(0, self.top), max(0, min(h, self.top + self.side))),
            slice(max(0, self.left), max(0, min(w, self.left + self.side))),
        )


@lru_cache(maxsize=1)
def cascade() -> Cascade:
    """The frontal face detector inside scikit-image: a cascade of local binary patterns."""
    from skimage.data import lbp_frontal_face_cascade_filename
    from skimage.feature import Cascade

    return Cascade(lbp_frontal_face_cascade_filename())


def boxes(photo: Bytes) -> list[tuple[float, float, float]]:
    """Faces that look into the camera: (x, y, width) of each box, x and y of its centre, from left to right.

    Faces narrower than a tenth of the photograph's longer side are not seen.

    Args:
        photo: (h, w) or (h, w, 3) of any size.

    Source: Liao, Zhu, Lei, Zhang & Li, Learning multi-scale block local binary patterns for face recognition, 2007.
    """
    picture = Image.fromarray(photo).convert("L")
    found = []
    for look, longer in enumerate(LOOKS):
        scale = longer / max(picture.size)
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        small = np.asarray(picture.resize(size, Image.Resampling.BOX if scale < 0.5 else Image.Resampling.BILINEAR))
        if min(small.shape) < WINDOW:
            continue
        for box in cascade().detect_multi_scale(
            small, scale_factor=1.2, step_ratio=1.2, min_size=(WINDOW, WINDOW), max_size=(min(small.shape),) * 2,
            min_neighbor_number=NEIGHBOURS,
        ):  # fmt: skip
            middle = (box["c"] + box["width"] / 2, box["r"] + box["height"] / 2)
            found.append((middle[0] / scale, middle[1] / scale, box["width"] / scale, look))
    return merged(found)


def merged(found: list[tuple[float, float, float, int]], votes: int = VOTES) -> list[tuple[float, float, float]]:
    """Square boxes (x, y, width, look), from left to right, with those that overlap replaced by their mean.

    Args:
        votes: only where boxes of so many looks overlap there is a face.

    Example:
        >>> merged([(50, 10, 20, 0), (10, 10, 10, 0), (12, 10, 10, 1)], votes=2)
        [(11.0, 10.0, 10.0)]
    """
    groups: list[list[tuple[float, float, float, int]]] = []
    for box in found:
        near = [group for group in groups if any(_overlap(box, other) > OVERLAP for other in group)]
        rest = [group for group in groups if group not in near]
        groups = [*rest, [box, *(other for group in near for other in group)]]
    means = (np.mean(group, axis=0) for group in groups if len({box[3] for box in group}) >= votes)
    return sorted((float(x), float(y), float(width)) for x, y, width, _ in means)


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Common area, as a part of the smaller box."""
    sides = [
        min(one[k] + one[2] / 2, other[k] + other[2] / 2) - max(one[k] - one[2] / 2, other[k] - other[2] / 2)
        for k in (0, 1)
    ]
    return max(0.0, sides[0]) * max(0.0, sides[1]) / min(one[2], other[2]) ** 2


def find(photo: Bytes) -> list[Square]:
    """The square around each face that is cropped as the training pictures are, from left to right; none is an answer.

    Args:
        photo: (h, w) or (h, w, 3) of any size.
    """
    squares = []
    for x, y, width in boxes(photo):
        side = round(width / BOX[2])
        squares.append(Square(round(x - BOX[0] * side), round(y - BOX[1] * side), side))
    return squares


def crop(photo: Bytes, known: Bits, square: Square, size: int, channels: int) -> tuple[Tensor, Tensor]:
    """What a network sees of a square: image (channels, size, size) in [-1, 1] and mask (1, size, size).

    Beyond the photograph its mirror image stands, missing where that is missing. A pixel is known where all that it
    covers is known.

    Args:
        photo: (h, w, 1) or (h, w, 3).
        known: (h, w).

    Raises:
        UsageError: a square outside the photograph, or in which nothing is known.
    """
    h, w = known.shape
    rows, columns = (_mirrored(start, square.side, length) for start, length in ((square.top, h), (square.left, w)))
    within = square.inside(h, w)
    if not known[within].size:
        raise UsageError(f"the square {square.left},{square.top},{square.side} lies outside the picture of {w}x{h}")
    pixels = photo[np.ix_(rows, columns)]
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    if square.side != size:
        picture = picture.resize((size, size), Image.Resampling.LANCZOS)
    seen = np.asarray(picture.convert({1: "L", 3: "RGB"}[channels]))
    image = torch.from_numpy(np.atleast_3d(seen).transpose(2, 0, 1).copy()).float() / 127.5 - 1
    mask = torch.from_numpy(known[np.ix_(rows, columns)]).float()[None, None]
    if square.side != size:
        mask = (interpolate(mask, (size, size), mode="area" if square.side > size else "nearest") > 0.999).float()
    if not bool(mask.any()):
        raise UsageError("the mask leaves nothing known in the square of a face, so there is nothing to go by")
    return image, mask[0]


def _mirrored(start: int, count: int, length: int) -> npt.NDArray[np.intp]:
    """Indices of `count` pixels from `start` on in a row of `length` that is mirrored at both ends, and again.

    Example:
        >>> _mirrored(-2, 8, 4).tolist()
        [1, 0, 0, 1, 2, 3, 3, 2]
    """
    at = np.arange(start, start + count) % (2 * length)
    return np.where(at < length, at, 2 * length - 1 - at)


def enlarged(mask: Tensor, square: Square, known: Bits) -> Bits:
    """`known` (h, w), and missing besides where a mask (size, size) of the square's picture is.

    Each pixel of the photograph takes the value of the pixel that its centre lies in.
    """
    size = mask.shape[-1]
    at = ((np.arange(square.side) + 0.5) * size / square.side).astype(np.intp)
    rows, columns = square.inside(*known.shape)
    down, across = (
        at[rows.start - square.top : rows.stop - square.top],
        at[columns.start - square.left : columns.stop - square.left],
    )
    known = known.copy()
    known[rows, columns] &= mask.numpy().astype(bool)[np.ix_(down, across)]
    return known


def shares(known: Bits, squares: list[Square]) -> npt.NDArray[np.intp]:
    """Which square is to fill each pixel (h, w): the one in which it lies nearest the middle; -1: none, or known.

    Example:
        >>> shares(np.zeros((1, 6), bool), [Square(0, 0, 3), Square(2, -1, 3)]).tolist()
        [[0, 0, 0, 1, 1, -1]]
    """
    owner = np.full(known.shape, -1, dtype=np.intp)
    at = np.argwhere(~known)
    best = np.ones(len(at))
    which = np.full(len(at), -1, dtype=np.intp)
    for k, square in enumerate(squares):
        middle = np.array([square.top, square.left]) + square.side / 2
        distance = (abs(at + 0.5 - middle)).max(axis=1) / (square.side / 2)
        nearer = distance < best
        best[nearer], which[nearer] = distance[nearer], k
    owner[at[:, 0], at[:, 1]] = which
    return owner


def put_back(
    photo: Bytes, known: Bits, square: Square, image: Tensor, part: Bits | None = None, how: str = "poisson"
) -> Bytes:
    """The photograph with the missing pixels of a square filled; every other pixel is what it was, bit by bit.

    The border of the square is free, as that of a photograph is, where the hole reaches beyond it.

    Args:
        photo: (h, w, 1) or (h, w, 3).
        known: (h, w); what the photograph holds where it is False is not looked at.
        image: G(ẑ), (c, size, size) in [-1, 1]; enlarged with Lanczos. Grey for a colour photograph gives its
            gradient to all three channels; of a colour image a grey photograph gets the brightness.
        part: (h, w), the pixels to fill, if not all missing ones in the square.
        how: "poisson", "overlay" (as it is), or "raw" (the whole square, known pixels too).

    Raises:
        UsageError: another `how`, or nothing known in the square.

    Source: Pérez, Gangnet & Blake, Poisson image editing, 2003.
    """
    choice(how, "blend", ("poisson", "overlay", "raw"))
    box = square.inside(*known.shape)
    rows, columns = box
    image = image.detach().cpu().float()
    if photo.shape[2] != len(image):
        image = image.expand(3, -1, -1) if len(image) == 1 else lightness(image[None])[0]
    size = (square.side, square.side)
    whole = np.stack([np.asarray(Image.fromarray(p).resize(size, Image.Resampling.LANCZOS)) for p in image.numpy()])
    # A square that reaches beyond the photograph: only what is in it.
    guide = whole[
        :, rows.start - square.top : rows.stop - square.top, columns.start - square.left : columns.stop - square.left
    ]
    wanted = np.ones_like(known[box]) if how == "raw" else ~known[box] & (True if part is None else part[box])
    result = photo.copy()
    if how == "poisson" and wanted.any():
        y = torch.from_numpy(photo[box].transpose(2, 0, 1).copy()).float() / 127.5 - 1
        g = torch.from_numpy(np.ascontiguousarray(guide))
        guide = poisson.edit(y[None], g[None], torch.from_numpy(known[box].copy()))[0].numpy()
    levels = ((guide + 1) * 127.5).round().clip(0, 255).astype(np.uint8).transpose(1, 2, 0)
    result[box][wanted] = levels[wanted]
    return result
