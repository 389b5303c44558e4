"""Colouring pictures of any size: chroma is predicted small and joined to the lightness that was there."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from genimg._base.errors import UsageError, at_least
from genimg.gan.networks import ChromaGenerator
from genimg.numerics.color import lab_to_rgb, lightness, scale_l, unscale_ab
from genimg.problems.colorize.pictures import in_eval


def shrink(L: Tensor, size: int) -> Tensor:
    """(n, 1, h, w) → (n, 1, size, size), antialiased; the aspect ratio is not kept, as in the authors' code."""
    if L.shape[-2:] == (size, size):
        return L
    return interpolate(L, (size, size), mode="bilinear", antialias=True, align_corners=False)


@torch.no_grad()
def chroma(G: ChromaGenerator, L: Tensor) -> Tensor:
    """What G predicts, in CIE units: L (n, 1, h, w) in [0, 100] → ab (n, 2, size, size), at G's own size.

    The class branch is skipped. G is run in eval mode and left in the mode it was in.

    Raises:
        UsageError: for a network that predicts bins of chroma.
    """
    if G.outputs != 2:
        raise UsageError(f"this network gives {G.outputs} logits per pixel and not chroma")
    with in_eval(G):
        return unscale_ab(G(scale_l(shrink(L, G.size)), classes=False).ab)


RADIUS, NOISE = 3, 4.0  # of `guided`: pixels on each side, and the contrast of L in CIE units from which an edge counts


def guided(L: Tensor, ab: Tensor, radius: int = RADIUS, noise: float = NOISE) -> Tensor:
    """Chroma as a linear function of L around each pixel, so that enlarged with L it keeps to the edges of L.

    In each window of 2 `radius` + 1 pixels ab is fitted by s · L + t, with s = cov(L, ab) / (var(L) + noise²), and the
    fits of all windows that see a pixel are averaged: the guided filter. Both s and t are smooth, so that they can be
    enlarged to any size, where L is known in full.

    Args:
        L: (n, 1, h, w) in [0, 100], at the size of ab.
        ab: (n, 2, h, w) in CIE units.

    Returns:
        t and s, (n, 4, h, w), for `merge` and `strips`.

    Source: He, Sun & Tang, Guided image filtering, 2010; He & Sun, Fast guided filter, 2015, for the enlargement.

    Example:
        An edge of colour that has been blurred is sharp again where L has an edge.

        >>> L = torch.tensor([20.0] * 8 + [80.0] * 8).expand(1, 1, 16, 16)
        >>> ab = torch.linspace(-1, 1, 16).clamp(-0.25, 0.25).mul(80).expand(1, 2, 16, 16)
        >>> out = guided(L, ab)
        >>> sharp = out[:, :2] + out[:, 2:] * L
        >>> round(float(ab.diff()[..., 7].mean()), 1), round(float(sharp.diff()[..., 7].mean()), 1)
        (10.7, 26.8)
    """

    def mean(x: Tensor) -> Tensor:
        return avg_pool2d(x, 2 * radius + 1, 1, radius, count_include_pad=False)

    of_L, of_ab = mean(L), mean(ab)
    s = (mean(L * ab) - of_L * of_ab) / (mean(L * L) - of_L * of_L + noise**2)
    return torch.cat([mean(of_ab - s * of_L), mean(s)], dim=1)


def merge(L: Tensor, ab: Tensor) -> Tensor:
    """L (n, 1, h, w) in full with small chroma (n, 2, h', w') enlarged to it: sRGB (n, 3, h, w) in [0, 1].

    The eye sees detail in L; chroma may be as coarse as in a JPEG file. What `guided` gives, (n, 4, h', w'), is
    enlarged in the same way and then follows the edges of L.

    Example:
        >>> merge(torch.full((1, 1, 4, 6), 100.0), torch.zeros(1, 2, 2, 2)).round(decimals=3).unique().tolist()
        [1.0]
    """
    if ab.shape[-2:] != L.shape[-2:]:
        ab = interpolate(ab, L.shape[-2:], mode="bilinear", align_corners=False)
    if ab.shape[1] == 4:
        ab = ab[:, :2] + ab[:, 2:] * L
    return lab_to_rgb(torch.cat([L, ab], dim=1))


@torch.no_grad()
def strips(L: Tensor, ab: Tensor, pixels: int = 2**20) -> Iterator[Tensor]:
    """What `merge` gives, a few rows at a time from the top: for a picture whose float colours no memory should hold.

    Args:
        L: (1, 1, h, w) in [0, 100].
        ab: small chroma (1, 2, h', w'), or what `guided` gives.
        pixels: of a strip, at most, if a row has no more.

    Yields:
        sRGB (1, 3, rows, w) in [0, 1].

    Example:
        >>> [tuple(strip.shape) for strip in strips(torch.zeros(1, 1, 5, 4), torch.zeros(1, 2, 2, 2), pixels=8)]
        [(1, 3, 2, 4), (1, 3, 2, 4), (1, 3, 1, 4)]
    """
    h, w = L.shape[-2:]
    small = ab.shape[-2]
    wide = interpolate(ab, (small, w), mode="bilinear", align_corners=False)
    for rows in torch.arange(h).split(max(1, at_least(pixels, 1, "pixels") // w)):
        # Bilinear between the two rows of chroma beside the middle of a row, as `interpolate` has it.
        y = ((rows + 0.5) * (small / h) - 0.5).clamp_min(0)
        above = y.long().clamp_max(small - 1)
        below, share = (above + 1).clamp_max(small - 1), (y - above)[:, None].to(ab)
        yield merge(L[..., rows[0] : rows[-1] + 1, :], wide[..., above, :].lerp(wide[..., below, :], share))


@torch.no_grad()
def colorize(G: ChromaGenerator, pictures: Tensor, batch: int = 16) -> Tensor:
    """Colours for pictures of any size and aspect ratio; of coloured ones, L is taken and the colours are replaced.

    Args:
        G: from `networks.chromagan`.
        pictures: sRGB (n, 3, h, w) or grey (n, 1, h, w), float in [0, 1].

    Returns:
        sRGB (n, 3, h, w) in [0, 1], on the pictures' device, with their L wherever the colour predicted for a pixel
        exists at that L (else it is clipped).

    Raises:
        UsageError: other shapes or values, or as `chroma`.

    Source: Vitoria, Raad & Ballester 2020, and the code published with it (chroma enlarged bilinearly). There L is
    reduced without antialiasing.

    Example:
        >>> from genimg.gan.networks import chromagan
        >>> colorize(chromagan(size=32, width=2, classes=0, seed=0)[0], torch.rand(2, 1, 40, 25)).shape
        torch.Size([2, 3, 40, 25])
    """
    if pictures.ndim != 4 or pictures.shape[1] not in (1, 3) or pictures.numel() == 0:
        raise UsageError(f"pictures to colour are (n, 1, h, w) or (n, 3, h, w), got {tuple(pictures.shape)}")
    if not pictures.is_floating_point() or not (pictures.min() >= 0 and pictures.max() <= 1):  # also catches NaN
        raise UsageError("pictures to colour are float in [0, 1]")
    device = next(G.parameters()).device
    done = []
    for part in pictures.split(at_least(batch, 1, "batch")):
        L = lightness(part.to(device))
        done.append(merge(L, guided(shrink(L, G.size), chroma(G, L))).to(pictures))
    return torch.cat(done)
