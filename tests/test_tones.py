"""Grey photographs before a generator that has seen coloured faces."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import genimg as gi
from genimg import zoo
from genimg.problems.inpaint import Tones, inpaint, masks
from genimg.problems.inpaint.tones import lightness, show

seeds = st.integers(0, 2**31)


class Tinted(nn.Module):
    """Even images whose channels are lines of one number, and a little noise that no line explains."""

    latent = 2

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, z):
        light = (0.3 * z[:, :1, None, None].clamp(-2, 2)).expand(-1, 1, 8, 8) * torch.linspace(0.5, 1.5, 8)
        return torch.cat([0.9 * light + 0.2, light, 0.8 * light - 0.1], 1)


def test_the_tones_of_a_generator_are_those_of_its_images():
    tones = Tones.of(Tinted())
    # Lightness l = .299 (.9 t + .2) + .587 t + .114 (.8 t - .1) of a number t; each channel is a line of l.
    slope, offset = 0.299 * 0.9 + 0.587 + 0.114 * 0.8, 0.299 * 0.2 - 0.114 * 0.1
    for k, (a, b) in enumerate(((0.9, 0.2), (1.0, 0.0), (0.8, -0.1))):
        assert float(tones.slope[k]) == pytest.approx(a / slope, rel=1e-4)
        assert float(tones.offset[k]) == pytest.approx(b - a * offset / slope, abs=1e-4)
    assert Tones.of(gi.networks.dcgan(latent=4, size=16, width=8, seed=0)[0]) is None  # it makes grey pictures


@settings(max_examples=20)
@given(seed=seeds, contrast=st.floats(0.4, 1.2), level=st.floats(-0.3, 0.3))
def test_a_grey_photograph_is_shown_with_the_lightness_of_the_generators_images(seed, contrast, level):
    tones = Tones.of(Tinted())
    grey = (contrast * 0.5 * torch.rand(2, 1, 16, 16, generator=gi.rng(seed)) + level).expand(-1, 3, -1, -1)
    known = masks.centre_square(16)
    shown = show(grey, known, tones)
    light = lightness(torch.stack([(shown.y[:, k] - tones.offset[k]) / tones.slope[k] for k in range(3)], 1))
    seen = light[:, :, known[0, 0] == 1]
    assert shown.grey.all()
    if shown.y.abs().max() < 1:  # nothing was cut off
        assert seen.mean((1, 2)) == pytest.approx([float(tones.mean)] * 2, abs=1e-4)
        assert seen.std(2, correction=0).squeeze(1).tolist() == pytest.approx([float(tones.deviation)] * 2, rel=1e-3)
        # In the tones of the generator its colours are lines of lightness, so the way back is exact.
        assert torch.allclose(known * shown.back(light.expand(-1, 3, -1, -1)), known * grey, atol=1e-4)


@settings(max_examples=10)
@given(seed=seeds)
def test_what_is_missing_says_nothing_of_colour_or_lightness(seed):
    tones, known = Tones.of(Tinted()), masks.centre_square(16)
    grey = torch.rand(1, 1, 16, 16, generator=gi.rng(seed)).expand(-1, 3, -1, -1)
    hidden = torch.where(known == 1, grey, torch.tensor([math.nan, 0.9, -0.9])[:, None, None])
    for a, b in zip(show(grey, known, tones)[1:], show(hidden, known, tones)[1:], strict=True):
        assert torch.equal(a, b)


def test_pictures_with_colour_and_without_tones_stay_as_they_are():
    y = torch.rand(2, 3, 8, 8, generator=gi.rng(0)) * 2 - 1
    known = torch.ones(1, 1, 8, 8)
    for shown in (show(y, known, Tones.of(Tinted())), show(y, known, None), show(0 * y, known, None)):
        assert not shown.grey.any() and torch.equal(shown.back(y), y)
    both = show(torch.cat([y[:1], y[1:, :1].expand(-1, 3, -1, -1)]), known, Tones.of(Tinted()))
    assert both.grey.flatten().tolist() == [False, True] and torch.equal(both.y[0], y[0])
    even = show(torch.full((1, 3, 8, 8), 0.5), known, Tones.of(Tinted()))
    assert torch.isfinite(even.y).all() and float(even.y.std((2, 3)).max()) == 0


def test_a_grey_face_is_filled_in_grey_and_better_than_without():
    G, D = zoo.load("faces")
    y = G(torch.randn(4, G.latent, generator=gi.rng(3)))
    grey = 0.5 * lightness(y).expand(-1, 3, -1, -1) + 0.2
    mask, mean = masks.centre_square(64), torch.zeros(1, G.latent)
    first = gi.inpaint.Encoder.load("faces-encoder")
    found = {
        name: inpaint(G, D, grey, mask, mean, gi.inpaint.OURS, first=first, steps=5, lr=0.03, tones=tones).poisson
        for name, tones in (("as it is", None), ("shown in tones", Tones.of(G)))
    }
    toned = found["shown in tones"]
    assert (toned.amax(1) - toned.amin(1)).max() < 1e-3 < (found["as it is"].amax(1) - found["as it is"].amin(1)).max()
    errors = {name: float((x - grey).square().mean()) for name, x in found.items()}
    assert errors["shown in tones"] < 0.8 * errors["as it is"]
