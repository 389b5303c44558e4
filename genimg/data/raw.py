"""Pictures before they are one tensor: arrays or encoded files, and how they become uint8 `(n, c, h, w)`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from PIL import Image

from genimg._base.errors import UsageError
from genimg.data import cache
from genimg.data.cache import Allocate, Bytes
from genimg.data.pictures import BROKEN as BROKEN
from genimg.data.pictures import read, why

CHUNK = 64  # pictures per task: large enough that the pool costs nothing, small enough for a smooth bar
BAR_FROM = 512  # fewer pictures are done before a bar could be read
WHITE = 255  # the ground before which what is transparent stands


@dataclass(frozen=True)
class Arrays:
    """Pictures that one file holds together."""

    read: Callable[[], Bytes]  # gives uint8 `(n, c, h, w)`
    content: Callable[[], str]  # gives a text that changes whenever the pictures do
    slow: bool = False  # reading takes so long that the result is cached even when nothing is resized


@dataclass(frozen=True)
class Pictures:
    """Pictures in one JPEG or PNG file each."""

    where: str  # the pack or folder, for messages
    files: tuple[str, ...]  # names, in the order of the labels
    read: Callable[[str], bytes]  # bytes of a file by name; called from several threads
    content: Callable[[], str]  # gives a text that changes whenever a file does


def tensorise(raw: Arrays | Pictures, label: str, size: int | None) -> Bytes:
    """All pictures as uint8 `(n, c, h, w)`, from the cache if they were made before.

    Raises:
        UsageError: a picture is broken, or they differ in size and no `size` was given.
    """
    text = f"{label}-{size or 'native'}"
    if isinstance(raw, Pictures):
        return cache.remembered(
            text,
            f"{raw.content()}\n{size}",
            lambda allocate: _develop(raw, label, size, allocate),
            lambda shape: shape[0] == len(raw.files) and shape[1] in (1, 3) and size in (None, shape[2]),
        )
    if size is None and not raw.slow:
        return raw.read()

    def build(allocate: Allocate) -> Bytes:
        pictures = raw.read()
        n, c, h, w = pictures.shape
        out = allocate((n, c, size or h, size or w))
        if (h, w) == out.shape[2:]:
            out[:] = pictures
        else:
            _parallel(n, lambda i: np.copyto(out[i], planes(fit(as_picture(pictures[i]), out.shape[2]))), label)
        return out

    def fits(shape: tuple[int, ...]) -> bool:
        return shape[1] in (1, 3) and (size is None or shape[2:] == (size, size))

    return cache.remembered(text, f"{raw.content()}\n{size}", build, fits)


def decode(data: bytes) -> Image.Image:
    """A picture from the bytes of its file: mode `L` if it is grey, else `RGB`, turned as its EXIF data says.

    What is transparent stands before white, and a deep picture is rounded to 8 bits; see `genimg.data.pictures`.

    Raises:
        UsageError: 32 bits a channel, of which nobody says what is white.
        OSError, SyntaxError, …: broken data, as Pillow reports it (`BROKEN`).
    """
    return read(data).on(WHITE)


def fit(picture: Image.Image, size: int) -> Image.Image:
    """The centre square of a picture, resized to `size` x `size` with Lanczos (antialiased); untouched if it fits."""
    width, height = picture.size
    if width == height == size:
        return picture
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    square = picture.crop((left, top, left + side, top + side))  # resize(box=) would mix in pixels from outside the box
    return square.resize((size, size), Image.Resampling.LANCZOS)


def planes(picture: Image.Image) -> Bytes:
    """uint8 `(c, h, w)` of a picture."""
    array = np.asarray(picture, dtype=np.uint8)
    return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)


def as_picture(array: Bytes) -> Image.Image:
    """The picture of a uint8 array `(c, h, w)` with one or three channels."""
    return Image.fromarray(array[0] if len(array) == 1 else np.ascontiguousarray(array.transpose(1, 2, 0)))


class _Colour(Exception):
    """A colour picture after only grey ones."""


def _develop(raw: Pictures, label: str, size: int | None, allocate: Allocate) -> Bytes:
    first = planes(picture(raw, 0, size))

    def fill(channels: int) -> Bytes:
        out = allocate((len(raw.files), channels, *first.shape[1:]))

        def one(i: int) -> None:
            pixels = planes(picture(raw, i, size))
            if pixels.shape[1:] != out.shape[2:]:
                (h, w), (first_h, first_w) = pixels.shape[1:], out.shape[2:]
                raise UsageError(
                    f"{raw.where}: {raw.files[i]} is {w}x{h}, but {raw.files[0]} is {first_w}x{first_h}; "
                    "pass size= to crop and resize them all"
                )
            if len(pixels) > channels:
                raise _Colour
            out[i] = pixels  # a grey picture among colour ones gets three equal channels

        _parallel(len(raw.files), one, label)
        return out

    try:
        return fill(len(first))
    except _Colour:
        return fill(3)


def picture(raw: Pictures, i: int, size: int | None) -> Image.Image:
    """Picture `i` of a collection.

    Raises:
        UsageError: a broken picture, named.
    """
    try:
        whole = decode(raw.read(raw.files[i]))
        return whole if size is None else fit(whole, size)
    except UsageError as error:
        raise UsageError(f"{raw.where}: {raw.files[i]} {error}") from error
    except BROKEN as error:
        raise UsageError(f"{raw.where}: {raw.files[i]} is not a readable picture ({why(error)})") from error


def _parallel(count: int, work: Callable[[int], None], label: str) -> None:
    # Threads, not processes: Pillow decodes and resizes without the interpreter lock, and the array is shared.
    def chunk(start: int) -> int:
        stop = min(start + CHUNK, count)
        for i in range(start, stop):
            work(i)
        return stop - start

    workers = min(8, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    with _bar(count, label) as advance, ThreadPoolExecutor(workers) as pool:
        for done in pool.map(chunk, range(0, count, CHUNK)):  # in order: the first broken file is the one named
            advance(done)


@contextmanager
def _bar(count: int, label: str) -> Iterator[Callable[[int], None]]:
    if count < BAR_FROM or not sys.stderr.isatty():
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(f"decoding {label}", total=count)
        yield lambda done: progress.advance(task, done)
