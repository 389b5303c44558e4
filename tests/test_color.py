"""Lab: scikit-image as oracle, slopes where a curve changes its formula, greys and the gamut's border."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from skimage import color as oracle

import genimg as gi
from genimg._base.errors import UsageError
from genimg.numerics.color import grey, in_gamut, lab_to_rgb, lightness, rgb_to_lab, scale_ab, scale_l, unscale_ab

CORNERS = torch.tensor(list(itertools.product([0.0, 1.0], repeat=3))).T.reshape(1, 3, 1, 8)


def colours(n=4000, seed=0):
    """Random colours, dark ones among them, as one picture of one row."""
    rng = gi.rng(seed)
    x = torch.rand(1, 3, 1, n, generator=rng)
    return torch.cat([x, 0.05 * torch.rand(1, 3, 1, n // 4, generator=rng), CORNERS], dim=3)


def theirs(x, convert):
    return torch.from_numpy(np.moveaxis(convert(np.moveaxis(x.double().numpy(), 1, -1)), -1, 1))


def test_lab_is_scikit_images_to_a_thousandth_in_float32():
    x = colours()
    assert x.dtype == rgb_to_lab(x).dtype == torch.float32
    assert float((rgb_to_lab(x) - theirs(x, oracle.rgb2lab)).abs().max()) < 1e-3
    assert float((lightness(x) - theirs(x, oracle.rgb2lab)[:, :1]).abs().max()) < 1e-3


def test_rgb_is_scikit_images_too():
    lab = theirs(colours(seed=1), oracle.rgb2lab)
    assert float((lab_to_rgb(lab.float()) - theirs(lab, oracle.lab2rgb)).abs().max()) < 1e-4


def test_there_and_back():
    x = colours(seed=2)
    assert float((lab_to_rgb(rgb_to_lab(x), clip=False) - x).abs().max()) < 1e-4
    lab = rgb_to_lab(x.double())
    assert float((rgb_to_lab(lab_to_rgb(lab)) - lab).abs().max()) < 1e-3


def test_autocast_changes_nothing():
    x = colours(100)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = rgb_to_lab(x)
        back = lab_to_rgb(inside)
    assert torch.equal(inside, rgb_to_lab(x)) and torch.equal(back, lab_to_rgb(inside))
    assert rgb_to_lab(x.bfloat16()).dtype == torch.float32


@pytest.mark.parametrize("level", [0.0, 0.04045, 0.0031308, 0.008856, 1.0])
def test_slopes_are_finite_at_black_and_where_the_formula_changes(level):
    x = torch.full((1, 3, 1, 1), level, requires_grad=True)
    rgb_to_lab(x).sum().backward()
    assert bool(x.grad.isfinite().all()) and bool((x.grad != 0).any())
    lab = rgb_to_lab(torch.full((1, 3, 1, 1), level)).requires_grad_(True)
    lab_to_rgb(lab, clip=False).sum().backward()
    assert bool(lab.grad.isfinite().all()) and bool((lab.grad != 0).any())


def test_slopes_are_right():
    x = torch.rand(1, 3, 2, 2, generator=gi.rng(0), dtype=torch.float64).mul(0.9).add(0.05).requires_grad_(True)
    assert torch.autograd.gradcheck(rgb_to_lab, x)
    assert torch.autograd.gradcheck(
        lambda lab: lab_to_rgb(lab, clip=False), rgb_to_lab(x).detach().requires_grad_(True)
    )


@given(st.floats(0, 1))
def test_equal_channels_are_grey_and_grey_is_equal_channels(level):
    x = torch.full((1, 3, 1, 1), level)
    lab = rgb_to_lab(x)
    assert float(lab[:, 1:].abs().max()) < 0.006  # not 0: the constants have six decimals
    back = lab_to_rgb(torch.cat([lab[:, :1], torch.zeros(1, 2, 1, 1)], dim=1))
    assert float((back - x).abs().max()) < 1e-4
    assert float((grey(x) - x).abs().max()) < 1e-5 and torch.allclose(lightness(x[:, :1]), lab[:, :1], atol=1e-3)


def test_grey_keeps_lightness_and_loses_colour():
    x = colours(seed=3)
    assert torch.equal(grey(x)[:, 0], grey(x)[:, 1]) and torch.equal(grey(x)[:, 0], grey(x)[:, 2])
    lab = rgb_to_lab(grey(x))
    assert float((lab[:, :1] - lightness(x)).abs().max()) < 1e-3 and float(lab[:, 1:].abs().max()) < 0.006


def test_a_is_red_against_green_and_b_yellow_against_blue():
    red, green, blue, yellow = (
        rgb_to_lab(torch.tensor(c).reshape(1, 3, 1, 1)).flatten()
        for c in ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 1.0, 0.0])
    )
    assert red[1] > 0 > green[1] and yellow[2] > 0 > blue[2]


def test_the_gamut_holds_all_of_srgb_and_nothing_outside():
    lab = rgb_to_lab(colours(seed=4))
    assert bool(in_gamut(lab).all()) and in_gamut(lab).shape == (1, 1, *lab.shape[2:])
    lab = torch.rand(1, 3, 1, 4000, generator=gi.rng(5)) * torch.tensor([100.0, 256, 256]).reshape(1, 3, 1, 1)
    lab[:, 1:] -= 128
    rgb = lab_to_rgb(lab, clip=False)
    inside = ((rgb >= -1e-4) & (rgb <= 1 + 1e-4)).all(1, keepdim=True)
    assert torch.equal(in_gamut(lab), inside) and 0.02 < float(inside.float().mean()) < 0.5
    # What is inside comes back, what is outside does not: clipping moved it.
    moved = (rgb_to_lab(lab_to_rgb(lab)) - lab).abs().amax(1, keepdim=True)
    assert float(moved[inside].max()) < 0.1 and float(moved[~inside].median()) > 1


def test_the_border_of_a_network():
    ab = torch.linspace(-128, 127, 256)
    assert torch.equal(scale_ab(ab) * 255, torch.arange(256.0)) or torch.allclose(
        scale_ab(ab) * 255, torch.arange(256.0)
    )
    assert torch.allclose(unscale_ab(scale_ab(ab)), ab, atol=1e-4)
    assert scale_l(torch.tensor([0.0, 50.0, 100.0])).tolist() == [0, 0.5, 1]


@pytest.mark.parametrize("bad", [torch.zeros(3, 4, 4), torch.zeros(1, 4, 4, 4), torch.zeros(1, 3, 4, 4).byte()])
@pytest.mark.parametrize("function", [rgb_to_lab, lab_to_rgb, in_gamut, lightness, grey])
def test_other_shapes_and_integers_are_refused(function, bad):
    with pytest.raises(UsageError, match=r"float \(n, 3, h, w\)"):
        function(bad)
