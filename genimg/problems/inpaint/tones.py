"""Photographs without colour before a generator that has seen coloured ones.

G makes no grey faces, and none that are very dull or dark. Here a grey photograph is shown to it as if it were one of
its own images: with their contrast, and at each lightness the colour that they have there on average. What is found is
then made as grey and as light as the photograph.
"""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
from torch import Tensor, nn

from genimg._base.seeding import rng
from genimg.gan.distributions import Gaussian

GREY = (0.299, 0.587, 0.114)  # of red, green and blue, as in ITU-R BT.601
COLOURLESS = 0.01  # largest difference between two channels of a grey photograph
DULLEST = 0.05  # deviation of lightness: what is more even than that is noise, and stays so
SAMPLES = 64  # of G, from which its tones are known


class Shown(NamedTuple):
    """What a generator is shown in place of photographs, and the way back.

    Attributes:
        y: (n, c, h, w) in [-1, 1].
        grey: (n, 1, 1, 1) bool, which photographs have no colour; the others are shown as they are.
        gain, shift: (n, 1, 1, 1), lightness shown = gain · lightness + shift.
    """

    y: Tensor
    grey: Tensor
    gain: Tensor
    shift: Tensor

    def back(self, x: Tensor) -> Tensor:
        """Images x (n, c, h, w) that fit y, made to fit the photographs."""
        if not bool(self.grey.any()):
            return x
        as_taken = ((lightness(x) - self.shift) / self.gain).clamp(-1, 1)
        return torch.where(self.grey, as_taken.expand_as(x), x)


class Tones(NamedTuple):
    """Lightness and colours of what a generator makes.

    Attributes:
        mean, deviation: of the lightness of a pixel, and of those within an image.
        slope, offset: (3, 1, 1), each channel as a line of lightness, by least squares over all pixels.
    """

    mean: Tensor
    deviation: Tensor
    slope: Tensor
    offset: Tensor

    @classmethod
    @torch.no_grad()
    def of(cls, G: nn.Module) -> Tones | None:
        """Those of a generator of coloured images; None for another one, and for one whose images are all even."""
        law = Gaussian(int(G.latent), rng(0))  # type: ignore[arg-type]
        x = copy.deepcopy(G).eval()(law.sample(SAMPLES).to(next(G.parameters())))
        if x.ndim != 4 or x.shape[1] != len(GREY):
            return None
        light = lightness(x)
        spread = light - light.mean()
        if light.flatten(1).std(1).mean() < DULLEST:
            return None
        slope = (spread * x).mean((0, 2, 3)) / spread.square().mean()
        offset = x.mean((0, 2, 3)) - slope * light.mean()
        return cls(light.mean(), light.flatten(1).std(1).mean(), slope[:, None, None], offset[:, None, None])


def show(y: Tensor, known: Tensor, tones: Tones | None) -> Shown:
    """Photographs y (n, c, h, w) as a generator of these tones is to see them; without tones they stay as they are.

    Only known pixels say how light a photograph is and whether it has colours; they are given the mean and deviation
    that whole images of the generator have.

    Args:
        y: in [-1, 1] where it is known.
        known: (h, w), (1, 1, h, w) or (n, 1, h, w), 1 = known.

    Example:
        >>> red = torch.tensor([0.1, 0, 0])[:, None, None]
        >>> tones = Tones(torch.tensor(0.0), torch.tensor(0.5), torch.ones(3, 1, 1), red)
        >>> y = torch.tensor([[0.0, 0.2]]).expand(1, 3, 1, 2)                    # dull, and a little too light
        >>> shown = show(y, torch.ones(1, 1, 1, 2), tones)
        >>> [[round(float(x), 3) for x in row] for row in shown.y[0, :, 0]]
        [[-0.4, 0.6], [-0.5, 0.5], [-0.5, 0.5]]
        >>> torch.allclose(shown.back(shown.y - red), y, atol=1e-6)
        True
    """
    if tones is None:
        one = torch.ones(len(y), 1, 1, 1, device=y.device)
        return Shown(y, one < 0, one, 0 * one)
    known = known.to(y).expand(len(y), 1, -1, -1)
    seen = torch.where(known > 0, y, 0.0)
    tones = Tones(*(value.to(y) for value in tones))
    light, count = lightness(seen), known.sum((1, 2, 3), keepdim=True).clamp(min=1)
    grey = (seen.amax(1, keepdim=True) - seen.amin(1, keepdim=True)).amax((1, 2, 3), keepdim=True) < COLOURLESS
    mean = light.sum((1, 2, 3), keepdim=True) / count
    deviation = ((known * (light - mean).square()).sum((1, 2, 3), keepdim=True) / count).sqrt()
    gain = tones.deviation / deviation.clamp(min=DULLEST)
    shift = tones.mean - gain * mean
    shown = (tones.slope * (gain * light + shift) + tones.offset).clamp(-1, 1)
    return Shown(torch.where(grey, shown, y), grey, gain, shift)


def lightness(x: Tensor) -> Tensor:
    """(n, 1, h, w) of colours (n, 3, h, w)."""
    return (x * torch.tensor(GREY).to(x)[:, None, None]).sum(1, keepdim=True)
