"""Picture files as lightness, and lightness with small chroma as picture files, in little memory.

L is read at the depth that the file has, of grey pictures, and at 8 bits of any other; what is written has 8 bits a
channel. Of a file with several pictures the first counts, and a note says so. Alpha stays; colour profiles are not
looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from genimg._base import disk
from genimg._base.errors import UsageError
from genimg.data import pictures
from genimg.data.pictures import regular as regular
from genimg.numerics.color import lightness
from genimg.problems.colorize.inference import strips

STRIP = 2**20  # pixels whose float colours are in memory, per thread


class Photograph(NamedTuple):
    """L (1, 1, h, w) in [0, 100] of an upright picture, its alpha, if it has any, and what to know of its file."""

    L: Tensor
    alpha: Image.Image | None
    note: str = ""


def read(path: Path) -> Photograph:
    """The picture in a file, turned as its EXIF data says.

    Raises:
        UsageError: no file, an empty or damaged one, none that Pillow knows, or 32 bits a channel.
    """
    picture = pictures.open_file(path)
    return Photograph(light(picture.image), picture.alpha, picture.note)


def write(photograph: Photograph, ab: Tensor, target: Path) -> None:
    """L with small chroma (1, 2, h', w') or what `guided` gives, enlarged, as a PNG; it is there when it is complete.

    Raises:
        UsageError: a target that cannot be written.
    """
    L, alpha, _ = photograph
    whole, top = Image.new("RGB", (L.shape[3], L.shape[2])), 0
    for strip in strips(L, ab, STRIP):
        whole.paste(Image.fromarray(_bytes(strip)), (0, top))
        top += strip.shape[2]
    if alpha is not None:
        whole.putalpha(alpha)
    with beside(target) as part:
        whole.save(part, "PNG", compress_level=1)  # six times as fast as 6, and a sixth larger


def joined(L: Tensor, ab: Tensor) -> NDArray[np.uint8]:
    """L (1, 1, h, w) with small chroma (1, 2, h', w') or what `guided` gives, enlarged, as bytes (h, w, 3).

    Example:
        >>> joined(torch.full((1, 1, 2, 1), 100.0), torch.zeros(1, 2, 1, 1)).tolist()
        [[[255, 255, 255]], [[255, 255, 255]]]
    """
    return np.concatenate([_bytes(strip) for strip in strips(L, ab, STRIP)])


def light(source: Image.Image | NDArray[np.uint8], white: int = 255) -> Tensor:
    """L (1, 1, h, w) of a picture, grey or RGB, or of bytes (h, w, 3); other floats are made for a few rows at a time.

    Example:
        >>> light(Image.new("L", (2, 1), 255)).round(decimals=3).tolist()
        [[[[100.0, 100.0]]]]
    """
    w, h = source.size if isinstance(source, Image.Image) else (source.shape[1], source.shape[0])
    L = torch.empty(1, 1, h, w)
    step = max(1, STRIP // w)
    for top in range(0, h, step):
        stop = min(top + step, h)
        rows = np.asarray(source.crop((0, top, w, stop))) if isinstance(source, Image.Image) else source[top:stop]
        x = torch.from_numpy(rows.astype(np.float32)).reshape(1, stop - top, w, -1).permute(0, 3, 1, 2)
        L[:, :, top:stop] = lightness(x / white)
    return L


@contextmanager
def beside(target: Path) -> Iterator[Path]:
    """A name beside the target, which takes its place when the block ends well.

    Raises:
        UsageError: what the system says of either, also from within the block.
    """
    try:
        with disk.replacing(target) as part:
            yield part
    except OSError as error:
        raise UsageError(f"{target} cannot be written ({error.strerror or error})") from None


def _bytes(strip: Tensor) -> NDArray[np.uint8]:
    return (strip[0] * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
