"""Picture files in, scores out, a batch at a time; the table appears when it is complete. No file is changed."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

import torch

from genimg._base import disk
from genimg._base.errors import UsageError, at_least
from genimg.data.stream import Decoded, printable, stream
from genimg.problems.anomaly.detector import Detector

COLUMNS = ("file", "score", "percentile")
LIGHT = "light at its edges, where this detector knows white digits on black: invert it"


class Scored(NamedTuple):
    """A picture's anomaly score, its percentile among normal scores, and what to know of its file."""

    path: Path
    score: float
    percentile: float
    note: str = ""


class Unreadable(NamedTuple):
    """A file without a score, and why."""

    path: Path
    reason: str


def score_files(detector: Detector, files: Iterable[Path], batch: int = 256) -> Iterator[Scored | Unreadable]:
    """Scores files in their order, holding one batch of pictures.

    Each is decoded, made grey or colour, cropped to the centre square and resized as `data.load` does it.

    Args:
        files: from `data.picture_files`.

    Raises:
        UsageError: if the detector takes neither grey nor colour pictures.
    """
    at_least(batch, 1, "batch")
    channels, size, _ = detector.shape
    waiting: list[Decoded] = []
    readable = 0
    for picture in stream(files, size, channels):
        waiting.append(picture)
        readable += picture.pixels is not None
        if readable == batch:
            yield from _scored(detector, waiting)
            waiting, readable = [], 0
    yield from _scored(detector, waiting)


def _scored(detector: Detector, waiting: list[Decoded]) -> Iterator[Scored | Unreadable]:
    found = [picture.pixels for picture in waiting if picture.pixels is not None]
    scores = detector.score(torch.stack(found).float() / 127.5 - 1, len(found)) if found else torch.empty(0)
    values = iter(zip(scores.tolist(), detector.percentile(scores).tolist(), strict=True))
    of_digits = "MNIST" in str(detector.provenance.get("data", ""))
    for path, pixels, problem, note in waiting:
        if pixels is None:
            yield Unreadable(path, problem)
            continue
        edges = torch.cat([pixels[..., [0, -1], :].flatten(), pixels[..., [0, -1]].flatten()]).float()
        light = of_digits and edges.mean() > 255 / 2
        yield Scored(path, *next(values), "; ".join(filter(None, [note, LIGHT if light else ""])))


@contextmanager
def writing_csv(
    target: Path | None, screen: IO[str], originals: Iterable[Path] = ()
) -> Iterator[Callable[[Scored], None]]:
    """Yields `write(scored)`, one line of the table; the file is there when the block ends well, with a line or more.

    Args:
        target: the file, replaced if it exists; None writes to `screen` as the scores come.
        originals: files that must not be overwritten.

    Raises:
        UsageError: a target that cannot be written, or that is one of the originals.
    """
    if target is None:
        rows = csv.writer(screen, lineterminator="\n")
        rows.writerow(COLUMNS)
        yield lambda scored: rows.writerow(_cells(scored))
        return
    target = target.resolve()
    if target.exists():
        if not target.is_file():  # a device would be replaced by the rename
            raise UsageError(f"{target} is no regular file; name another, or leave it out to print the table")
        if any(path.exists() and path.samefile(target) for path in originals):
            raise UsageError(f"{target} is one of the files that are read; name another for the table")
    beside, written = disk.beside(target), 0
    try:
        with beside.open("x", encoding="utf-8", newline="") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(COLUMNS)

            def write(scored: Scored) -> None:
                nonlocal written
                rows.writerow(_cells(scored))
                written += 1

            yield write
            file.flush()
            os.fsync(file.fileno())
        if written:
            os.replace(beside, target)
    except OSError as error:
        raise UsageError(f"cannot write {target} ({error.strerror or error})") from error
    finally:
        beside.unlink(missing_ok=True)


def _cells(scored: Scored) -> tuple[str, str, str]:
    name = printable(scored.path)
    plain = f"'{name}" if name.startswith(("=", "+", "-", "@")) else name  # else a spreadsheet would compute it
    return plain, f"{scored.score:.6g}", f"{scored.percentile:.1f}"
