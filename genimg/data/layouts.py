"""Data sets as torchvision lays them out on disk, read without torchvision.

torchvision itself compares checksums before it reads, needs seconds to be imported, and keeps no memory maps; and the
CIFAR-10 files are pickles, which are only safe with the small unpickler below.
"""

from __future__ import annotations

import codecs
import gzip
import pickle
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from genimg._base.errors import UsageError
from genimg._base.weights import sha256
from genimg.data.cache import Bytes
from genimg.data.catalogue import CIFAR10, DIGITS, FASHION, IMAGENETTE
from genimg.data.packs import Collection, Labels, Member, open_folder
from genimg.data.raw import Arrays, Pictures

Found = tuple[Arrays | Pictures, Labels | None, tuple[str, ...]]
LARGEST = 2**28
"""Bytes of a file of arrays, unpacked; the largest of these is 47 MB."""
CELEBA_SPLITS = {"train": "0", "val": "1", "test": "2"}
FOLDERS = {
    "mnist": ("MNIST/raw",),
    "fashion_mnist": ("FashionMNIST/raw",),
    "cifar10": ("cifar-10-batches-py",),
    "celeba": ("celeba/img_align_celeba",),
    "imagenette": ("imagenette2-320", "imagenette2", "imagenette2-160"),
}
SPLITS = {
    "mnist": ("train", "test"),
    "fashion_mnist": ("train", "test"),
    "svhn": ("train", "test", "extra"),
    "cifar10": ("train", "test"),
    "celeba": tuple(CELEBA_SPLITS),
    "imagenette": ("train", "val"),
}


def find(name: str, root: Path, split: str) -> Found | None:
    """Pictures, labels and classes of a split, or None where `root` does not have the data set.

    Raises:
        UsageError: the data set is there, but not this split, or a file of it is missing or damaged.
    """
    available = splits(name, root)
    if available:
        check_split(name, split)
    return READERS[name](root, split) if split in available else None


def check_split(name: str, split: str) -> None:
    """Refuses a split that the data set does not have anywhere."""
    if split not in SPLITS[name]:
        raise UsageError(f"{name} has no split {split!r}; it has: {', '.join(SPLITS[name])}")


def splits(name: str, root: Path) -> tuple[str, ...]:
    """Splits of a data set that `root` has in torchvision's layout; `()` where it is not there at all."""
    if name == "svhn":  # a file for each split, so that some can be missing
        return tuple(split for split in SPLITS[name] if (root / f"{split}_32x32.mat").is_file())
    here = any((root / folder).is_dir() for folder in FOLDERS.get(name, ()))
    return SPLITS[name] if here else ()


def _idx(name: str, classes: tuple[str, ...]) -> Callable[[Path, str], Found]:
    def read(root: Path, split: str) -> Found:
        start = root / FOLDERS[name][0] / {"train": "train", "test": "t10k"}[split]
        pictures = _either(start.with_name(f"{start.name}-images-idx3-ubyte"))
        labels = read_idx(_either(start.with_name(f"{start.name}-labels-idx1-ubyte")), 1).astype(np.int64)
        return Arrays(lambda: read_idx(pictures, 3)[:, None], lambda: sha256(pictures)), labels, classes

    return read


def _either(path: Path) -> Path:
    packed = path.with_name(f"{path.name}.gz")
    for file in (path, packed):
        if file.is_file():
            return file
    raise UsageError(f"{path} is missing (and so is {packed.name})")


def read_idx(path: Path, dimensions: int) -> Bytes:
    """The array of an IDX file of bytes, the format of MNIST; a name in `.gz` is unpacked.

    Source: the format's description by Y. LeCun, http://yann.lecun.com/exdb/mnist/: two zero bytes, the type (8 =
    unsigned byte), the number of dimensions, each dimension as a big-endian 32-bit integer, the data.

    Raises:
        UsageError: not such a file, or one that was cut short.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            data = file.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise UsageError(f"{path} is larger than {LARGEST >> 20} MB unpacked, and none of these data sets is")
        zero, kind, ndim = struct.unpack_from(">HBB", data)
        shape = struct.unpack_from(f">{ndim}I", data, 4)
    except (OSError, EOFError, zlib.error, struct.error) as error:
        raise UsageError(f"{path} is not a readable IDX file ({error})") from error
    pixels = np.frombuffer(bytearray(data), dtype=np.uint8, offset=4 + 4 * ndim)
    if (zero, kind, ndim) != (0, 8, dimensions) or pixels.size != int(np.prod(shape, dtype=np.int64)):
        raise UsageError(
            f"{path} is not a complete IDX file of bytes with {dimensions} dimensions: {pixels.size} bytes for {shape}"
        )
    return pixels.reshape(shape)


def _svhn(root: Path, split: str) -> Found:
    from scipy.io import loadmat

    file = root / f"{split}_32x32.mat"

    def read(variable: str) -> Any:
        try:
            return loadmat(file, variable_names=(variable,))[variable]
        except Exception as error:  # scipy raises half a dozen kinds on damaged files
            raise UsageError(f"{file} is not a readable SVHN file ({error})") from error

    labels = read("y").ravel().astype(np.int64) % 10  # the file writes 10 for the digit 0

    def pictures() -> Bytes:
        return np.ascontiguousarray(read("X").transpose(3, 2, 0, 1))

    return Arrays(pictures, lambda: sha256(file), slow=True), labels, DIGITS


class _ArraysOnly(pickle.Unpickler):
    """Reads dictionaries of arrays and refuses everything else that a pickle could call."""

    allowed: ClassVar[dict[str, Any]] = {
        "_reconstruct": np.empty(0).__reduce__()[0],  # its module has another name in each NumPy
        "ndarray": np.ndarray,
        "dtype": np.dtype,
        "encode": codecs.encode,  # how Python 3 writes bytes in the old protocols
    }

    def find_class(self, module: str, name: str) -> Any:
        if module.split(".")[0] not in ("numpy", "_codecs") or name not in self.allowed:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return self.allowed[name]


def _cifar10(root: Path, split: str) -> Found:
    folder = root / "cifar-10-batches-py"
    parts = ["test_batch"] if split == "test" else [f"data_batch_{i}" for i in range(1, 6)]
    files = [folder / part for part in parts]
    batches = [_batch(file) for file in files]
    labels = np.concatenate([np.asarray(batch["labels"], dtype=np.int64) for batch in batches])
    pixels = np.concatenate([batch["data"] for batch in batches]).reshape(-1, 3, 32, 32)
    return Arrays(lambda: pixels, lambda: sha256(*files)), labels, CIFAR10


def _batch(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as stream:
            batch = _ArraysOnly(stream, encoding="latin1").load()
        if batch["data"].shape != (len(batch["labels"]), 3072) or batch["data"].dtype != np.uint8:
            raise ValueError(f"data of shape {batch['data'].shape} for {len(batch['labels'])} labels")
        return dict(batch)
    except Exception as error:  # a damaged pickle can raise nearly anything
        raise UsageError(f"{file} is not a readable CIFAR-10 file ({error})") from error


def _celeba(root: Path, split: str) -> Found:
    folder, table = root / "celeba" / "img_align_celeba", root / "celeba" / "list_eval_partition.txt"
    if not table.is_file():
        raise UsageError(f"{table} is missing: it says which pictures are for training")
    rows = [line.split() for line in table.read_text().splitlines() if line.strip()]
    members = []
    for row in rows:
        if len(row) == 2 and row[1] == CELEBA_SPLITS[split]:
            try:
                stat = (folder / row[0]).stat()
            except OSError:
                raise UsageError(f"{folder / row[0]} is missing, though {table.name} lists it") from None
            members.append(Member(row[0], split, "all", f"{stat.st_size} {stat.st_mtime_ns}"))
    collection = Collection(str(folder), tuple(members), (split,), lambda name: (folder / name).read_bytes())
    return collection.pick(split)


def _imagenette(root: Path, split: str) -> Found:
    folder = next(root / folder for folder in FOLDERS["imagenette"] if (root / folder).is_dir())
    pictures, labels, ids = open_folder(folder).pick(split, tuple(IMAGENETTE))
    return pictures, labels, tuple(IMAGENETTE.get(wordnet, wordnet) for wordnet in ids)


READERS: dict[str, Callable[[Path, str], Found]] = {
    "mnist": _idx("mnist", DIGITS),
    "fashion_mnist": _idx("fashion_mnist", FASHION),
    "svhn": _svhn,
    "cifar10": _cifar10,
    "celeba": _celeba,
    "imagenette": _imagenette,
}
