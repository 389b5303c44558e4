"""Figures on a dark page: drawings are turned, ink light and paper dark; pictures stay as they are, on their sheet."""

from __future__ import annotations

import base64
import io
import json
import re
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

MARK = "data-drawing"
PAPER, INK = 0.7, 0.03
"""So much of a drawing is white at least, and nearly black at most: no digits, no photographs."""
_FIGURE = re.compile(r"<figure\b.*?</figure>", re.DOTALL)
_IMAGE = re.compile(r'<img (?=[^>]*\bsrc="(?P<src>[^"]*_images/[^"]+\.(?:webp|png))")')
_FILM = re.compile(r'data-genimg=(?:(?!</script>).)*? data-part="state"[^>]*>(?P<state>.*?)</script>', re.DOTALL)
_TAG = re.compile(r"<(?!img\b)[^>]*>")
_SHADE = re.compile(r"\b(?:dark|black|white|pale|bright|light)(?:er|est)?\b(?!-)", re.IGNORECASE)


def mark(site: Path) -> int:
    """Writes `data-drawing` to the pictures of figures that are drawings, and to films of them; how many there are.

    A figure whose caption or description calls something dark or light keeps its colours, so that both stay true.
    """
    marked = 0
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")

        def told(match: re.Match[str], page: Path = page) -> str:
            nonlocal marked
            figure = match[0]
            found = _IMAGE.search(figure)
            if not found or _SHADE.search(_TAG.sub(" ", figure)):
                return figure
            if not _of_file((page.parent / found["src"]).resolve()):
                return figure
            marked += 1
            return _IMAGE.sub(rf'\g<0>{MARK}="" ', figure, count=1)

        def told_of_film(match: re.Match[str]) -> str:
            nonlocal marked
            frames = json.loads(match["state"]).get("frames", [])
            if not frames or not all(isinstance(url, str) and _of_url(url) for url in frames):
                return match[0]
            marked += 1
            return f'{MARK}="" {match[0]}'

        if "<figure" in text or 'data-part="state"' in text:
            page.write_text(_FILM.sub(told_of_film, _FIGURE.sub(told, text)), encoding="utf-8")
    return marked


@cache
def _of_file(path: Path) -> bool:
    if not path.is_file():
        return False
    with Image.open(path) as picture:
        return is_drawing(np.asarray(picture.convert("RGB")))


def _of_url(url: str) -> bool:
    with Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) as picture:
        return is_drawing(np.asarray(picture.convert("RGB")))


def is_drawing(picture: np.ndarray) -> bool:
    """Whether a picture (h, w, 3), uint8, is ink on white paper.

    Example:
        >>> page = np.full((50, 50, 3), 255, np.uint8)
        >>> page[25] = 0
        >>> is_drawing(page), is_drawing(255 - page)
        (True, False)
    """
    return bool((picture.min(2) >= 250).mean() >= PAPER and (picture.max(2) < 60).mean() <= INK)
