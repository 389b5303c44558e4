"""Making packs: a data set as one file that can be carried to a machine without internet."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from PIL import Image

from genimg._base import disk
from genimg._base.errors import UsageError, at_least
from genimg._base.weights import sha256
from genimg.data import lookup
from genimg.data.catalogue import ENTRIES, canonical
from genimg.data.packs import UNLABELLED, Collection, Labels, open_folder, spelled
from genimg.data.raw import Arrays, Pictures, as_picture, fit, picture

DATE = (1980, 1, 1, 0, 0, 0)  # in every entry, so that the same pictures give the same file


class Packed(NamedTuple):
    """A pack that was made: its path, the pictures in each split, its SHA-256, and the files that are not in it."""

    path: Path
    pictures: dict[str, int]
    sha256: str
    left_out: tuple[str, ...] = ()


def make_pack(
    dest: str | os.PathLike[str],
    source: str | os.PathLike[str],
    size: int | None = None,
    root: str | os.PathLike[str] | None = None,
) -> Packed:
    """Writes a pack: an uncompressed zip with `<split>/<class>/<file>.jpg|png`, class `all` where there are no labels.

    JPEG and PNG files go in byte for byte; pictures from arrays, as those of MNIST, become PNG. Every picture is
    decoded once, so that a broken one is found here. The file appears only when it is complete.

    Args:
        dest: the zip file, or a folder, in which it is called after the source.
        source: the name of a data set with all its splits, or a folder of pictures (`<split>/<class>/<file>`,
            `<split>/<file>`, `<class>/<file>` or flat). A folder called like a data set is meant by `./mnist`.
        size: crop to the centre square and resize, as in `load`.
        root: where to look for a data set, instead of `$GENIMG_DATA`.

    Raises:
        UsageError: no such source, a broken picture (named), or a `dest` that cannot be written.
    """
    if size is not None:
        at_least(size, 1, "size")
    known = isinstance(source, str) and canonical(source) in lookup.names(root)
    name = canonical(str(source)) if known else Path(source).resolve().name
    target = Path(dest)
    target = target / f"{name}.zip" if target.is_dir() else target
    if target.suffix != ".zip":
        raise UsageError(f"a pack ends in .zip, got {str(dest)!r}")
    if not known and not Path(source).is_dir():
        raise UsageError(f"{str(source)!r} is neither a folder nor a data set (one of: {', '.join(ENTRIES)})")
    collection = None if known else open_folder(Path(source))
    files = _folder(collection, size) if collection else _dataset(name, size, root)
    counts: dict[str, int] = {}
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with disk.replacing(target) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
            for path, data in files:
                archive.writestr(zipfile.ZipInfo(path, DATE), data)
                split = path.split("/")[0]
                counts[split] = counts.get(split, 0) + 1
    except OSError as error:
        raise UsageError(f"cannot write {target} ({error.strerror or error})") from error
    return Packed(target, counts, sha256(target), collection.left_out if collection else ())


def _dataset(name: str, size: int | None, root: str | os.PathLike[str] | None) -> Iterator[tuple[str, bytes]]:
    if not lookup.splits(name, root):
        lookup.find(name, "train", size, False, root)  # downloads it, or says what to do
    for split in lookup.splits(name, root):
        found = lookup.find(name, split, size, False, root)
        yield from _split(split, found.raw, found.labels, found.classes, size)


def _folder(collection: Collection, size: int | None) -> Iterator[tuple[str, bytes]]:
    for split in collection.splits:
        yield from _split(split, *collection.pick(split), size)


def _split(
    split: str, raw: Arrays | Pictures, labels: Labels | None, classes: tuple[str, ...], size: int | None
) -> Iterator[tuple[str, bytes]]:
    folders = [UNLABELLED] if labels is None else [spelled(classes[label]) for label in labels]
    if labels is None:
        folders = folders * (len(raw.files) if isinstance(raw, Pictures) else len(raw.read()))
    if isinstance(raw, Arrays):
        for i, pixels in enumerate(raw.read()):
            whole = as_picture(pixels)
            yield f"{split}/{folders[i]}/{i:06d}.png", _encoded(whole if size is None else fit(whole, size), ".png")
        return
    for i, file in enumerate(raw.files):
        checked = picture(raw, i, size)
        data = raw.read(file) if size is None else _encoded(checked, PurePosixPath(file).suffix.lower())
        yield f"{split}/{folders[i]}/{PurePosixPath(file).name}", data


def _encoded(image: Image.Image, ending: str) -> bytes:
    out = io.BytesIO()
    if ending == ".png":
        image.save(out, "PNG")
    else:
        image.save(out, "JPEG", quality=95, subsampling=0)  # only where a JPEG is resized; else its bytes are kept
    return out.getvalue()
