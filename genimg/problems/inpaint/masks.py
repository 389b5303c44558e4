"""Masks M, 1 = known and 0 = missing: (1, 1, h, w) float32, functions of the size, and of a seed where one is due."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from genimg._base.errors import UsageError, at_least, choice, positive
from genimg._base.seeding import rng

Size = int | tuple[int, int]
SIDES = ("left", "right", "top", "bottom")
KNOWN = 128  # of 255: what a mask file has at least where a pixel is known


def centre_square(size: Size, side: float = 0.5) -> Tensor:
    """A square hole in the middle, `side` times the shorter side of the image: 32 x 32 of 64 x 64 by default.

    Source: Yeh et al. 2017, section 4.1.

    Example:
        >>> centre_square(4)[0, 0].int().tolist()
        [[1, 1, 1, 1], [1, 0, 0, 1], [1, 0, 0, 1], [1, 1, 1, 1]]
    """
    mask = _blank(size)
    h, w = mask.shape[-2:]
    hole = _pixels(side, min(h, w))
    top, left = (h - hole) // 2, (w - hole) // 2
    mask[..., top : top + hole, left : left + hole] = 0
    return mask


def three_squares(size: Size, side: float = 0.25, seed: int = 0) -> Tensor:
    """Three square holes at random places, at least one known pixel between any two: 16 x 16 of 64 x 64 by default.

    Raises:
        UsageError: a side for which three squares were not found to fit.

    Source: the talk, "Experimental results" (places and sizes are not given there).

    Example:
        >>> int((three_squares(64) == 0).sum())
        768
    """
    mask = _blank(size)
    h, w = mask.shape[-2:]
    hole, draw = _pixels(side, min(h, w)), rng(seed)
    for _ in range(1000):  # all three anew: two squares may leave no room for a third
        tops = torch.randint(h - hole + 1, (3,), generator=draw)
        lefts = torch.randint(w - hole + 1, (3,), generator=draw)
        apart = torch.maximum((tops[:, None] - tops).abs(), (lefts[:, None] - lefts).abs()) > hole
        if int(apart.sum()) == 6:
            for top, left in zip(tops.tolist(), lefts.tolist(), strict=True):
                mask[..., top : top + hole, left : left + hole] = 0
            return mask
    raise UsageError(f"three squares of side {hole} do not fit into {h} x {w}; take a smaller side")


def random_pixels(size: Size, missing: float = 0.8, seed: int = 0) -> Tensor:
    """This share of the pixels missing, at random places, rounded to whole pixels.

    Source: Yeh et al. 2017, section 4.1 (80 %).

    Example:
        >>> int(random_pixels(10, missing=0.3).sum())
        70
    """
    mask = _blank(size)
    if not 0 <= missing <= 1:
        raise UsageError(f"missing is a share in [0, 1], got {missing}")
    order = torch.randperm(mask.numel(), generator=rng(seed))
    mask.view(-1)[order[: round(missing * mask.numel())]] = 0
    return mask


def half(size: Size, side: str = "right") -> Tensor:
    """The half on that side missing, the larger one if the number of pixels is odd.

    Source: Yeh et al. 2017, section 4.1.

    Example:
        >>> half((1, 4), "left")[0, 0].int().tolist()
        [[0, 0, 1, 1]]
    """
    mask = _blank(size)
    h, w = mask.shape[-2:]
    place = {
        "left": (slice(None), slice(0, -(-w // 2))),
        "right": (slice(None), slice(w // 2, w)),
        "top": (slice(0, -(-h // 2)), slice(None)),
        "bottom": (slice(h // 2, h), slice(None)),
    }
    mask[(..., *place[choice(side, "side", SIDES)])] = 0
    return mask


def strokes(size: Size, count: int = 4, width: float = 0.08, seed: int = 0) -> Tensor:
    """Free-hand strokes: `count` wandering lines with round ends, `width` times the shorter side of the image thick.

    Each starts anywhere and takes eight steps of a tenth to a quarter of that side, turning a little each time; what
    leaves the image is cut off.

    Example:
        >>> bool(0.5 < strokes(64).mean() < 0.95)
        True
    """
    mask = _blank(size)
    h, w = mask.shape[-2:]
    short, draw = min(h, w), rng(seed)
    radius = positive(width, "width") * short / 2
    pixels = torch.stack(torch.meshgrid(torch.arange(h) + 0.5, torch.arange(w) + 0.5, indexing="ij"), -1)
    for _ in range(at_least(count, 0, "count")):
        start = torch.rand(2, generator=draw) * torch.tensor([h, w])
        turns = torch.cat([torch.rand(1, generator=draw) * 2 * torch.pi, torch.randn(7, generator=draw) * 0.6])
        angle, length = turns.cumsum(0), (0.1 + 0.15 * torch.rand(8, generator=draw)) * short
        steps = torch.stack([angle.sin(), angle.cos()], 1) * length[:, None]
        corners = torch.cat([start[None], start + steps.cumsum(0)])
        for a, step in zip(corners[:-1], steps, strict=True):
            along = (((pixels - a) * step).sum(-1) / step.square().sum()).clamp(0, 1)
            mask[0, 0][(pixels - a - along[..., None] * step).norm(dim=-1) <= radius] = 0
    return mask


def text(size: Size, words: str = "generative", rows: int = 5) -> Tensor:
    """The strokes of letters missing: the words again and again, in the font inside Pillow.

    They fill `rows` lines, or as many as leave 8 pixels to each.

    Example:
        >>> bool(0.5 < text(64).mean() < 0.95)
        True
    """
    from PIL import Image, ImageDraw, ImageFont

    mask = _blank(size)
    h, w = mask.shape[-2:]
    if not words.strip():
        raise UsageError("text: there are no words to write")
    rows = min(at_least(rows, 1, "rows"), max(1, h // 8))
    line = h / rows
    page = Image.new("L", (w, h), 255)
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(size=0.9 * line)
    repeated = f"{words} " * (1 + int(2 * (w + h) / font.getlength(f"{words} ")))
    for row in range(rows):
        start = row * len(words) // 2 % (len(words) + 1)  # each line begins elsewhere, so that no columns appear
        pen.text((0, (row + 0.5) * line), repeated[start:], fill=0, font=font, anchor="lm")
    return torch.from_numpy((np.asarray(page) >= KNOWN).astype(np.float32))[None, None]


# What the command line and the widget offer, each a function of size and seed (which those that draw nothing ignore).
PRESETS: dict[str, Callable[[Size, int], Tensor]] = {
    "centre": lambda size, seed: centre_square(size),
    "squares": lambda size, seed: three_squares(size, seed=seed),
    "random": lambda size, seed: random_pixels(size, seed=seed),
    **{side: lambda size, seed, side=side: half(size, side) for side in SIDES},  # type: ignore[misc]
    "strokes": lambda size, seed: strokes(size, seed=seed),
    "text": lambda size, seed: text(size),
}


def preset(name: str, size: Size, seed: int = 0) -> Tensor:
    """The mask of that name.

    Raises:
        UsageError: an unknown name.

    Example:
        >>> preset("left", (1, 2)).tolist()
        [[[[0.0, 1.0]]]]
    """
    return PRESETS[choice(name, "mask", PRESETS)](size, seed)


class Holes:
    """A law of masks: those of `PRESETS`, the centre most often, and rectangles of any place and form.

    Of those that are drawn, some are drawn once and then chosen from.

    Args:
        size: side in pixels, 8 at least.
        rng: chooses; its device is the samples' device.
        count: masks of a kind.

    Example:
        >>> Holes(8, rng(0), count=2).sample(3).shape
        torch.Size([3, 1, 8, 8])
    """

    def __init__(self, size: int, rng: torch.Generator, count: int = 300) -> None:
        self.rng = rng
        draw = torch.Generator().manual_seed(0)
        kinds = [torch.cat([make(at_least(size, 8, "size"), k) for k in range(count)]) for make in PRESETS.values()]
        boxes = torch.ones(count, 1, size, size)
        for box in boxes:
            height, width = torch.randint(size // 8, size * 5 // 8, (2,), generator=draw).tolist()
            top, left = (int(torch.randint(size - side + 1, (1,), generator=draw)) for side in (height, width))
            box[:, top : top + height, left : left + width] = 0
        self.masks = torch.stack([*kinds, boxes]).bool().to(rng.device)
        often = {"centre": 6.0, "squares": 4.0}
        self.shares = torch.tensor([often.get(name, 1.0) for name in PRESETS] + [4.0], device=rng.device)

    def sample(self, n: int) -> Tensor:
        """(n, 1, h, w), 1 = known."""
        kind = torch.multinomial(self.shares, n, replacement=True, generator=self.rng)
        which = torch.randint(self.masks.shape[1], (n,), generator=self.rng, device=self.rng.device)
        return self.masks[kind, which].float()


def read(path: str | Path, invert: bool = False) -> Tensor:
    """The mask in a picture file: white = known, black = missing, grey is taken for the nearer of the two.

    That is the picture of M. Programs that paint what is to be filled in white (OpenCV is one) mean the opposite.

    Args:
        path: any picture, of any depth; colour counts by its brightness, and what is transparent is missing. One of
            zeros and ones only has its white at 1.
        invert: white = missing instead; what is transparent is then known.

    Returns:
        (1, 1, h, w) float32, of the picture's size.

    Raises:
        UsageError: no such file, or none that holds a picture.
    """
    from genimg.data.pictures import open_file

    path = Path(path)
    try:
        picture = open_file(path)
    except UsageError as error:
        told = str(error) if str(error).startswith(("is ", "does ")) else f"is no readable picture ({error})"
        raise UsageError(f"mask {path} {told}") from None
    except MemoryError:
        raise UsageError(f"mask {path} is larger than the memory") from None
    if picture.image.mode != "RGB" and 0 < picture.image.getextrema()[1] <= 1.5 * picture.unit:  # type: ignore[operator]
        picture = picture._replace(image=picture.image.point(lambda value: value * (255 / picture.unit)))
    white = np.asarray(picture.on(0).convert("L")) >= KNOWN
    return torch.from_numpy((white != invert).astype(np.float32))[None, None]


def _blank(size: Size) -> Tensor:
    h, w = (size, size) if isinstance(size, int) else size
    return torch.ones(1, 1, at_least(h, 1, "height"), at_least(w, 1, "width"))


def _pixels(share: float, of: int) -> int:
    """A side in whole pixels, at least one.

    Example:
        >>> _pixels(0.5, 64), _pixels(0.001, 64)
        (32, 1)
    """
    if not 0 < share <= 1:
        raise UsageError(f"side is a share of the image's side in (0, 1], got {share}")
    return max(1, round(share * of))
