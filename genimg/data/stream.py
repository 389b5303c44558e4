"""Picture files from anywhere, decoded a few at a time: for folders that no memory holds, broken files included."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from genimg.checks import UsageError, at_least
from genimg.data.packs import ENDINGS, OTHER_ENDINGS
from genimg.data.raw import BROKEN, decode, fit, planes

MODES = {1: "L", 3: "RGB"}


class Decoded(NamedTuple):
    """A file as uint8 pixels `(channels, size, size)`, or with the reason why there are none."""

    path: Path
    pixels: Tensor | None
    problem: str = ""


def picture_files(paths: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """The files that are meant: those named, and the pictures in folders and below, sorted within each folder.

    A file that is named is taken whatever it is called, even if it is not there, so that the caller hears of it. In a
    folder only what looks like a picture counts, and nothing hidden. No file comes twice.

    Raises:
        UsageError: nothing was found.
    """
    given = [Path(path) for path in paths]
    found: dict[Path, None] = {}
    for path in given:
        found |= dict.fromkeys(pictures_below(path) if path.is_dir() else [path])
    if not found:
        places = ", ".join(map(str, given)) or "nothing"
        raise UsageError(f"no pictures in {places} (looked for {', '.join(ENDINGS + OTHER_ENDINGS)})")
    return list(found)


def pictures_below(folder: Path, also: tuple[str, ...] = ()) -> Iterator[Path]:
    """The files in a folder and below that look like pictures, or have another of the endings, sorted; none hidden."""
    endings = ENDINGS + OTHER_ENDINGS + also
    for place, folders, files in os.walk(folder):  # does not follow links, so it ends
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and Path(name).suffix.lower() in endings:
                yield Path(place, name)


def free_names(wanted: Iterable[Path], keep: Iterable[Path]) -> list[Path]:
    """The names wanted for results, changed to <name>-2, <name>-3 … where another has it, or a file that must stay.

    Args:
        wanted: paths, which may exist.
        keep: files that must not be overwritten.

    Example:
        >>> [path.name for path in free_names([Path("a.png"), Path("a.png"), Path("b.png")], [Path("b.png")])]
        ['a.png', 'a-2.png', 'b-2.png']
    """
    taken = {os.path.realpath(path) for path in keep}
    found = []
    for path in wanted:
        name, number = path, 1
        while os.path.realpath(name) in taken:
            number += 1
            name = path.with_name(f"{path.stem}-{number}{path.suffix}")
        taken.add(os.path.realpath(name))
        found.append(name)
    return found


def stream(files: Iterable[Path], size: int, channels: int) -> Iterator[Decoded]:
    """Each file as what a network of that size and number of channels expects, in order.

    Decoded in parallel, cropped to the centre square and resized as `load` does it; grey becomes three equal channels,
    colour becomes grey by its luma (ITU-R 601). At most a handful of pictures are in memory, however many files there
    are.

    Args:
        files: from `picture_files`.
        size: side in pixels.
        channels: 1 or 3.

    Yields:
        One `Decoded` per file; a file that cannot be read does not end the others.

    Raises:
        UsageError: another number of channels.
    """
    at_least(size, 1, "size")
    if channels not in MODES:
        raise UsageError(f"pictures have 1 or 3 channels, not {channels}")
    workers = min(8, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    waiting: deque[Future[Decoded]] = deque()
    rest = iter(files)
    with ThreadPoolExecutor(workers) as pool:  # threads: Pillow decodes and resizes without the interpreter lock
        try:
            for path in islice(rest, 4 * workers):
                waiting.append(pool.submit(_one, path, size, channels))
            while waiting:
                yield waiting.popleft().result()
                for path in islice(rest, 1):
                    waiting.append(pool.submit(_one, path, size, channels))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _one(path: Path, size: int, channels: int) -> Decoded:
    try:
        if not path.is_file():  # reading a pipe would wait for ever
            return Decoded(path, None, "is no regular file" if path.exists() else "does not exist")
        small = fit(decode(path.read_bytes()), size).convert(MODES[channels])  # last, as it copies the picture
        return Decoded(path, torch.from_numpy(planes(small).copy()))
    except UsageError as error:
        return Decoded(path, None, str(error))
    except (*BROKEN, MemoryError) as error:
        return Decoded(path, None, (str(error) or type(error).__name__).splitlines()[0])


def printable(path: Path) -> str:
    r"""A file name as text: bytes that are no UTF-8 are spelled out.

    Example:
        >>> printable(Path("caf\udce9.png"))
        'caf\\xe9.png'
    """
    return os.fsencode(path).decode("utf-8", "backslashreplace")
