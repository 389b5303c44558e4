"""Photographs in, photographs of the same size out, in which the missing parts of faces are filled.

A network makes small squares of one kind. Here each file is searched for the squares that it understands, or they are
given by hand; all squares of a batch of files are filled in one search, and put back.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from genimg._base import disk
from genimg._base.errors import UsageError, at_least, choice
from genimg.data.pictures import read, why
from genimg.data.raw import BROKEN, WHITE
from genimg.problems.inpaint import faces
from genimg.problems.inpaint.adaptation import adapted
from genimg.problems.inpaint.completion import BLENDS
from genimg.problems.inpaint.faces import Bits, Bytes, Square
from genimg.problems.inpaint.files import Filled, Searching, Unusable, places, shape
from genimg.problems.inpaint.losses import Formulation, Loss
from genimg.problems.inpaint.search import STEPS, frozen, searches
from genimg.problems.inpaint.tones import Tones, show

BY_HAND = (
    "give the square around the face by hand, with --crop LEFT,TOP,SIDE in pixels, twice as wide as the face and with "
    "the nose in its middle"
)


class _Ready(NamedTuple):
    path: Path
    known: Bits
    squares: list[Square]
    images: list[Tensor]
    masks: list[Tensor]
    note: str


def read_square(text: str) -> Square:
    """The square that a user means by "LEFT,TOP,SIDE".

    Raises:
        UsageError: anything but three whole numbers, or a side below 8 pixels.

    Example:
        >>> read_square("120,40,300")
        Square(left=120, top=40, side=300)
    """
    try:
        left, top, side = (int(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"a crop is LEFT,TOP,SIDE in whole pixels, such as 120,40,300, not {text!r}") from None
    return Square(left, top, at_least(side, 8, "the side of a crop"))


def inpaint_photographs(
    networks: tuple[nn.Module, nn.Module],
    files: Sequence[Path],
    mask: Tensor,
    pool: Tensor,
    out: Path,
    *,
    squares: Sequence[Square] = (),
    formulation: Formulation = Formulation(),  # noqa: B008
    blend: str = "poisson",
    keep: Iterable[Path] = (),
    adapt: int = 0,
    tones: Tones | None = None,
    **search: Any,
) -> Iterator[Searching | Filled | Unusable]:
    """Fills what is missing in the faces of each file and writes `out`/<name>-inpainted.png, of the file's own size.

    Pixels that are known stay what they are, bit by bit. A file of the model's own size is one square. Photographs are
    turned as their EXIF data says, and keep their colour profile.

    Args:
        networks, pool, out, formulation, blend, keep, adapt, tones, search: as for `inpaint_files`.
        files: from `data.picture_files`.
        mask: (1, 1, h, w), see `read_mask`: of the model's size it is laid on every square, of a photograph's size on
            the photograph, and the faces that it touches are filled.
        squares: those to fill, in place of the faces that are found.

    Yields:
        One `Filled` or `Unusable` per file, and `Searching` in between.

    Raises:
        UsageError: a model of neither grey nor colour pictures, or a folder that cannot be made.
    """
    choice(blend, "blend", BLENDS)
    G, D = (frozen(network) for network in networks)
    steps = search.setdefault("steps", STEPS)
    batch = search["batch"] = at_least(search.get("batch", 16), 1, "batch")  # of files, and of squares
    channels, size = shape(G)
    targets = places(files, out, keep)
    total = steps * len(files)
    for start in range(0, len(files), batch):
        part = files[start : start + batch]
        ready: list[_Ready] = []
        for path in part:
            item = _guarded(path, lambda path=path: _read(path, mask, squares, size, channels))
            if isinstance(item, Unusable):
                yield item
            else:
                ready.append(item)
        if ready:
            # A batch of files counts as its files, however many faces they hold.
            y, known = (
                torch.stack([one for item in ready for one in getattr(item, name)]).to(pool)
                for name in ("images", "masks")
            )
            shown, found = show(y, known, tones), {}
            for rows, step in searches(G, D, shown.y, known, pool, formulation, **search):
                found[int(rows[0])] = step.best()[0]
                share = (int(rows[0]) + len(rows) * step.step / max(1, steps)) / len(y)
                yield Searching(start * steps + int(share * len(part) * steps), total)
            z = torch.cat(list(found.values()))
            filled = list(shown.back(adapted(G, Loss(D, shown.y, known, formulation), z, adapt)).cpu())
            for item in ready:
                mine, filled = filled[: len(item.squares)], filled[len(item.squares) :]
                result = _guarded(item.path, lambda: _finish(item, mine, targets[item.path], blend))  # noqa: B023
                yield result if isinstance(result, Unusable) else Filled(item.path, targets[item.path], item.note)
        yield Searching(min(start + batch, len(files)) * steps, total)


def _guarded(path: Path, work: Any) -> Any:
    """What `work` gives, or why the file cannot be used."""
    try:
        return work()
    except UsageError as error:
        return Unusable(path, str(error))
    except (*BROKEN, MemoryError) as error:
        return Unusable(path, why(error))


def _photograph(path: Path) -> tuple[Bytes, bytes | None, str]:
    """(h, w, 1 or 3), the colour profile, if the pixels still are in it, and what a reader should know of the file."""
    if not path.is_file():  # reading a pipe would wait for ever
        raise UsageError("is no regular file" if path.exists() else "does not exist")
    data = path.read_bytes()
    found = read(data)
    picture = found.on(WHITE)
    with Image.open(io.BytesIO(data)) as source:
        profile = source.info.get("icc_profile") if source.mode == picture.mode else None
    seen = "what is transparent stands before white" if found.alpha else ""
    return np.atleast_3d(np.asarray(picture)), profile, "; ".join(filter(None, (found.note, seen)))


def _read(path: Path, mask: Tensor, given: Sequence[Square], size: int, channels: int) -> _Ready:
    photo, _, told = _photograph(path)
    h, w = photo.shape[:2]
    small, whole = mask.shape[-2:] == (size, size), mask.shape[-2:] == (h, w)
    if not small and not whole:
        (height, width) = mask.shape[-2:]
        raise UsageError(f"is {w}x{h}, but the mask is {width}x{height} and the model's images {size}x{size}")
    squares = list(given) or (
        [Square(0, 0, size)]
        if (h, w) == (size, size)
        else faces.find(photo.squeeze(2) if photo.shape[2] == 1 else photo)
    )
    if not squares:
        raise UsageError(f"no face was found; {BY_HAND}")
    known = mask[0, 0].numpy() == 1 if whole else np.ones((h, w), dtype=bool)
    for square in () if whole else squares:
        known = faces.enlarged(mask[0, 0], square, known)
    owner = faces.shares(known, squares)
    touched = [k for k in range(len(squares)) if (owner == k).any()]
    if not touched:
        count = (
            f"the square of the {'crop' if given else 'face'}"
            if len(squares) == 1
            else f"any of the {len(squares)} squares"
        )
        raise UsageError(f"nothing is missing in {count}; {BY_HAND}, or paint the mask over a face")
    squares = [squares[k] for k in touched]
    both = [faces.crop(photo, known, square, size, channels) for square in squares]
    note = (
        ""
        if (h, w) == (size, size)
        else f"{len(squares)} {'crop' if given else 'face'}{'s' * (len(squares) > 1)} filled: "
    )
    note += "; ".join(f"{s.side} pixels at {s.left},{s.top}" for s in squares) if note else ""
    left = int((~known & (owner < 0)).sum())
    notes = [note, f"{left} missing pixels lie outside and stay" if left else "", told]
    if channels == 1 and photo.shape[2] == 3:
        notes.append("its colours are gone in what is filled: the model knows grey only")
    note = "; ".join(filter(None, notes))
    return _Ready(path, known, squares, [image for image, _ in both], [m for _, m in both], note)


def _finish(item: _Ready, images: list[Tensor], target: Path, blend: str) -> None:
    """Puts the squares back into the photograph, which is read again: a batch of large ones would not fit in memory."""
    photo, profile, _ = _photograph(item.path)
    if photo.shape[:2] != item.known.shape:
        raise UsageError("has changed while it was worked on")
    known, owner = item.known, faces.shares(item.known, item.squares)
    for k, (square, image) in enumerate(zip(item.squares, images, strict=True)):
        photo = faces.put_back(photo, known, square, image, owner == k, blend)
        known = known | (owner == k)  # the next one joins on
    data = io.BytesIO()
    Image.fromarray(photo.squeeze(2) if photo.shape[2] == 1 else photo).save(data, "PNG", icc_profile=profile)
    disk.write(target, data.getvalue())
