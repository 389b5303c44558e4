"""Picture collections in `<split>/<class>/<file>`: packs (zip files) and folders."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from genimg._base.errors import UsageError
from genimg.data.raw import Pictures

ENDINGS = (".jpg", ".jpeg", ".jpe", ".jfif", ".png")
OTHER_ENDINGS = (".webp", ".gif", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif", ".jp2", ".ppm", ".pgm")
UNLABELLED = "all"
LARGEST = 2**28
"""Bytes of one picture in a pack, unpacked."""
SPLITS = ("train", "test", "val", "valid", "validation")
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Member:
    """One picture: its name in the collection, its place, and a mark that changes when its bytes do."""

    name: str
    split: str
    label: str
    mark: str


@dataclass(frozen=True)
class Collection:
    """Pictures by split and class."""

    where: str  # the pack or folder, for messages
    members: tuple[Member, ...]  # sorted by name
    splits: tuple[str, ...]  # all splits, empty ones too
    read: Callable[[str], bytes]  # bytes of a member by name; safe from several threads
    left_out: tuple[str, ...] = ()  # files that are no pictures

    def classes(self) -> tuple[str, ...]:
        """Names of the classes in all splits together, so that a label means the same in each of them."""
        return tuple(sorted({member.label for member in self.members} - {UNLABELLED}))

    def pick(self, split: str, order: tuple[str, ...] = ()) -> tuple[Pictures, Labels | None, tuple[str, ...]]:
        """Pictures of a split, their labels, and the names of the classes.

        Args:
            order: the usual order of the classes; used if it names all the classes found.

        Raises:
            UsageError: no such split, an empty one, or one that mixes class `all` with others.
        """
        if split not in self.splits:
            raise UsageError(f"{self.where} has no split {split!r}; it has: {', '.join(self.splits)}")
        members = [member for member in self.members if member.split == split]
        if not members:
            raise UsageError(f"{self.where}: split {split!r} is empty (no .jpg or .png file in {split}/<class>/)")
        sha = hashlib.sha256()
        for member in members:
            sha.update(f"{member.name}\0{member.mark}\n".encode())
        pictures = Pictures(self.where, tuple(member.name for member in members), self.read, sha.hexdigest)
        stray = next((member for member in members if member.label == UNLABELLED), None)
        if stray is not None:
            if any(member.label != UNLABELLED for member in members):
                raise UsageError(f"{self.where}: {stray.name} is unlabelled (class 'all') in a split that has classes")
            return pictures, None, ()
        classes = self.classes()
        usual = tuple(spelled(name) for name in order)
        known = set(classes) <= set(usual)
        position = {name: i for i, name in enumerate(usual if known else classes)}
        labels = np.array([position[member.label] for member in members], dtype=np.int64)
        return pictures, labels, order if known else classes


def spelled(name: str) -> str:
    """A class name that can be a folder: `T-shirt/top` becomes `T-shirt-top`."""
    return name.replace("/", "-").replace("\\", "-")


def is_picture(name: str, where: str) -> bool:
    """Whether a file is a picture of the collection; texts and hidden files are not.

    Raises:
        UsageError: a picture in another format than JPEG and PNG, which would be left out in silence otherwise.
    """
    path = PurePosixPath(name)
    if any(part.startswith((".", "__MACOSX")) for part in path.parts):
        return False
    ending = path.suffix.lower()
    if ending in OTHER_ENDINGS:
        raise UsageError(f"{where}: {name} is neither JPEG nor PNG; convert it")
    return ending in ENDINGS


def open_pack(path: Path) -> Collection:
    """The pictures of a pack.

    A picture's mark is its CRC-32 and length in the zip's directory: pictures that change there get another cache
    entry, and neither a copy nor a new date of the same pack decodes it again.

    Raises:
        UsageError: not a zip file, or its files do not lie in `<split>/<class>/`.
    """
    try:
        archive = zipfile.ZipFile(path)
    except FileNotFoundError:
        raise UsageError(f"there is no pack {path}") from None
    except (zipfile.BadZipFile, OSError) as error:
        raise UsageError(f"{path} is not a readable zip file ({error})") from error
    members, splits = [], set()
    for info in archive.infolist():
        if info.file_size > LARGEST:
            raise UsageError(
                f"{path.name}: {info.filename} would be {info.file_size >> 20} MB unpacked, and no picture is"
            )
        parts = PurePosixPath(info.filename).parts
        if info.is_dir():
            if parts and not parts[0].startswith((".", "__MACOSX")):
                splits.add(parts[0])
        elif is_picture(info.filename, path.name):
            if len(parts) != 3:
                raise UsageError(f"{path.name}: {info.filename} does not lie in <split>/<class>/")
            splits.add(parts[0])
            members.append(Member(info.filename, parts[0], parts[1], f"{info.CRC:08x} {info.file_size}"))
    if not splits:
        raise UsageError(f"{path.name} has no pictures in <split>/<class>/")
    ordered = tuple(sorted(members, key=lambda member: member.name))
    return Collection(path.name, ordered, tuple(sorted(splits)), archive.read)


def open_folder(path: Path) -> Collection:
    """The pictures of a folder laid out as `<split>/<class>/<file>`, `<split>/<file>`, `<class>/<file>` or flat.

    Without splits everything is split `train`; without classes everything is unlabelled. A picture's mark is its
    length and date.

    Raises:
        UsageError: no pictures, or pictures at different depths.
    """
    files = {file.relative_to(path).as_posix(): file for file in sorted(_files(path))}
    found = [name for name, file in files.items() if file.is_file() and is_picture(name, str(path))]
    left_out = tuple(sorted(set(files) - set(found)))
    if not found:
        raise UsageError(f"{path} has no .jpg or .png files")
    depth = len(PurePosixPath(found[0]).parts)
    only_splits = depth == 2 and all(PurePosixPath(name).parts[0] in SPLITS for name in found)
    members = []
    for name in found:
        parts = PurePosixPath(name).parts
        if len(parts) != depth or depth > 3:
            raise UsageError(f"{path}: {name} lies deeper or less deep than others; use <split>/<class>/<file>")
        above = parts[:-1] if depth == 3 else (parts[0], UNLABELLED) if only_splits else ("train", *parts[:-1])
        split, label = above if len(above) == 2 else (above[0], UNLABELLED)
        stat = files[name].stat()
        members.append(Member(name, split, label, f"{stat.st_size} {stat.st_mtime_ns}"))
    splits = {member.split for member in members}
    if depth == 3:
        splits |= {item.name for item in path.iterdir() if item.is_dir() and not item.name.startswith(".")}
    ordered = tuple(sorted(members, key=lambda member: member.name))
    return Collection(str(path), ordered, tuple(sorted(splits)), lambda name: (path / name).read_bytes(), left_out)


def _files(folder: Path) -> Iterator[Path]:
    """What lies in a folder and below, links to folders among it, which nobody follows.

    Raises:
        UsageError: if a folder in it cannot be read: a pack must not lack what nobody could see.
    """

    def failed(error: OSError) -> None:
        raise UsageError(f"{error.filename} cannot be read ({error.strerror or error}), so nothing is packed") from None

    for place, folders, files in os.walk(folder, onerror=failed):
        folders.sort()
        yield from (Path(place, name) for name in files)
        yield from (Path(place, name) for name in folders if Path(place, name).is_symlink())
