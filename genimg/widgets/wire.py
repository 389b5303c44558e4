"""What travels between Python and the page: pictures as PNG or JPEG in a data URL, masks as base64 of their bits.

Both are text, so that the same state serves a comm message, a saved notebook and the JSON of a static page.
"""

from __future__ import annotations

import base64
import binascii
import html
import io
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from genimg._base.errors import UsageError

LIMIT = 1_500_000
"""Bytes of PNG: a page with everything on it should stay below 2 MB."""


def png_url(cell: np.ndarray) -> str:
    """A picture (h, w, 3), uint8, as a data URL; grey pictures take a third."""
    return _url(cell, "PNG")


def jpeg_url(cell: np.ndarray) -> str:
    """The same for a photograph, as JPEG: nearly as it is, and a fifth of the size."""
    return _url(cell, "JPEG", quality=90)


def _url(cell: np.ndarray, kind: str, **how: int) -> str:
    grey = bool((cell == cell[..., :1]).all())
    file = io.BytesIO()
    Image.fromarray(cell[..., 0] if grey else cell).save(file, format=kind, optimize=True, **how)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(file.getvalue()).decode()}"


def enlarged(sheet: np.ndarray, times: int, alt: str) -> str:
    """A picture as an HTML image, each pixel a square of `times` pixels a side."""
    sheet = np.ascontiguousarray(sheet.repeat(times, axis=0).repeat(times, axis=1))
    return f'<img src="{png_url(sheet)}" alt="{html.escape(alt)}" width="{sheet.shape[1]}" style="max-width:100%">'


def cell_of(url: str) -> np.ndarray:
    """The picture (h, w, 3), uint8, behind a data URL.

    Raises:
        UsageError: if it is none.

    Example:
        >>> cell_of(png_url(np.full((1, 2, 3), 7, "uint8"))).tolist()
        [[[7, 7, 7], [7, 7, 7]]]
    """
    try:
        data = base64.b64decode(url.partition(",")[2], validate=True)
        with Image.open(io.BytesIO(data)) as image:
            return np.asarray(image.convert("RGB"))
    except (binascii.Error, OSError, ValueError) as error:
        raise UsageError("the picture that was sent cannot be read") from error


def light(urls: Sequence[str], what: str) -> list[str]:
    """`urls` if they are light enough for a page.

    Raises:
        UsageError: above 1.5 MB.
    """
    weight = sum(map(len, urls))
    if weight > LIMIT:
        raise UsageError(f"the {what} weigh {weight / 1e6:.1f} MB in the page; show fewer or smaller ones")
    return list(urls)


def bits_of(mask: Tensor) -> str:
    """A mask (h, w) of 0 and 1, eight pixels to a byte, row by row, first pixel highest.

    Example:
        >>> bits_of(torch.tensor([[1, 0, 0, 0], [0, 0, 0, 1]])) == base64.b64encode(bytes([0b10000001])).decode()
        True
    """
    return base64.b64encode(np.packbits(mask.numpy().astype(bool)).tobytes()).decode()


def mask_of(bits: str, height: int, width: int) -> Tensor:
    """The mask (h, w), float32, 1 = known; the inverse of `bits_of`.

    Raises:
        UsageError: if `bits` is not such a text, or one of another size.
    """
    try:
        data = base64.b64decode(bits, validate=True)
    except (binascii.Error, ValueError) as error:
        raise UsageError("the mask that was sent cannot be read") from error
    if len(data) != (height * width + 7) // 8:
        raise UsageError(f"the mask that was sent is not of {height} by {width} pixels")
    pixels = np.unpackbits(np.frombuffer(data, np.uint8), count=height * width)
    return torch.from_numpy(pixels.reshape(height, width).astype(np.float32))


def film(cells: np.ndarray, most: int) -> tuple[np.ndarray, list[int]]:
    """At most that many frames of a film, evenly chosen, side by side with white between them; and which they are.

    Wide frames stand under each other.
    """
    count, height, width = cells.shape[:3]
    chosen = sorted({round(i * (count - 1) / max(1, min(most, count) - 1)) for i in range(min(most, count))})
    gap, stacked = max(1, height // 14), width > 3 * height
    white = np.full((gap, width, 3) if stacked else (height, gap, 3), 255, np.uint8)
    parts = [part for i in chosen for part in (white, cells[i])][1:]
    return np.concatenate(parts, axis=0 if stacked else 1), chosen
