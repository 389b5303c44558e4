"""Picture and video files in, coloured ones out, a batch at a time; no file that was given is ever changed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import torch
from PIL import Image
from torch import Tensor

from genimg._base import disk
from genimg._base.errors import UsageError, at_least
from genimg.data.pictures import BROKEN, sort
from genimg.data.stream import Skipped, free_names, pictures_below, printable, silent
from genimg.gan.networks import ChromaGenerator
from genimg.problems.colorize import clips, photographs
from genimg.problems.colorize.inference import chroma, guided, shrink
from genimg.problems.colorize.photographs import Photograph, joined, light
from genimg.problems.colorize.video import Steadied, steady

HELD = 2**26  # pixels in memory at once, 64 million, if no single picture has more


class Working(NamedTuple):
    """How far it is: `done` of `total` pictures, or frames of a video."""

    what: str
    done: int
    total: int


class Finished(NamedTuple):
    """A coloured file, where it is, and what else was done or left out, if anything."""

    path: Path
    target: Path
    note: str


class Unusable(NamedTuple):
    """A file without colours, and why."""

    path: Path
    reason: str


def targets(paths: Iterable[Path], out: Path, keep: Iterable[Path] = (), skipped: Skipped = silent) -> dict[Path, Path]:
    """Which files are meant, and where the result of each goes.

    Those named, whatever they are called, and the pictures and videos in folders and below, which keep their place
    below `out`: <name>-coloured.png or .mp4. What lies in `out` already is a result, and no file of a folder.

    Args:
        keep: further files that must not be overwritten.
        skipped: called with what is left out of folders, see `data.stream.pictures_below`.

    Raises:
        UsageError: nothing was found, or `out` is one of the folders.
    """
    given = list(paths)
    found: dict[Path, Path] = {}
    for path in given:
        if not path.is_dir():
            found.setdefault(path, Path(path.name))
            continue
        if os.path.realpath(path) == os.path.realpath(out):
            raise UsageError(f"{out} is a folder of originals; name another for the results")
        for file in pictures_below(path, clips.ENDINGS, skipped):
            if not Path(os.path.realpath(file)).is_relative_to(
                os.path.realpath(out)
            ):  # a link to itself has a path, too
                found.setdefault(file, file.relative_to(path))
    if not found:
        raise UsageError(f"no pictures and no videos in {', '.join(map(str, given)) or 'nothing'}")
    wanted = [
        (out / place).with_name(f"{place.stem}-coloured{'.mp4' if _moves(file) else '.png'}")
        for file, place in found.items()
    ]
    return dict(zip(found, free_names(wanted, [*found, *keep]), strict=True))


def colorize_files(
    G: ChromaGenerator, where: dict[Path, Path], *, batch: int = 16, keep_chroma: float = 0.0
) -> Iterator[Working | Finished | Unusable]:
    """Colours each file, pictures first: L of the file in full with chroma that G predicts small.

    Files are read and written by as many threads as there are cores, each picture by one; G sees a batch at once,
    whatever the sizes of the pictures. Results of an earlier call are replaced, each when the new one is complete.
    Memory does not grow with the number of files: one picture of 8000 x 6000 took 0.6 GB, nine of them 1.1 GB. As many
    pictures as a batch has are held only if they have no more than `HELD` pixels together. What Pillow calls a
    decompression bomb, from 179 million pixels on, is refused.

    Args:
        G: from `networks.chromagan`.
        where: files and their results, see `targets`.
        keep_chroma: against flicker, `keep` of `video.steady`; 0 leaves each frame as it is.

    Yields:
        One `Finished` or `Unusable` per file, and `Working` in between.

    Raises:
        UsageError: a network that predicts bins of chroma, or a folder that cannot be made.
    """
    at_least(batch, 1, "batch")
    for folder in dict.fromkeys(target.parent for target in where.values()):
        disk.folder(folder)
    pictures = [path for path in where if not _moves(path)]
    with ThreadPoolExecutor(_cores()) as pool:
        if pictures:
            yield Working("pictures", 0, len(pictures))
        done = 0
        for paths in _batches(pictures, batch):
            yield from _album(G, paths, where, pool)
            done += len(paths)
            yield Working("pictures", done, len(pictures))
        for path in where:
            if _moves(path):
                try:
                    yield from _film(G, path, where[path], pool, batch, keep_chroma)
                except (UsageError, *BROKEN, MemoryError) as error:
                    yield Unusable(path, str(error) or type(error).__name__)


def _album(
    G: ChromaGenerator, paths: list[Path], where: dict[Path, Path], pool: ThreadPoolExecutor
) -> Iterator[Finished | Unusable]:
    """One batch of pictures; a function of its own, so that none is held when the next is read."""
    read: list[tuple[Path, Photograph, Tensor]] = []
    for item in pool.map(lambda path: _opened(path, G.size), paths):
        if isinstance(item, Unusable):
            yield item
        else:
            read.append(item)
    if read:
        done, pictures, small = zip(*read, strict=True)
        L = torch.cat(small)
        fit = guided(L, _chroma(G, L))
        yield from pool.map(_closed, done, pictures, fit.split(1), [where[path] for path in done])


def _opened(path: Path, size: int) -> tuple[Path, Photograph, Tensor] | Unusable:
    try:
        photograph = photographs.read(path)
        return path, photograph, shrink(photograph.L, size)
    except (UsageError, MemoryError) as error:
        return Unusable(path, str(error) or "is larger than the memory")


def _closed(path: Path, photograph: Photograph, ab: Tensor, target: Path) -> Finished | Unusable:
    try:
        photographs.write(photograph, ab, target)
        return Finished(path, target, photograph.note)
    except (UsageError, MemoryError) as error:
        return Unusable(path, str(error) or "is larger than the memory")


def _film(
    G: ChromaGenerator, path: Path, target: Path, pool: ThreadPoolExecutor, batch: int, keep: float
) -> Iterator[Working | Finished]:
    photographs.regular(path)
    what = f"frames of {printable(path)}"
    with clips.reading(path) as clip, photographs.beside(target) as part:
        state: Steadied | None = None
        done, shape = 0, (0, 0)
        yield Working(what, 0, max(clip.count, 1))
        with clips.writing(part, clip) as write:
            for frames in _chunks(clip.frames(), batch):
                lights = list(pool.map(lambda frame: light(frame.pixels), frames))
                small = torch.cat([shrink(L, G.size) for L in lights])
                ab = _chroma(G, small)
                if keep:
                    state = steady(ab, small, keep, before=state)
                    ab = state.ab
                fit = guided(small, ab)
                for frame, pixels in zip(frames, pool.map(joined, lights, fit.split(1)), strict=True):
                    write(clips.Frame(pixels, frame.time))
                done, shape = done + len(frames), frames[0].pixels.shape[:2]
                yield Working(what, done, max(done, clip.count))
        if not done:
            raise UsageError("holds no frame")
    odd = "an odd side made even by repeating its last row or column" if any(side % 2 for side in shape) else ""
    yield Working(what, done, done)
    yield Finished(path, target, "; ".join(filter(None, (odd, *clip.notes()))))


def _chunks(frames: Iterator[clips.Frame], batch: int) -> Iterator[list[clips.Frame]]:
    """As many frames as a batch has, or as may be held."""
    for first in frames:
        some = [first]
        most = min(batch, max(1, HELD // (first.pixels.size // 3)))
        some += [frame for _, frame in zip(range(most - 1), frames, strict=False)]
        yield some


def _batches(paths: Sequence[Path], batch: int) -> Iterator[list[Path]]:
    """As many files as a batch has, or as may be held; of each only the head is read for that."""
    some: list[Path] = []
    held = 0
    for path in paths:
        try:
            photographs.regular(path)
            with Image.open(path) as picture:
                pixels = picture.width * picture.height
        except BROKEN:  # also a `UsageError`; the file is named when it is read
            pixels = 0
        if some and (len(some) == batch or held + pixels > HELD):
            yield some
            some, held = [], 0
        some.append(path)
        held += pixels
    if some:
        yield some


def _chroma(G: ChromaGenerator, small: Tensor) -> Tensor:
    return chroma(G, small.to(next(G.parameters()).device)).cpu()


def _moves(path: Path) -> bool:
    """Whether it is a video: by its content, and by its ending where that says nothing."""
    kind = sort(path)
    return kind == "video" or (not kind and path.suffix.lower() in clips.ENDINGS)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
