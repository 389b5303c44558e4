"""Picture files in, completed picture files out, a batch at a time; no file that was given is ever changed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from genimg._base import disk
from genimg._base.errors import UsageError, at_least, choice
from genimg.data.pictures import open_file
from genimg.data.raw import WHITE, as_picture, fit, planes
from genimg.data.stream import MODES, free_names
from genimg.problems.inpaint import masks
from genimg.problems.inpaint.adaptation import adapted
from genimg.problems.inpaint.completion import BLENDS
from genimg.problems.inpaint.completion import blend as joined
from genimg.problems.inpaint.losses import Formulation, Loss
from genimg.problems.inpaint.search import STEPS, frozen, searches
from genimg.problems.inpaint.tones import Tones, show


class Searching(NamedTuple):
    """How far it is: `done` of `total` steps of all pictures together."""

    done: int
    total: int


class Filled(NamedTuple):
    """A completed picture, where it is, and what was done to the original's size, if anything."""

    path: Path
    target: Path
    note: str


class Unusable(NamedTuple):
    """A file without a completion, and why."""

    path: Path
    reason: str


class _Ready(NamedTuple):
    path: Path
    pixels: Tensor
    mask: Tensor
    note: str


def read_mask(source: str, size: int, seed: int = 0, invert: bool = False) -> Tensor:
    """The mask that a user means: a preset by its name, at the model's size, or a file as it is.

    Args:
        source: a name in `masks.PRESETS` or a picture file, white = known.
        invert: the file is white where pixels are missing.

    Raises:
        UsageError: neither, a file that holds no picture, or a preset to invert.
    """
    if Path(source).suffix or os.sep in source or Path(source).is_file():
        return masks.read(source, invert)  # or says what is wrong with it
    if invert:
        raise UsageError(f"only a mask picture can be inverted, not the preset {source!r}")
    return masks.preset(source, size, seed)


@torch.no_grad()
def shape(G: nn.Module) -> tuple[int, int]:
    """(channels, side) of what a generator makes, if they are square pictures, grey or colour.

    Raises:
        UsageError: if they are not.
    """
    z = torch.zeros(1, int(G.latent), device=next(G.parameters()).device)  # type: ignore[arg-type]
    _, channels, h, w = G(z).shape
    if channels not in MODES or h != w:
        raise UsageError(f"this model makes no square pictures in grey or colour, but {channels}x{h}x{w}")
    return channels, h


def fit_mask(mask: Tensor, picture: tuple[int, int], size: int) -> Tensor:
    """The mask of a picture that is cropped to its centre square and resized: as it is, or cropped and resized alike.

    A pixel of the result is known where all that it covers is known.

    Args:
        mask: (1, 1, h, w), of the model's size, or of the picture's.
        picture: its (height, width).

    Raises:
        UsageError: a mask of any other size, or one that leaves nothing known, or nothing missing, in the square.

    Example:
        >>> fit_mask(torch.tensor([[[[0.0, 0, 1, 1, 1, 0], [0, 0, 1, 0, 1, 0]]]]), (2, 6), 2).tolist()
        [[[[1.0, 1.0], [1.0, 0.0]]]]
    """
    h, w = mask.shape[-2:]
    if (h, w) != (size, size):
        if (h, w) != picture:
            raise UsageError(
                f"is {picture[1]}x{picture[0]}, but the mask is {w}x{h} and the model's images {size}x{size}"
            )
        side = min(h, w)
        top, left = (h - side) // 2, (w - side) // 2
        square = mask[..., top : top + side, left : left + side]
        mask = (interpolate(square, (size, size), mode="area") > 0.999).to(mask)
    if not bool((mask == 1).any()):
        raise UsageError("the mask leaves nothing known in the centre square")
    if bool((mask == 1).all()):
        raise UsageError("the mask leaves nothing to fill in the centre square")
    return mask


def inpaint_files(
    networks: tuple[nn.Module, nn.Module],
    files: Sequence[Path],
    mask: Tensor,
    pool: Tensor,
    out: Path,
    *,
    formulation: Formulation = Formulation(),  # noqa: B008
    blend: str = "poisson",
    keep: Iterable[Path] = (),
    adapt: int = 0,
    tones: Tones | None = None,
    **search: Any,
) -> Iterator[Searching | Filled | Unusable]:
    """Completes each file and writes `out`/<name>-inpainted.png, as the model sees it: its size, its channels.

    Pictures are decoded, made grey or colour, cropped to the centre square and resized as `data.load` does it.

    Args:
        networks: G and D, as for `inpaint`.
        files: from `data.picture_files`.
        mask: (1, 1, h, w), see `read_mask` and `fit_mask`.
        pool, formulation, adapt, tones, search: as for `inpaint`; `batch` is of pictures, 16.
        out: a folder, made if need be; results of an earlier call are replaced.
        keep: further files that must not be overwritten.

    Yields:
        One `Filled` or `Unusable` per file, and `Searching` in between.

    Raises:
        UsageError: a model of neither grey nor colour pictures, or a folder that cannot be made.
    """
    choice(blend, "blend", BLENDS)
    (G, D), steps = networks, search.setdefault("steps", STEPS)
    batch = search["batch"] = at_least(search.get("batch", 16), 1, "batch")
    channels, size = shape(G)
    targets = places(files, out, keep)
    total = steps * len(files)
    for start in range(0, len(files), batch):
        ready: list[_Ready] = []
        for path in files[start : start + batch]:
            item = _read(path, mask, size, channels)
            if isinstance(item, Unusable):
                yield item
            else:
                ready.append(item)
        if ready:
            y, known = (torch.stack(rows).to(pool) for rows in ([r.pixels for r in ready], [r.mask for r in ready]))
            shown, found = show(y, known, tones), {}
            for rows, step in searches(G, D, shown.y, known, pool, formulation, **search):
                found[int(rows[0])] = step.best()[0]
                yield Searching(start * steps + int(rows[0]) * steps + len(rows) * step.step, total)
            z = torch.cat(list(found.values()))
            guide = shown.back(adapted(G, Loss(frozen(D), shown.y, known, formulation), z, adapt))
            images = dict(zip(("raw", "overlay", "poisson"), joined(y, guide, known), strict=True))[blend]
            for item, image in zip(ready, images, strict=True):
                try:
                    _write(image, targets[item.path])
                    yield Filled(item.path, targets[item.path], item.note)
                except OSError as error:
                    yield Unusable(item.path, f"{targets[item.path]} cannot be written ({error.strerror or error})")
        yield Searching(min(start + batch, len(files)) * steps, total)


def places(files: Sequence[Path], out: Path, keep: Iterable[Path]) -> dict[Path, Path]:
    """Where the result of each file goes, in a folder that is made if need be; no file that was given is replaced.

    Raises:
        UsageError: if the folder cannot be made.
    """
    folder = disk.folder(out)
    wanted = (folder / f"{path.stem}-inpainted.png" for path in files)
    return dict(zip(files, free_names(wanted, [*files, *keep]), strict=True))


def _read(path: Path, mask: Tensor, size: int, channels: int) -> _Ready | Unusable:
    try:
        picture = open_file(path)
        whole = picture.on(WHITE)
        known = fit_mask(mask, (whole.height, whole.width), size)
        pixels = torch.from_numpy(planes(fit(whole, size).convert(MODES[channels])).copy())
    except UsageError as error:
        return Unusable(path, str(error))
    except MemoryError:
        return Unusable(path, "is larger than the memory")
    w, h = whole.size
    notes = [
        "" if (w, h) == (size, size) else f"{w}x{h} cropped to the centre square and resized to {size}x{size}",
        picture.note,
        "its colours are gone: the model knows grey only" if channels == 1 and whole.mode == "RGB" else "",
        "what is transparent stands before white" if picture.alpha else "",
    ]
    return _Ready(path, pixels.float() / 127.5 - 1, known[0], "; ".join(filter(None, notes)))


def _write(image: Tensor, target: Path) -> None:
    """A PNG, written beside and renamed."""
    array = ((image.cpu() + 1) * 127.5).round().clamp(0, 255).numpy().astype(np.uint8)
    with disk.replacing(target) as part:
        as_picture(array).save(part, "PNG")
