"""Grey photographs before a generator that has seen coloured faces."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from javascript import evaluated
from PIL import Image
from torch import nn

import genimg as gi
from genimg import zoo
from genimg._base.errors import UsageError
from genimg.plots import pixels
from genimg.problems.inpaint import Filled, Tones, inpaint, inpaint_files, masks
from genimg.problems.inpaint.photographs import inpaint_photographs
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
    errors = {name: float((lightness(x) - grey).square().mean()) for name, x in found.items()}
    assert errors["shown in tones"] < 0.9 * errors["as it is"]


def test_a_generator_of_even_images_has_no_tones_and_a_training_one_keeps_its_statistics():
    class Even(Tinted):
        def forward(self, z):
            return torch.full((len(z), 3, 8, 8), 0.25)

    assert Tones.of(Even()) is None
    G = nn.Sequential(nn.Linear(2, 3 * 16), nn.BatchNorm1d(3 * 16), nn.Tanh(), nn.Unflatten(1, (3, 4, 4)))
    G.latent = 2
    before = G[1].running_mean.clone()
    assert Tones.of(G) is not None and G.training and torch.equal(G[1].running_mean, before)


@pytest.mark.parametrize("shape", ["(h, w)", "(1, 1, h, w)", "(n, 1, h, w)", "bool"])
def test_masks_of_every_shape_say_the_same(shape):
    tones, y = Tones.of(Tinted()), torch.rand(2, 1, 16, 16, generator=gi.rng(1)).expand(-1, 3, -1, -1)
    known = masks.centre_square(16)
    other = {"(h, w)": known[0, 0], "(n, 1, h, w)": known.expand(2, -1, -1, -1), "bool": known == 1}.get(shape, known)
    for a, b in zip(show(y, known, tones), show(y, other, tones), strict=True):
        assert torch.equal(a, b)


def test_a_grey_image_outside_the_range_is_refused_with_tones_too():
    G, D = zoo.load("faces")
    y, mask, mean = torch.full((1, 3, 64, 64), 200.0), masks.centre_square(64), torch.zeros(1, G.latent)
    with pytest.raises(UsageError, match=r"y must lie in \[-1, 1\]"):
        inpaint(G, D, y, mask, mean, steps=0, tones=Tones.of(G))


def test_the_way_back_in_the_page_is_that_of_the_package():
    source = (Path(gi.__file__).parent / "widgets" / "latent_search.js").read_text("utf-8")
    y = 0.6 * torch.rand(1, 1, 4, 5, generator=gi.rng(2)).expand(-1, 3, -1, -1)
    x = torch.rand(1, 3, 4, 5, generator=gi.rng(3)) * 2 - 1
    for picture in (y, x):
        shown = show(picture, torch.ones(4, 5), Tones.of(Tinted()))
        given = {name: {"data": [float(getattr(shown, name))]} for name in ("grey", "gain", "shift")}
        found = evaluated(source, f"[...it.asTaken(Float32Array.from({x.flatten().tolist()}), {json.dumps(given)})]")
        assert torch.allclose(torch.tensor(found).view_as(x), shown.back(x), atol=1e-5)


def test_grey_and_coloured_files_are_filled_together(tmp_path):
    G, D = zoo.load("faces")
    y = G(torch.randn(2, G.latent, generator=gi.rng(3)))
    y = torch.cat([y[:1], 0.5 * lightness(y[1:]).expand(-1, 3, -1, -1)])
    for name, image in zip(("colour", "grey"), pixels(y), strict=True):
        Image.fromarray(image).save(tmp_path / f"{name}.png")
    files = [tmp_path / "colour.png", tmp_path / "grey.png"]
    first = gi.inpaint.Encoder.load("faces-encoder")
    for fill in (inpaint_files, inpaint_photographs):
        out = tmp_path / fill.__name__
        events = fill(
            (G, D), files, masks.centre_square(64), torch.zeros(1, G.latent), out, first=first, steps=2, adapt=1,
            tones=Tones.of(G), formulation=gi.inpaint.OURS,
        )  # fmt: skip
        assert sum(isinstance(event, Filled) for event in events) == 2
        found = [np.asarray(Image.open(out / f"{path.stem}-inpainted.png")).astype(int) for path in files]
        spread = [int((x.max(2) - x.min(2))[16:48, 16:48].max()) for x in found]
        assert spread[0] > 20 and spread[1] <= 1
