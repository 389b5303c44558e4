"""One way of reading a picture: whatever its file says of depth, polarity, layout, turning and transparency.

Everything that reads a picture of a user goes through `read`, over the bytes of the file: Pillow maps a file that is
opened by its name, and then shows a turned one scrambled.
"""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from genimg._base.errors import UsageError

BROKEN = (
    OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, AttributeError, struct.error,
    zlib.error, zipfile.BadZipFile, RuntimeError, OverflowError, ZeroDivisionError, Image.DecompressionBombError,
)  # fmt: skip  # what Pillow and zipfile raise on damaged input
GREY = ("1", "L", "LA", "La")
LARGEST = 2**31
"""Bytes of a file that is taken for a picture."""
_BITS, _PHOTOMETRIC, _FORMAT = 258, 262, 339  # tags of TIFF
# Between 90 and 179 million pixels Pillow warns, naming its own source file; beyond, it refuses.
warnings.simplefilter("ignore", Image.DecompressionBombWarning)


class Picture(NamedTuple):
    """A picture, upright."""

    image: Image.Image  # mode `L`, `RGB`, or `F` for a grey one of more than 8 bits; black is 0 and white 255 in each
    alpha: Image.Image | None  # mode `L`, or None where all is opaque
    unit: float  # the difference of two neighbouring grey values, 1 for 8 bits and 255/65535 for 16
    frames: int  # how many pictures the file holds; this is the first

    @property
    def note(self) -> str:
        """What a reader should know of the file, or nothing."""
        return f"the first of {self.frames} pictures in the file" if self.frames > 1 else ""

    def on(self, ground: int) -> Image.Image:
        """Mode `L` or `RGB` of 8 bits, with what is transparent before an even ground: 255 is white, 0 black."""
        whole = self.image
        if whole.mode == "F":
            whole = Image.fromarray(np.asarray(whole).round().clip(0, 255).astype(np.uint8))
        if self.alpha is None:
            return whole
        return Image.composite(whole, Image.new(whole.mode, whole.size, (ground,) * len(whole.getbands())), self.alpha)


def open_file(path: Path) -> Picture:
    """The picture in a file.

    Raises:
        UsageError: no regular file, an empty one, none that holds a picture, or one of unknown white.
    """
    regular(path)
    try:
        if path.stat().st_size > LARGEST:
            raise UsageError("is larger than 2 GiB, and no picture")
        return read(path.read_bytes())
    except UsageError:
        raise
    except BROKEN as error:
        raise UsageError(why(error)) from None


def regular(path: Path) -> None:
    """Nothing, if that is a file with something in it: reading a pipe would wait for ever.

    Raises:
        UsageError: if not.
    """
    try:
        if not path.is_file():
            raise UsageError("is no regular file" if path.exists() else "does not exist")
        if not path.stat().st_size:
            raise UsageError("is empty")
    except (OSError, RuntimeError) as error:  # a link to itself, a folder that may not be entered
        raise UsageError(f"cannot be read ({getattr(error, 'strerror', None) or error})") from None


def why(error: BaseException) -> str:
    """The reason in one short line."""
    text = (str(error) or type(error).__name__).splitlines()[0]
    if "cannot identify image file" in text:  # Pillow adds the address of a buffer
        return "holds no picture that Pillow knows"
    return text[:200]


def read(data: bytes) -> Picture:
    """The picture in the bytes of a file.

    A deep grey picture has white at the largest value of its bits, a float one at 1. Of colours with 16 bits a channel
    Pillow keeps 8.

    Raises:
        UsageError: more bits than anybody says what is white of.
        OSError, SyntaxError, …: broken data, as Pillow reports it (`BROKEN`).
    """
    with Image.open(io.BytesIO(data)) as picture:
        frames = 1 if picture.format == "MPO" else getattr(picture, "n_frames", 1)  # MPO: a photograph and its preview
        tags = dict(getattr(picture, "tag_v2", {}) or {})
        picture.load()
        key = picture.info.get("transparency")
        mode, kind = picture.mode, picture.format
        upright = ImageOps.exif_transpose(picture)
    if mode.startswith(("I", "F")):
        values, white = _deep(upright, mode, kind, tags)
        alpha = None
        if isinstance(key, int):
            alpha = Image.fromarray(np.where(np.asarray(upright) == key, 0, 255).astype(np.uint8))
        return Picture(
            Image.fromarray((values * np.float32(255 / white)).astype(np.float32)), alpha, 255 / white, frames
        )
    alpha = None
    if upright.has_transparency_data:
        alpha = upright.convert("RGBA").getchannel("A")
        alpha = None if alpha.getextrema() == (255, 255) else alpha
        upright = upright.convert("LA").getchannel(0) if mode in GREY else upright.convert("RGBA").convert("RGB")
    return Picture(upright.convert("L" if mode in GREY else "RGB"), alpha, 1.0, frames)


def _deep(picture: Image.Image, mode: str, kind: str | None, tags: dict[int, object]) -> tuple[np.ndarray, float]:
    """Grey values, black = 0, as float32, and the one that is white."""
    values = np.asarray(picture).astype(np.float32)
    if not bool(np.isfinite(values).all()):
        raise UsageError("has pixels that are not finite numbers")
    if mode == "F":
        low, high = float(values.min()), float(values.max())
        if low < 0 or high > 1:
            raise UsageError(f"has 32 bits a channel (F), from {low:g} to {high:g}; white must be 1 and black 0")
        white = 1.0
    elif mode.startswith("I;16"):
        bits = _first(tags.get(_BITS, 16))
        white = float(2 ** (bits if 8 < bits <= 16 else 16) - 1)
        if _first(tags.get(_FORMAT, 1)) == 2:
            raise UsageError("has signed numbers (I;16), of which nobody says what is white")
    elif kind in ("PNG", "PPM"):
        white = 65535.0
    else:
        raise UsageError(f"has 32 bits a channel ({mode}), of which nobody says what is white")
    if tags.get(_PHOTOMETRIC) == 0:  # white is zero; Pillow turns it for 8 bits only
        values = white - values
    return values, white


def _first(value: object) -> int:
    first = value[0] if isinstance(value, tuple) else value
    return int(first) if isinstance(first, int | float) else 0


# The first bytes of a file, and what it then is.
_PICTURES = (
    b"\xff\xd8\xff", b"\x89PNG\r\n", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+",
    b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51", b"8BPS",
)  # fmt: skip
_VIDEOS = (b"\x1a\x45\xdf\xa3", b"\0\0\1\xba", b"\0\0\1\xb3", b"FLV\1", b"OggS", b"0&\xb2u\x8ef\xcf\x11")
_STILL = (b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"avif", b"avis", b"heim", b"heis")


def sort(path: Path) -> str:
    """`picture`, `video` or nothing, by the first bytes of a regular file.

    Example:
        >>> import tempfile
        >>> with tempfile.NamedTemporaryFile() as file:
        ...     _ = file.write(b"GIF89a"), file.flush()
        ...     sort(Path(file.name))
        'picture'
    """
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            head = file.read(600)
    except (OSError, RuntimeError):
        return ""
    if head[4:8] == b"ftyp":
        return "picture" if head[8:12] in _STILL else "video"
    if head.startswith(b"RIFF"):
        return {b"WEBP": "picture", b"AVI ": "video"}.get(head[8:12], "")
    if head.startswith(_PICTURES) or (head.startswith(b"BM") and head[6:10] == b"\0\0\0\0"):
        return "picture"
    if head[:1] == b"P" and head[1:2] in b"1234567" and head[2:3] in (b"\n", b" ", b"\r", b"\t"):
        return "picture"
    transport = any(head[at : at + 1] == head[at + step : at + step + 1] == b"G" for at, step in ((0, 188), (4, 192)))
    return "video" if head.startswith(_VIDEOS) or transport else ""
