"""The strip that opens the book: a hole in a face, a walk between two digits, colour over a grey photograph.

It shows what was computed when the page was built, and goes on with the networks of `widgets.live` once it is touched.
Its pictures are photographs inside scikit-image and scikit-learn, and images that the zoo's generators make.
"""

from __future__ import annotations

import html
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from genimg import zoo
from genimg._base.seeding import rng
from genimg.gan.networks import ChromaGenerator
from genimg.numerics import interpolation
from genimg.numerics.color import grey
from genimg.plots import pixels
from genimg.problems import inpaint
from genimg.problems.anomaly import Detector
from genimg.problems.colorize import colorize
from genimg.problems.inpaint import masks
from genimg.widgets.page import module, page_html
from genimg.widgets.wire import bits_of, jpeg_url, light, png_url

CHAPTERS = {"face": "07_inpainting.html", "walk": "05_history_ad.html", "photos": "06_chromagan.html"}
STEPS = 20  # of the search, as in the recipe of the faces
_FRAMES = 25
_SIDE = 360  # pixels of a photograph in the page


class Face(NamedTuple):
    """A photograph x (1, 3, 64, 64) in [-1, 1], and by the name of its hole: mask (1, 1, 64, 64), and x filled."""

    x: Tensor
    filled: dict[str, tuple[Tensor, Tensor]]


class Walk(NamedTuple):
    """Both ends (2, d), images (n, 1, 28, 28) along the way between them on the sphere, and their scores (n,)."""

    ends: Tensor
    images: Tensor
    scores: Tensor


class Photograph(NamedTuple):
    """A square photograph in grey and as the network colours it, both (1, 3, s, s) in [0, 1], and what is seen."""

    grey: Tensor
    coloured: Tensor
    words: str


def face() -> Face:
    """The astronaut of scikit-image with two holes, each filled by the search of chapter 07."""
    from skimage.data import astronaut

    G, D = zoo.load("faces")
    whole = torch.from_numpy(astronaut()[25:195, 135:305].copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
    x = interpolate(whole, (64, 64), mode="bilinear", antialias=True).clamp(-1, 1)
    filled, how = {}, inpaint.Search.of(zoo.recipe("faces"))
    first, pool = how.first(G), torch.zeros(1, int(G.latent))  # type: ignore[arg-type]
    for name, preset in (("text", "text"), ("scratches", "strokes")):
        mask = masks.preset(preset, 64, seed=1)
        found = inpaint.inpaint(G, D, x, mask, pool, how.formulation, first=first, steps=how.steps, lr=how.lr)
        filled[name] = (mask, found.poisson)
    return Face(x, filled)


@torch.no_grad()
def walk() -> Walk:
    """From a usual one of 80 generated digits to the most anomalous, judged by a detector that has never seen a 1."""
    G, _ = zoo.load("digits")
    detector = Detector.load("history-digits")
    candidates = torch.randn(80, int(G.latent), generator=rng(7))  # type: ignore[arg-type]
    order = detector.score(G(candidates)).argsort()
    ends = candidates[order[[3, -1]]]  # a 5 that everybody reads, chosen by eye among the lowest scores
    along = interpolation.spherical(ends[0], ends[1], torch.linspace(0, 1, _FRAMES))
    images = G(along)
    return Walk(ends, images, detector.score(images))


@torch.no_grad()
def photographs() -> dict[str, Photograph]:
    """Photographs inside scikit-image and scikit-learn, in grey and coloured."""
    import skimage.data
    from sklearn.datasets import load_sample_image

    G, _ = zoo.load("colours", kind="colours")
    assert isinstance(G, ChromaGenerator)
    taken = {
        "a cameraman": (skimage.data.camera(), "A photograph that was never in colour: nobody knows the truth."),
        "a pagoda": (load_sample_image("china.jpg"), "The sky is easy. The roof could have any colour."),
        "a rocket": (skimage.data.rocket(), "The evening sky comes back; the lamps were yellow."),
    }
    found = {}
    for name, (image, words) in taken.items():
        height, width = image.shape[:2]
        least = min(height, width)
        top, left = (height - least) // 2, (width - least) // 2
        square = np.ascontiguousarray(image[top : top + least, left : left + least])
        x = torch.from_numpy(square).reshape(least, least, -1).permute(2, 0, 1)[None].float() / 255
        x = interpolate(x, (_SIDE, _SIDE), mode="bilinear", antialias=True).clamp(0, 1)
        found[name] = Photograph(grey(x).expand(-1, 3, -1, -1), colorize(G, x).cpu(), words)
    return found


def strip(face: Face, walk: Walk, photographs: dict[str, Photograph]) -> str:
    """The strip as HTML for a built page, with fixed pictures where scripts do not run.

    Raises:
        UsageError: if its pictures weigh more than 1.5 MB.
    """
    G, _ = zoo.load("colours", kind="colours")
    state = {
        "modules": {
            "painter": module("latent_search", "photograph", "mask_painter"),
            "path": module("latent_path"),
            "colouring": module("colouring"),
        },
        "face": {
            "side": face.x.shape[-1],
            "picture": png_url(pixels(face.x)[0]),
            "holes": [
                {"name": name, "bits": bits_of(mask[0, 0]), "filled": png_url(pixels(filled)[0]), "steps": STEPS}
                for name, (mask, filled) in face.filled.items()
            ],
            "link": CHAPTERS["face"],
        },
        "walk": {
            "frames": light([png_url(cell) for cell in pixels(walk.images)], "digits"),
            "scores": [float(f"{score:.4g}") for score in walk.scores.tolist()],
            "ends": [[float(f"{value:.6g}") for value in end] for end in walk.ends.tolist()],
            "link": CHAPTERS["walk"],
        },
        "photos": {
            "size": G.size,
            "list": [
                {"name": name, "words": one.words} | {side: _photo(getattr(one, side)) for side in ("grey", "coloured")}
                for name, one in photographs.items()
            ],
            "link": CHAPTERS["photos"],
        },
    }
    return page_html(module("door"), state, _fixed(face, walk, photographs))


def pictures(face: Face, walk: Walk, photographs: dict[str, Photograph]) -> dict[str, np.ndarray]:
    """One square picture for each part of the strip, (h, w, 3), uint8: half damaged, a way of digits, half grey."""
    mask, filled = next(iter(face.filled.values()))
    size = 360
    hole = interpolate(mask, (size, size), mode="nearest")
    whole, after = interpolate(torch.cat([face.x, filled]), (size, size), mode="bicubic").clamp(-1, 1).split(1)
    before = hole * whole + (1 - hole) * 0.55
    chosen = walk.images[[0, 3, 6, 9, 12, 15, 18, 21, 24]]
    digits = torch.cat([torch.cat(list(row), -1) for row in chosen.split(3)], -2)[None].expand(-1, 3, -1, -1)
    first = next(iter(photographs.values()))
    return {
        "fill": pixels(_halves(before, after))[0],
        "walk": pixels(interpolate(digits, (size, size), mode="nearest"))[0],
        "colour": pixels(_halves(2 * first.grey - 1, 2 * first.coloured - 1))[0],
    }


def _halves(left: Tensor, right: Tensor) -> Tensor:
    """The left half of one picture beside the right half of another, with a white line between them."""
    middle = left.shape[-1] // 2
    both = torch.cat([left[..., :middle], right[..., middle:]], -1)
    both[..., middle - 1 : middle + 1] = 1.0
    return both


def _photo(x: Tensor) -> str:
    return jpeg_url(np.ascontiguousarray(pixels(2 * x - 1)[0]))


def _fixed(face: Face, walk: Walk, photographs: dict[str, Photograph]) -> str:
    """What stands where scripts do not run, and on paper."""
    alts = {
        "fill": "A face, its left half with letters missing from it, its right half filled",
        "walk": "Nine generated digits on the way from one to another",
        "colour": "A photograph, its left half grey, its right half coloured by a network",
    }
    shown = pictures(face, walk, photographs)
    parts = [
        f'<img src="{jpeg_url(shown[name])}" alt="{html.escape(alt)}" '
        'style="flex:1 1 160px;min-width:0;max-width:32%;height:auto;border-radius:8px">'
        for name, alt in alts.items()
    ]
    return f'<div style="display:flex;gap:2%;justify-content:center">{"".join(parts)}</div>'
