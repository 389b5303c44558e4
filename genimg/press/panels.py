"""Figures of two or three panels: where to part them, so that a phone can show one under the other."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

GUTTER = 0.006
"""Share of the width that has to be white from top to bottom."""
LEAST, MOST = 0.24, 3
"""The narrowest panel, as a share of the width, and the number of panels."""
_FIGURE = re.compile(r'<img (?=[^>]*\bsrc="(?P<src>[^"]*_images/[^"]+\.(?:webp|png))")')


def mark(site: Path) -> int:
    """Writes `data-parts="0 0.48 1"` to each picture in the pages of `site` that can be parted; how many there are."""
    marked = 0
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        if "_images/" not in text:
            continue

        def told(match: re.Match[str], page: Path = page) -> str:
            nonlocal marked
            found = _of_file((page.parent / match["src"]).resolve())
            marked += bool(found)
            return f'{match[0]}data-parts="{" ".join(f"{cut:.4f}" for cut in found)}" ' if found else match[0]

        page.write_text(_FIGURE.sub(told, text), encoding="utf-8")
    return marked


@cache
def _of_file(path: Path) -> tuple[float, ...]:
    if not path.is_file():
        return ()
    with Image.open(path) as picture:
        return cuts(np.asarray(picture.convert("L")))


def cuts(grey: np.ndarray) -> tuple[float, ...]:
    """Where to cut a figure (h, w), uint8: shares of its width from 0 to 1, or nothing if it is better left whole.

    Only wide figures are parted, and only in gutters that are white from top to bottom; a grid of many tiles has more
    of them than `MOST` panels allow.

    Example:
        >>> figure = np.full((100, 400), 255, np.uint8)
        >>> figure[:, 10:190] = figure[:, 210:390] = 0
        >>> cuts(figure)
        (0.0, 0.5, 1.0)
    """
    height, width = grey.shape
    if width < 1.7 * height:
        return ()
    white = np.concatenate([[False], (grey >= 250).all(0), [False]])
    begins, ends = np.flatnonzero(~white[:-1] & white[1:]), np.flatnonzero(white[:-1] & ~white[1:])
    inner = [(a, b) for a, b in zip(begins, ends, strict=True) if b - a >= GUTTER * width and a > 0 and b < width]
    places = [0.0]
    for a, b in inner:
        middle = (a + b) / 2 / width
        if middle - places[-1] >= LEAST and 1 - middle >= LEAST:
            places.append(float(middle))
    crowded = len(inner) > 2 * MOST
    return () if len(places) == 1 or len(places) > MOST or crowded else (*places, 1.0)
