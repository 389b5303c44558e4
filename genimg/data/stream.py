"""Picture files from anywhere, decoded a few at a time: for folders that no memory holds, broken files included."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from genimg._base.errors import UsageError, at_least
from genimg.data.packs import ENDINGS, OTHER_ENDINGS
from genimg.data.pictures import open_file, sort
from genimg.data.raw import WHITE, fit, planes

MODES = {1: "L", 3: "RGB"}
Skipped = Callable[[Path, str], None]


def silent(path: Path, reason: str) -> None:
    """Takes no note of what a walk leaves out."""


class Decoded(NamedTuple):
    """A file as uint8 pixels `(channels, size, size)`, or the reason why there are none; and what to know of it."""

    path: Path
    pixels: Tensor | None
    problem: str = ""
    note: str = ""


def picture_files(paths: Iterable[str | os.PathLike[str]], skipped: Skipped = silent) -> list[Path]:
    """The files that are meant: those named, and the pictures in folders and below, sorted within each folder.

    A file that is named is taken whatever it is called, even if it is not there, so that the caller hears of it. In a
    folder a file counts that is called like a picture, or begins like one, and nothing hidden. No file comes twice.

    Args:
        skipped: called with everything else in a folder, and why it does not count; see `pictures_below`.

    Raises:
        UsageError: nothing was found.
    """
    given = [Path(path) for path in paths]
    found: dict[Path, None] = {}
    for path in given:
        found |= dict.fromkeys(pictures_below(path, skipped=skipped) if path.is_dir() else [path])
    if not found:
        places = ", ".join(map(printable, given)) or "nothing"
        raise UsageError(f"no pictures in {places} (looked for {', '.join(ENDINGS + OTHER_ENDINGS)}, and at contents)")
    return list(found)


UNREADABLE = "cannot be read"
"""How the reason begins where it is not the kind of the file that keeps it from being taken."""


def pictures_below(folder: Path, also: tuple[str, ...] = (), skipped: Skipped = silent) -> Iterator[Path]:
    """The files in a folder and below that are pictures, by their ending or by their first bytes, sorted; none hidden.

    Args:
        folder: where to look; links to folders are not followed, so it ends.
        also: endings of videos, which count then, too.
        skipped: called with every file that does not count, and with every folder that cannot be read.
    """
    endings = ENDINGS + OTHER_ENDINGS

    def failed(error: OSError) -> None:
        skipped(Path(error.filename or folder), f"{UNREADABLE} ({error.strerror or error})")

    for place, folders, files in os.walk(folder, onerror=failed):
        for name in folders:
            if Path(place, name).is_symlink():
                skipped(Path(place, name), "left out, a link to a folder")
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__MACOSX")))
        for name in sorted(files):
            path = Path(place, name)
            ending = path.suffix.lower()
            if name.startswith("."):
                skipped(path, "left out, hidden")
            elif (
                ending in endings
                or (kind := sort(path)) == "picture"
                or (also and kind == "video")
                or (
                    ending in also and ending != ".ts"  # that is also what programs in TypeScript are called
                )
            ):
                yield path
            else:
                what = "a video" if kind == "video" else "no picture, neither by its name nor by its content"
                skipped(path, f"left out, {what}")


def told(files: Iterable[tuple[Path, str]]) -> list[str]:
    """What there is to say of files, in a few lines: for each reason a count and the first names.

    Example:
        >>> told([(Path("a.txt"), "left out, hidden"), (Path("b.txt"), "left out, hidden")])
        ['2 files left out, hidden: a.txt, b.txt']
    """
    by_reason: dict[str, list[str]] = {}
    for path, reason in files:
        by_reason.setdefault(reason, []).append(printable(path))
    return [
        f"{names[0]}: {reason}"
        if len(names) == 1
        else f"{len(names)} files {reason}: {', '.join(names[:3])}{', …' * (len(names) > 3)}"
        for reason, names in by_reason.items()
    ]


def free_names(wanted: Iterable[Path], keep: Iterable[Path]) -> list[Path]:
    """The names wanted for results, changed to <name>-2, <name>-3 … where another has it, or a file that must stay.

    Args:
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
        picture = open_file(path)
        whole = picture.on(WHITE)
        small = fit(whole, size).convert(MODES[channels])  # last, as it copies the picture
        return Decoded(path, torch.from_numpy(planes(small).copy()), note=picture.note)
    except UsageError as error:
        return Decoded(path, None, str(error))
    except MemoryError:
        return Decoded(path, None, "is larger than the memory")


def printable(path: str | os.PathLike[str]) -> str:
    r"""A file name as text: bytes that are no UTF-8 are spelled out, and so are control characters.

    Example:
        >>> printable(Path("caf\udce9.png")), printable("a\x1b[31m.png")
        ('caf\\xe9.png', 'a\\x1b[31m.png')
    """
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
