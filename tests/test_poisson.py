"""Poisson editing against a dense least-squares problem that knows nothing of how it is solved."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from genimg import poisson
from genimg._base.errors import UsageError
from genimg.numerics.fields import div, grad


def pictures(n, c, h, w, seed=0, dtype=torch.float64):
    rng = torch.Generator().manual_seed(seed)
    return tuple(torch.rand(n, c, h, w, generator=rng, dtype=dtype) * 2 - 1 for _ in range(2))


def dense(y, g, mask):
    """Least squares over all differences of neighbours, one equation each: independent of the five-point matrix."""
    h, w = mask.shape
    number = np.arange(h * w).reshape(h, w)
    edges = np.concatenate(
        [
            np.stack([number[:-1].ravel(), number[1:].ravel()], 1),
            np.stack([number[:, :-1].ravel(), number[:, 1:].ravel()], 1),
        ]
    )
    matrix = np.zeros((len(edges), h * w))
    matrix[np.arange(len(edges)), edges[:, 0]] = -1
    matrix[np.arange(len(edges)), edges[:, 1]] = 1
    missing = mask.numpy().ravel() == 0
    out = y.clone().numpy().reshape(*y.shape[:2], -1)
    for values, guide in zip(out.reshape(-1, h * w), g.numpy().reshape(-1, h * w), strict=True):
        wanted = matrix @ guide - matrix[:, ~missing] @ values[~missing]
        values[missing] = np.linalg.lstsq(matrix[:, missing], wanted, rcond=None)[0]
    return torch.from_numpy(out).reshape(y.shape)


def rectangle(top, bottom, left, right, h=14, w=17):
    mask = torch.ones(h, w)
    mask[top:bottom, left:right] = 0
    return mask


# Rectangles of at least 64 pixels are solved by waves, all else by the sparse system: both lie on every border.
LARGE = {
    "inside": (3, 12, 4, 15),
    "top": (0, 9, 4, 15),
    "bottom": (5, 14, 4, 15),
    "left": (3, 12, 0, 9),
    "right": (3, 12, 8, 17),
    "top left": (0, 9, 0, 9),
    "bottom right": (5, 14, 8, 17),
    "top and bottom": (0, 14, 4, 10),
    "left and right": (3, 9, 0, 17),
    "all but the bottom row": (0, 13, 0, 17),
    "all but the left column": (0, 14, 1, 17),
}
SMALL = {
    "one pixel": (6, 7, 6, 7),
    "a corner": (0, 1, 16, 17),
    "top": (0, 3, 2, 6),
    "bottom": (11, 14, 2, 6),
    "left": (4, 8, 0, 3),
    "right": (4, 8, 14, 17),
}


EVERYWHERE = {f"large {name}": box for name, box in LARGE.items()}
EVERYWHERE |= {f"small {name}": box for name, box in SMALL.items()}


@pytest.mark.parametrize("box", EVERYWHERE.values(), ids=EVERYWHERE)
def test_a_rectangle_anywhere_is_the_least_squares_solution(box):
    y, g = pictures(2, 3, 14, 17)
    mask = rectangle(*box)
    torch.testing.assert_close(poisson.edit(y, g, mask), dense(y, g, mask), atol=1e-9, rtol=0)


@given(st.integers(1, 9), st.integers(1, 9), st.floats(0.05, 0.95), st.integers(0, 1000))
def test_any_mask_is_the_least_squares_solution(h, w, share, seed):
    mask = (torch.rand(h, w, generator=torch.Generator().manual_seed(seed)) < share).float()
    mask.view(-1)[seed % (h * w)] = 1
    y, g = pictures(1, 2, h, w, seed)
    torch.testing.assert_close(poisson.edit(y, g, mask), dense(y, g, mask), atol=1e-9, rtol=0)


def test_several_pieces_of_both_kinds_at_once():
    mask = rectangle(0, 9, 0, 9) * rectangle(10, 11, 2, 5) * rectangle(2, 5, 11, 14) * rectangle(8, 14, 12, 17)
    mask[5, 13] = mask[13, 10] = 0
    y, g = pictures(1, 3, 14, 17)
    torch.testing.assert_close(poisson.edit(y, g, mask), dense(y, g, mask), atol=1e-9, rtol=0)


@pytest.mark.parametrize("size", [64, 300])  # products of matrices, fast transforms
def test_the_laplacian_of_the_result_is_that_of_the_guide(size):
    y, g = pictures(1, 2, size + 9, size + 20)
    mask = rectangle(4, 4 + size, 7, 7 + size, size + 9, size + 20)
    x = poisson.edit(y, g, mask)
    assert torch.equal(x[..., mask == 1], y[..., mask == 1])
    assert float((div(grad(x)) - div(grad(g)))[..., mask == 0].abs().max()) < 1e-9


@pytest.mark.parametrize("shape", ["disc", "random"])
def test_multigrid_solves_what_is_too_large_to_factorise(shape, monkeypatch):
    at = torch.stack(torch.meshgrid(torch.arange(120), torch.arange(110), indexing="ij"))
    mask = {
        "disc": ((at - 55).square().sum(0) > 58**2).float(),  # beyond the border at the top and on two sides
        "random": (torch.rand(120, 110, generator=torch.Generator().manual_seed(0)) < 0.2).float(),
    }[shape]
    y, g = pictures(2, 2, 120, 110)
    direct = poisson.edit(y, g, mask)
    monkeypatch.setattr(poisson, "DIRECT", 1000)
    monkeypatch.setattr(poisson, "COARSEST", 100)
    poisson._solver.cache_clear()
    torch.testing.assert_close(poisson.edit(y, g, mask), direct, atol=1e-6, rtol=0)
    poisson._solver.cache_clear()


@given(st.integers(0, 1000), st.floats(-3, 3))
def test_the_gradient_of_an_image_gives_the_image_back(seed, constant):
    """v = ∇u returns u, whatever constant the guide is off by and whatever the hole holds."""
    u, rubbish = pictures(1, 2, 12, 12, seed)
    mask = (torch.rand(12, 12, generator=torch.Generator().manual_seed(seed)) < 0.3).float()
    mask[0, 0] = 1
    y = torch.where(mask == 1, u, float("nan"))
    torch.testing.assert_close(poisson.edit(y, u + constant, mask), u, atol=1e-9, rtol=0)


def test_without_a_guide_the_fill_is_harmonic_and_has_no_new_extremes():
    y, _ = pictures(1, 1, 40, 40)
    mask = rectangle(5, 30, 8, 40, 40, 40)
    x = poisson.edit(y, torch.zeros_like(y), mask)
    inside, known = x[..., mask == 0], y[..., mask == 1]
    assert float(inside.min()) > float(known.min()) and float(inside.max()) < float(known.max())


def test_each_image_may_have_a_mask_of_its_own(monkeypatch):
    masks = torch.stack([rectangle(0, 9, 0, 9), rectangle(3, 12, 4, 15), rectangle(0, 9, 0, 9), torch.ones(14, 17)])
    y, g = pictures(4, 3, 14, 17)
    alone = torch.cat([poisson.edit(y[k : k + 1], g[k : k + 1], masks[k]) for k in range(4)])
    assert torch.equal(alone[3], y[3])
    torch.testing.assert_close(poisson.edit(y, g, masks[:, None]), alone, atol=1e-12, rtol=0)
    monkeypatch.setattr(poisson, "CHUNK", 1)  # one image at a time
    torch.testing.assert_close(poisson.edit(y, g, masks[:, None]), alone, atol=1e-12, rtol=0)
    same = poisson.edit(y, g, masks[0])
    torch.testing.assert_close(same[1:2], poisson.edit(y[1:2], g[1:2], masks[0]), atol=1e-12, rtol=0)


def test_one_mask_is_prepared_once_for_all_images():
    poisson._solver.cache_clear()
    for seed in range(3):
        poisson.edit(*pictures(2, 3, 14, 17, seed), rectangle(3, 12, 4, 15))
    assert poisson._solver.cache_info().misses == 1


def test_precision_layout_and_arguments_are_kept():
    y, g = pictures(2, 3, 14, 17, dtype=torch.float32)
    before, mask = (y.clone(), g.clone()), rectangle(3, 12, 4, 15)
    x = poisson.edit(y, g, mask)
    assert x.dtype == torch.float32 and torch.equal(y, before[0]) and torch.equal(g, before[1])
    exact = poisson.edit(y.double(), g.double(), mask)
    assert float((x - exact).abs().max()) < 1e-6
    other = poisson.edit(y.to(memory_format=torch.channels_last).requires_grad_(), g, mask)
    assert torch.equal(other, x) and not other.requires_grad


def test_nothing_missing_is_y_and_nothing_known_is_told():
    y, g = pictures(1, 3, 14, 17)
    assert torch.equal(poisson.edit(y, g, torch.ones(14, 17)), y)
    with pytest.raises(UsageError, match="leaves nothing known"):
        poisson.edit(y, g, torch.zeros(14, 17))
    with pytest.raises(UsageError, match="leaves nothing known"):  # also when only one image is without
        poisson.edit(*pictures(2, 1, 4, 4), torch.stack([torch.ones(1, 4, 4), torch.zeros(1, 4, 4)]))


@pytest.mark.parametrize(
    ("mask", "told"),
    [
        (torch.ones(17, 14), "does not fit"),
        (torch.ones(3, 1, 14, 17), "does not fit"),
        (torch.ones(1, 3, 14, 17), "does not fit"),
        (torch.full((14, 17), 0.5), "1 \\(known\\) and 0"),
        (torch.full((14, 17), 255), "1 \\(known\\) and 0"),
    ],
)
def test_a_wrong_mask_is_one_line(mask, told):
    with pytest.raises(UsageError, match=told):
        poisson.edit(*pictures(2, 3, 14, 17), mask)


def test_wrong_images_are_one_line():
    y, g = pictures(1, 1, 4, 4)
    with pytest.raises(UsageError, match="of one shape"):
        poisson.edit(y, g[..., :3], torch.ones(4, 4))
    with pytest.raises(UsageError, match="float"):
        poisson.edit(y.to(torch.uint8), g.to(torch.uint8), torch.ones(4, 4))
