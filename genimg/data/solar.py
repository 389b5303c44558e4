"""Solar cells by electroluminescence: what conducts glows, and a crack or a dead region stays dark.

They ship inside the package elpv-dataset, which is an optional extra: pip install 'genimg-book[solar]'. Their licence
is CC BY-NC-SA 4.0, so that no picture of them is part of this book.

Source: Buerhop-Lutz et al. 2018; Deitsch et al. 2019 and 2021.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from genimg._base.errors import Absent, UsageError
from genimg._base.weights import sha256
from genimg.data.packs import Labels
from genimg.data.raw import Pictures

PACKAGE = "elpv_dataset"
TYPES = ("mono", "poly")
EVERY = 5  # one functional cell in five is for testing


@dataclass(frozen=True, eq=False)
class Cells:
    """The cells of a split, the functional ones first, each class in the order of the package's list."""

    files: tuple[str, ...]  # their names below `folder`
    labels: Labels  # int64 (n,), 0 functional, 1 defective: the positions in `catalogue.CELLS`
    types: tuple[str, ...]  # of each cell, `"mono"` or `"poly"`: cut from one crystal or cast of many
    # int64 (n,), lines of the list, from 0. The cells of one of the 44 modules are not marked as such, but they stand
    # together
    places: npt.NDArray[np.int64]
    folder: Path  # of the package's data

    def pictures(self) -> Pictures:
        """Not yet read: one PNG file each, 300 × 300, grey."""
        return Pictures(f"the installed {PACKAGE}", self.files, self._read, self._content)

    def _read(self, name: str) -> bytes:
        try:
            return (self.folder / name).read_bytes()
        except OSError:
            raise UsageError(f"is missing; install {PACKAGE.replace('_', '-')} again") from None

    def _content(self) -> str:
        found = [file.stat() if (file := self.folder / name).is_file() else None for name in self.files]
        marks = [(one.st_size, one.st_mtime_ns) for one in found if one is not None]
        return f"{sha256(self.folder / 'labels.csv')} {self.files} {marks}"


def here() -> bool:
    """Whether the package is installed."""
    return _folder() is not None


def cells(split: str) -> Cells:
    """The cells of a split, `"train"` or `"test"`.

    The people who labelled the cells gave each a probability of a defect. Functional are those with 0, defective those
    with 1; the doubtful ones between, 401 of 2,624, are left out. Every fifth functional cell is for testing, the
    other four for training; no defective one is for training.

    Raises:
        Absent: without the package.
        UsageError: if its list cannot be read.
    """
    folder = _folder()
    if folder is None:
        raise Absent("the solar cells are inside elpv-dataset: pip install 'genimg-book[solar]'")
    table = folder / "labels.csv"
    try:
        rows = [line.split() for line in table.read_text(encoding="utf-8").splitlines()]
        names, types = [row[0] for row in rows], [row[2] for row in rows]
        probability = np.array([float(row[1]) for row in rows])
    except (OSError, ValueError, IndexError):
        raise UsageError(f"{table} holds no names, probabilities and types; install elpv-dataset again") from None
    if unknown := set(types) - set(TYPES):
        raise UsageError(f"{table} has cells of type {min(unknown)!r}, known are mono and poly")
    functional, defective = np.flatnonzero(probability == 0), np.flatnonzero(probability == 1)
    test = np.arange(len(functional)) % EVERY == EVERY - 1
    normal, odd = (functional[test], defective) if split == "test" else (functional[~test], defective[:0])
    places = np.concatenate([normal, odd])
    return Cells(
        tuple(names[k] for k in places),
        np.repeat([0, 1], [len(normal), len(odd)]).astype(np.int64),
        tuple(types[k] for k in places),
        places.astype(np.int64),
        folder,
    )


def _folder() -> Path | None:
    package = importlib.util.find_spec(PACKAGE)
    return None if package is None or package.origin is None else Path(package.origin).parent / "data"
