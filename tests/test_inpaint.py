"""Semantic inpainting: masks, W, losses, the batched search and the whole, each against something known."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import nn
from torch.nn.functional import softplus

import genimg as gi
from genimg import inpaint as ip
from genimg import poisson
from genimg._base.errors import UsageError
from genimg.problems.inpaint import masks

SIZE, LATENT = 16, 4


def networks(seed=0, double=False):
    """A generator whose range is a curved four-dimensional surface, and a critic."""
    G, D = gi.networks.dcgan(LATENT, SIZE, 1, width=8, seed=seed)
    with torch.no_grad():
        for weight in G.parameters():
            weight *= 1.5  # an untrained dcgan makes nearly one image
    G, D = ip.frozen(G), ip.frozen(D)
    return (G.double(), D.double()) if double else (G, D)


def law(seed=0):
    return gi.Gaussian(LATENT, gi.rng(seed))


class Float64:
    """The same draws in double precision."""

    def __init__(self, seed=0):
        self.law = law(seed)

    def sample(self, n):
        return self.law.sample(n).double()


# Masks.


@pytest.mark.parametrize("name", masks.PRESETS)
@given(size=st.one_of(st.integers(8, 40), st.tuples(st.integers(8, 40), st.integers(8, 40))), seed=st.integers(0, 50))
def test_every_preset_is_a_mask_that_hides_something_and_leaves_something(name, size, seed):
    mask = masks.preset(name, size, seed)
    h, w = (size, size) if isinstance(size, int) else size
    assert mask.shape == (1, 1, h, w) and mask.dtype == torch.float32
    assert set(mask.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(mask, masks.preset(name, size, seed))


def test_seeds_matter_where_something_is_drawn_and_the_ambient_one_never():
    for name in masks.PRESETS:
        state = torch.get_rng_state()
        same = torch.equal(masks.preset(name, 32, 0), masks.preset(name, 32, 1))
        assert same == (name not in ("squares", "random", "strokes")), name
        assert torch.equal(torch.get_rng_state(), state)


@given(st.integers(4, 60), st.floats(0.05, 1.0))
def test_the_centre_square_is_centred(size, side):
    mask = masks.centre_square(size, side)[0, 0]
    hole = max(1, round(side * size))
    assert int((mask == 0).sum()) == hole**2
    rows = torch.nonzero((mask == 0).any(1)).flatten()
    assert abs(int(rows[0]) - (size - 1 - int(rows[-1]))) <= 1 and torch.equal(mask, mask.T)


@given(st.integers(0, 200))
def test_three_squares_are_three_and_do_not_touch(seed):
    from scipy import ndimage

    hidden = masks.three_squares(64, seed=seed)[0, 0].numpy() == 0
    labels, count = ndimage.label(hidden, structure=np.ones((3, 3)))
    assert count == 3 and np.bincount(labels.ravel())[1:].tolist() == [256] * 3


@given(st.integers(1, 30), st.integers(1, 30), st.floats(0, 1))
def test_random_pixels_hide_the_share_that_was_asked_for(h, w, missing):
    assert int((masks.random_pixels((h, w), missing) == 0).sum()) == round(missing * h * w)


@pytest.mark.parametrize("size", [(4, 6), (5, 7)])
def test_halves(size):
    for one, other in (("left", "right"), ("top", "bottom")):
        a, b = masks.half(size, one), masks.half(size, other)
        assert torch.equal(a.flip(-1 if one == "left" else -2), b)
        assert float(a.mean()) == pytest.approx(0.5, abs=0.15) and float(a.mean()) <= 0.5
    assert masks.half(size, "left")[..., 0].max() == 0 and masks.half(size, "top")[..., 0, :].max() == 0


def test_strokes_are_as_thick_and_as_many_as_asked():
    assert torch.equal(masks.strokes(32, count=0), torch.ones(1, 1, 32, 32))
    thin, thick = (float((masks.strokes(64, 2, width, seed=3) == 0).float().mean()) for width in (0.04, 0.12))
    assert 1.8 < thick / thin < 3.5
    with pytest.raises(UsageError, match="width"):
        masks.strokes(32, width=0)


def test_text_is_written_over_the_whole_height():
    rows = (masks.text(64)[0, 0] == 0).any(1)
    assert all(bool(part.any()) for part in rows.chunk(5))


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: masks.centre_square(8, 1.5), "share"),
        (lambda: masks.three_squares(8, 0.9), "do not fit"),
        (lambda: masks.random_pixels(8, -0.1), "share"),
        (lambda: masks.half(8, "middle"), "side 'middle' is unknown"),
        (lambda: masks.text(8, "  "), "no words"),
        (lambda: masks.preset("center", 8), "did you mean 'centre'"),
        (lambda: masks.centre_square(0), "height"),
    ],
)
def test_a_mask_that_cannot_be_is_one_line(make, told):
    with pytest.raises(UsageError, match=told):
        make()


def test_a_mask_file_is_the_picture_of_m(tmp_path):
    grey = np.array([[0, 127, 128, 255]], dtype=np.uint8)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    assert masks.read(tmp_path / "grey.png").tolist() == [[[[0.0, 0.0, 1.0, 1.0]]]]
    assert masks.read(tmp_path / "grey.png", invert=True).tolist() == [[[[1.0, 1.0, 0.0, 0.0]]]]
    clear = np.array([[[255, 255, 255, 0], [255, 255, 255, 255]]], dtype=np.uint8)
    Image.fromarray(clear).save(tmp_path / "clear.png")
    assert masks.read(tmp_path / "clear.png").tolist() == [[[[0.0, 1.0]]]]
    Image.new("1", (2, 3), 1).save(tmp_path / "bits.png")
    assert masks.read(tmp_path / "bits.png").tolist() == torch.ones(1, 1, 3, 2).tolist()


def test_a_mask_file_that_is_none_is_one_line(tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    for name, told in (("text.png", "no readable picture"), ("nowhere.png", "does not exist"), (".", "no regular")):
        with pytest.raises(UsageError, match=told):
            masks.read(tmp_path / name)


# W.


def by_definition(mask, window):
    h, w = mask.shape
    r, out = window // 2, torch.zeros(h, w)
    for i in range(h):
        for j in range(w):
            near = mask[max(0, i - r) : i + r + 1, max(0, j - r) : j + r + 1]
            out[i, j] = mask[i, j] * float((1 - near).sum()) / near.numel()
    return out


@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 3, 5, 7]), st.integers(0, 1000))
def test_w_is_its_definition_at_the_borders_too(h, w, window, seed):
    mask = masks.random_pixels((h, w), 0.4, seed)
    W = ip.weight(mask, window)
    torch.testing.assert_close(W[0, 0], by_definition(mask[0, 0], window))
    assert float(W.min()) >= 0 and float(W.max()) < 1


def test_w_is_zero_in_the_hole_largest_beside_it_and_zero_far_away():
    """The way round that a well-known implementation has not: 420 pixels count, their weights sum to 106.8."""
    mask = masks.centre_square(64)
    W = ip.weight(mask)[0, 0]
    assert W[mask[0, 0] == 0].max() == 0
    row = W[32, :16]  # from the border to the hole
    assert row[:13].max() == 0 and row[12:].diff().min() > 0 and row[15] == W.max()
    assert int((W > 0).sum()) == 420 and float(W.sum()) == pytest.approx(106.8, abs=0.05)


def test_w_off_is_the_mask_and_a_whole_image_weighs_nothing():
    mask = masks.strokes(32)
    assert torch.equal(ip.weight(mask, None), mask)
    assert ip.weight(torch.ones(8, 8)).abs().max() == 0
    with pytest.raises(UsageError, match="odd"):
        ip.weight(mask, 4)
    with pytest.raises(UsageError, match="a mask is"):
        ip.weight(torch.ones(2, 3, 8, 8))


@given(st.integers(0, 1000))
def test_a_difference_counts_only_between_known_pixels(seed):
    mask = masks.random_pixels((6, 7), 0.3, seed)
    M, W, edges = mask[0, 0], ip.weight(mask)[0, 0], ip.edge_weight(mask)[0, :, 0]
    for i in range(6):
        for j in range(7):
            assert edges[0, i, j] == (W[i, j] * M[i + 1, j] if i < 5 else 0)
            assert edges[1, i, j] == (W[i, j] * M[i, j + 1] if j < 6 else 0)


# Losses.

CONTEXT = ip.Formulation(prior=0.0)


def images(n, seed=0, c=1, dtype=torch.float32):
    return torch.rand(n, c, SIZE, SIZE, generator=gi.rng(seed), dtype=dtype) * 2 - 1


@pytest.mark.parametrize("norm", ["l1", "l2"])
@pytest.mark.parametrize("window", [7, None])
def test_the_contextual_loss_by_hand(norm, window):
    y, x, mask = images(3, 0, 3).numpy(), images(3, 1, 3).numpy(), masks.strokes(SIZE, seed=1)
    loss = ip.Loss(None, torch.tensor(y), mask, ip.Formulation(2.0, 0.7, 0.0, norm=getattr(ip, norm), window=window))
    W, M = ip.weight(mask, window)[0, 0].numpy(), mask[0, 0].numpy()
    r = x - y
    parts = [W * r]
    down = (W * r)[..., :-1, :] * 0 + W[:-1] * M[:-1] * M[1:] * (r[..., 1:, :] - r[..., :-1, :])
    right = W[:, :-1] * M[:, :-1] * M[:, 1:] * (r[..., 1:] - r[..., :-1])
    for k in range(3):
        flat = parts[0][k].ravel(), np.concatenate([down[k].ravel(), right[k].ravel()])
        a, b = (np.abs(v).sum() if norm == "l1" else np.sqrt((v**2).sum()) for v in flat)
        assert float(loss(torch.tensor(x), torch.arange(3))[k]) == pytest.approx(2.0 * a + 0.7 * b, rel=1e-5)


@given(st.integers(0, 100))
def test_what_lies_in_the_hole_of_y_does_not_matter(seed):
    mask, y = masks.strokes(SIZE, seed=seed), images(2, seed)
    rubbish = torch.where(mask == 1, y, torch.tensor([math.nan, 99.0])[:, None, None, None])
    x, rows = images(2, seed + 1), torch.arange(2)
    assert torch.equal(ip.Loss(None, y, mask, CONTEXT)(x, rows), ip.Loss(None, rubbish, mask, CONTEXT)(x, rows))


def test_a_completion_that_agrees_where_it_is_known_costs_nothing_but_the_prior():
    mask, y, (_, D) = masks.centre_square(SIZE), images(2), networks()
    x = torch.where(mask == 1, y, images(2, 1))
    assert ip.Loss(D, y, mask, CONTEXT)(x, torch.arange(2)).abs().max() == 0
    torch.testing.assert_close(ip.Loss(D, y, mask, ip.Formulation(prior=0.3))(x, torch.arange(2)), -0.3 * D(x))


def test_each_image_has_its_own_loss_mask_and_number():
    """Never a mean over the batch: the same image costs the same in any company."""
    _, D = networks()
    y, x = images(3), images(4, 1)
    each = torch.cat([masks.centre_square(SIZE), masks.half(SIZE), masks.strokes(SIZE)])
    loss, which = ip.Loss(D, y, each), torch.tensor([2, 0, 2, 1])
    together = loss(x, which)
    assert together.shape == (4,)
    for k, i in enumerate(which.tolist()):
        alone = ip.Loss(D, y[i : i + 1], each[i, 0])(x[k : k + 1], torch.tensor([0]))
        torch.testing.assert_close(together[k : k + 1], alone)


def test_the_priors_are_low_on_what_looks_real():
    scores = torch.tensor([-3.0, 0.0, 3.0])
    for prior in (ip.critic_prior(scores), ip.LogPrior()(scores), ip.LogPrior(ip.Level(1.0, 2.0))(scores)):
        assert bool((prior.diff() < 0).all())
    torch.testing.assert_close(ip.LogPrior()(scores), torch.log(1 - torch.sigmoid(scores)))
    assert bool(ip.LogPrior()(torch.tensor([200.0])).isfinite())
    torch.testing.assert_close(ip.LogPrior(ip.Level(1.0, 2.0))(scores), -softplus((scores - 1) / 2))


def test_the_level_of_a_critic_makes_its_unit_and_origin_irrelevant():
    G, D = networks()

    class Moved(nn.Module):
        def forward(self, x):
            return 7 * D(x) - 40

    x = images(5)
    one = ip.LogPrior(ip.critic_level(G, D, law(1)))(D(x))
    torch.testing.assert_close(one, ip.LogPrior(ip.critic_level(G, Moved(), law(1)))(Moved()(x)), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"mask": torch.zeros(SIZE, SIZE)}, "nothing known"),
        ({"mask": torch.ones(SIZE, SIZE)}, "nothing is missing"),
        ({"mask": torch.ones(4, 4)}, "does not fit"),
        ({"y": images(1) * 3}, r"in \[-1, 1\]"),
        ({"prior": -0.1}, "negative"),
        ({"window": 6}, "odd"),
        ({"norm": "l2"}, "norm is a function of genimg.inpaint, l1 or l2, not 'l2'"),
        ({"prior_loss": "log"}, "prior_loss is a function"),
    ],
)
def test_a_loss_that_makes_no_sense_is_one_line(change, told):
    given = {"y": images(1), "mask": masks.centre_square(SIZE)} | change
    y, mask = given.pop("y"), given.pop("mask")
    with pytest.raises(UsageError, match=told):
        ip.Loss(None, y, mask, ip.Formulation(**given))


# Formulations.


def test_yeh_2017_is_the_same_function_with_other_arguments():
    """Their loss written out from the paper: Σ W |G − y| + 0.003 log(1 − D), no gradient, z in [-1, 1]."""
    G, D = networks()
    y, mask, z = images(2), masks.centre_square(SIZE), law().sample(2)
    assert ip.YEH2017.constraint == ip.Clipped(1.0)
    x = G(z)
    expected = (ip.weight(mask, 7) * (x - y)).abs().sum((1, 2, 3)) + 0.003 * torch.log(1 - torch.sigmoid(D(x)))
    torch.testing.assert_close(ip.Loss(D, y, mask, ip.YEH2017)(x, torch.arange(2)), expected)


def test_ours_is_the_slide():
    G, D = networks()
    y, mask, z = images(2), masks.centre_square(SIZE), law().sample(2)
    context = ip.Loss(D, y, mask, ip.ours(0.1, 0.9, 0.0))(G(z), torch.arange(2))
    torch.testing.assert_close(
        ip.Loss(D, y, mask, ip.ours(0.1, 0.9, 0.5))(G(z), torch.arange(2)), context - 0.5 * D(G(z))
    )


# The search.


def test_an_image_in_the_range_of_the_generator_is_recovered():
    G, D = networks()
    wanted = G(law(5).sample(3))
    mask = masks.centre_square(SIZE)
    y = torch.where(mask == 1, wanted, 0.0)
    out = ip.inpaint(G, D, y, mask, law().sample(256), CONTEXT, steps=400, lr=0.05, restarts=4, patience=None)
    assert float((wanted[1:] - wanted[:1]).abs().mean()) > 0.05  # they differ at all
    for image in (out.raw, out.overlay, out.poisson):
        assert float((image - wanted).abs().max()) < 0.05


def test_a_batch_of_eight_is_eight_single_runs():
    """With stops at different times, restarts and masks of their own; in float64, where rounding stays rounding."""
    G, D = networks(double=True)
    y = G(Float64(3).sample(8)) * 0.9
    each = torch.cat([masks.preset(name, SIZE, 1) for name in ("centre", "squares", "left", "strokes")] * 2)
    options = {"steps": 60, "patience": 8, "tolerance": 0.02, "restarts": 2, "lr": 0.05}
    together = ip.inpaint(G, D, y, each, Float64().sample(16), batch=6, **options)
    singles = [ip.inpaint(G, D, y[k : k + 1], each[k : k + 1], Float64().sample(16), **options) for k in range(8)]
    assert len({len(single.losses) for single in singles}) > 2
    for name in ("raw", "overlay", "poisson", "z", "loss"):
        expected = torch.cat([getattr(single, name) for single in singles])
        torch.testing.assert_close(getattr(together, name), expected, atol=1e-7, rtol=0)


def test_batch_norm_does_not_tie_images_together_and_keeps_its_mode():
    plain, D = networks()
    G = nn.Sequential(plain, nn.BatchNorm2d(1)).train()
    y, mask = images(3), masks.centre_square(SIZE)
    before = {name: value.clone() for name, value in G.state_dict().items()}
    together = ip.inpaint(G, D, y, mask, law().sample(256), steps=5)
    alone = ip.inpaint(G, D, y[1:2], mask, law().sample(256), steps=5)
    torch.testing.assert_close(together.raw[1:2], alone.raw, atol=1e-4, rtol=0)
    assert G.training and all(p.requires_grad for p in G[1].parameters())
    assert all(p.grad is None for p in G.parameters())
    assert all(torch.equal(value, before[name]) for name, value in G.state_dict().items())


def test_the_same_seed_gives_the_same_bytes_and_global_randomness_is_left_alone():
    G, D = networks()
    y, mask, state = images(2), masks.strokes(SIZE), torch.get_rng_state()
    one, two, other = (ip.inpaint(G, D, y, mask, law(seed).sample(256), steps=10, restarts=2) for seed in (0, 0, 1))
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))
    assert not torch.equal(one.z, other.z)
    assert torch.equal(torch.get_rng_state(), state)


def searching(n=2, restarts=3, steps=20, seed=0, constraint=None, **options):
    G, D = networks()
    loss = ip.Loss(D, images(n, seed), masks.centre_square(SIZE), ip.Formulation(constraint=constraint))
    start = law(seed).sample(n * restarts).view(n, restarts, -1)
    return G, loss, list(ip.search_steps(G, loss, start, steps=steps, **options))


def test_a_step_tells_where_it_is_and_what_that_costs():
    G, loss, path = searching(patience=None)
    assert [step.step for step in path] == list(range(21))
    image = torch.arange(2).repeat_interleave(3)
    for step in (path[0], path[7], path[-1]):
        assert step.z.shape == (2, 3, LATENT) and step.loss.shape == step.best_loss.shape == (2, 3)
        x = G(step.z.flatten(0, 1))
        torch.testing.assert_close(step.images().flatten(0, 1), x)
        torch.testing.assert_close(step.loss.flatten(), loss(x, image), atol=1e-3, rtol=1e-4)
    best = torch.stack([step.loss for step in path]).min(0).values
    torch.testing.assert_close(path[-1].best_loss, best)
    torch.testing.assert_close(loss(G(path[-1].best_z.flatten(0, 1)), image), best.flatten(), atol=1e-3, rtol=1e-4)
    assert bool(path[0].searching.all()) and not bool(path[-1].searching.any())


def test_the_search_is_adam():
    """torch's own optimiser on one image, as an oracle for ours."""
    G, D = networks(double=True)
    loss, start = ip.Loss(D, images(1, dtype=torch.float64), masks.centre_square(SIZE)), Float64().sample(1)[None]
    *_, last = ip.search_steps(G, loss, start, steps=30, lr=0.03, patience=None)
    z = start[0].clone().requires_grad_(True)
    optimiser = torch.optim.Adam([z], lr=0.03)
    for _ in range(30):
        optimiser.zero_grad()
        loss(G(z), torch.tensor([0])).sum().backward()
        optimiser.step()
    torch.testing.assert_close(last.z[0], z.detach(), atol=1e-9, rtol=0)


def test_a_search_that_has_converged_rests_and_costs_nothing():
    G, D = networks()
    calls = []

    class Counted(nn.Module):
        def forward(self, z):
            calls.append(len(z))
            return G(z)

    y = torch.cat([G(torch.zeros(1, LATENT)), images(1)])
    loss = ip.Loss(D, y, masks.centre_square(SIZE), CONTEXT)
    start = torch.zeros(2, 1, LATENT)  # the first is there already
    path = list(ip.search_steps(ip.frozen(Counted()), loss, start, steps=40, patience=5, tolerance=1e-4))
    rests = next(step.step for step in path if not step.searching[0, 0])
    assert rests <= 10 and calls[: rests + 1] == [2] * (rests + 1) and set(calls[rests + 1 :]) == {1}
    for step in path[rests:]:
        assert torch.equal(step.z[0], path[rests].z[0]) and torch.equal(step.loss[0], path[rests].loss[0])
        torch.testing.assert_close(step.images()[0], path[rests].images()[0])
    assert not torch.equal(path[-1].z[1], path[rests].z[1])


def test_z_is_clipped_or_kept_on_its_sphere_or_free():
    _, _, clipped = searching(constraint=ip.Clipped(0.5), lr=0.3)
    assert all(float(step.z.abs().max()) <= 0.5 for step in clipped)
    _, _, round_ = searching(constraint=ip.OnSphere(), lr=0.3)
    for step in round_:
        torch.testing.assert_close(step.z.norm(dim=-1), round_[0].z.norm(dim=-1))
    _, _, free = searching(lr=0.3)
    assert float((free[-1].z.norm(dim=-1) - free[0].z.norm(dim=-1)).abs().max()) > 0.1
    with pytest.raises(UsageError, match="the bound of z"):
        ip.Clipped(0.0)
    with pytest.raises(UsageError, match="start must be"):
        next(
            ip.search_steps(*networks()[:1], ip.Loss(None, images(2), masks.half(SIZE), CONTEXT), torch.zeros(1, 1, 4))
        )


def test_best_starts_are_the_best():
    G, D = networks()
    y = images(3)
    loss, pool = ip.Loss(D, y, masks.half(SIZE)), law().sample(300)
    found = ip.best_starts(G, loss, pool, restarts=2)
    for k in range(3):
        costs = loss(G(pool), torch.full((300,), k))
        expected = pool[costs.topk(2, largest=False).indices]
        assert torch.equal(found[k], expected)
    with pytest.raises(UsageError, match="pool"):
        ip.best_starts(G, loss, pool[:1], restarts=2)


def test_a_law_in_place_of_latents_and_no_searches_are_told():
    G, D = networks()
    y, mask = images(1), masks.half(SIZE)
    with pytest.raises(UsageError, match=r"such as latent.sample\(256\), not"):
        ip.inpaint(G, D, y, mask, law())
    with pytest.raises(UsageError, match="restarts must be"):
        ip.inpaint(G, D, y, mask, law().sample(4), restarts=0)


# The whole.


def test_known_pixels_are_kept_and_the_rest_is_the_generators():
    G, D = networks()
    y, mask = images(3), torch.cat([masks.half(SIZE), masks.text(SIZE, "ab", 2), masks.random_pixels(SIZE, 0.3)])
    known = (mask == 1).expand_as(y)
    out = ip.inpaint(G, D, y, mask, law().sample(256), steps=3)
    assert torch.equal(out.overlay[known], y[known]) and torch.equal(out.poisson[known], y[known])
    assert torch.equal(out.overlay[~known], out.raw[~known]) and torch.equal(out.raw, G(out.z))
    torch.testing.assert_close(out.poisson, poisson.edit(y, out.raw, mask).clamp(-1, 1))
    assert float(out.poisson.abs().max()) <= 1
    assert out.losses.shape == (4, 3, 1) and torch.equal(out.losses.min(0).values[:, 0], out.loss)


def test_far_is_added_to_w_of_every_known_pixel():
    mask = masks.centre_square(SIZE)
    assert torch.allclose(ip.weight(mask, far=0.2), ip.weight(mask) + 0.2 * mask)
    edges = ip.edge_weight(mask, far=0.2) - ip.edge_weight(mask)
    assert torch.allclose(edges, 0.2 * ip.edge_weight(mask, window=None))
    assert ip.WIDE.far == 0.2 and ip.Loss(nn.Flatten(), torch.zeros(1, 1, 4, 4), torch.ones(4, 4), ip.WIDE).W.min() > 0


def test_weights_that_adapt_lower_the_loss_of_their_own_image_alone():
    G, D = networks()
    before = [p.clone() for p in G.parameters()]
    z = law(3).sample(3)
    y, mask = G(law(4).sample(3)), masks.centre_square(SIZE)
    loss, each = ip.Loss(D, y, mask, ip.WIDE), torch.arange(3)
    x = ip.adapted(G, loss, z, steps=10)
    assert bool((loss(x, each) < loss(G(z), each)).all())
    alone = ip.Loss(D, y[1:2], mask, ip.WIDE)
    assert torch.allclose(ip.adapted(G, alone, z[1:2], steps=10), x[1:2], atol=1e-6)
    assert torch.equal(ip.adapted(G, loss, z, steps=0), G(z))
    assert all(torch.equal(old, new) for old, new in zip(before, G.parameters(), strict=True))


def test_an_adapted_step_is_one_of_adam_on_the_loss():
    G, D = networks(double=True)
    z, y = Float64(3).sample(1), G(Float64(4).sample(1))
    loss = ip.Loss(D, y, masks.centre_square(SIZE), ip.WIDE)
    weights = dict(G.named_parameters())
    slopes = torch.func.grad(lambda w: loss(torch.func.functional_call(G, w, (z,)), torch.tensor([0])).sum())(weights)
    # The first step of Adam goes by the rate along the sign of the slope.
    moved = {name: w - 0.01 * slopes[name] / (slopes[name].abs() + 1e-8) for name, w in weights.items()}
    expected = torch.func.functional_call(G, moved, (z,))
    assert torch.allclose(ip.adapted(G, loss, z, steps=1, lr=0.01), expected, atol=1e-9)


def test_inpaint_adapts_after_its_search():
    G, D = networks()
    y, mask = G(law(4).sample(2)), masks.centre_square(SIZE)
    pool = law(5).sample(8)
    plain = ip.inpaint(G, D, y, mask, pool, ip.WIDE, steps=3)
    found = ip.inpaint(G, D, y, mask, pool, ip.WIDE, 5, steps=3)
    assert torch.equal(found.z, plain.z) and not torch.equal(found.raw, plain.raw)
    assert torch.equal(found.raw, ip.adapted(G, ip.Loss(D, y, mask, ip.WIDE), plain.z, 5))
    with pytest.raises(UsageError, match="steps of the weights"):
        ip.adapted(G, ip.Loss(D, y, mask), plain.z, -1)


def test_without_a_mask_it_is_the_projection_onto_the_range():
    G, D = networks()
    wanted, all_known = G(law(7).sample(1)), torch.ones(SIZE, SIZE)
    out = ip.inpaint(
        G,
        D,
        wanted,
        all_known,
        law().sample(256),
        ip.Formulation(prior=0.0, window=None),
        steps=300,
        restarts=4,
        patience=None,
    )
    assert float((out.raw - wanted).abs().max()) < 0.05 and torch.equal(out.poisson, wanted)
    with pytest.raises(UsageError, match="window=None"):
        ip.inpaint(G, D, wanted, all_known, law().sample(256))


@pytest.mark.usefixtures("in_bfloat16")
def test_a_search_in_bfloat16_ends_where_one_in_float32_does():
    G, D = gi.networks.dcgan(latent=8, size=32, channels=1, width=8, seed=0, up="resize")
    z = torch.randn(2, 8, generator=gi.rng(0))
    y = ip.frozen(G)(z)
    loss = ip.Loss(D, y, masks.centre_square(32), CONTEXT)
    start = (z + 0.3 * torch.randn(2, 8, generator=gi.rng(1)))[:, None]
    exact, rough = (list(ip.search_steps(G, loss, start, steps=60, lr=0.05, amp=amp))[-1] for amp in (False, True))
    assert rough.best_loss.dtype == torch.float32
    assert bool((rough.best_loss < 0.3 * exact_start(G, loss, start)).all())
    assert torch.allclose(rough.best_loss, exact.best_loss, atol=0.1 * float(exact_start(G, loss, start).max()))


def exact_start(G, loss, start):
    """(n, 1), what the starts cost in float32."""
    return next(iter(ip.search_steps(G, loss, start, steps=0))).loss


def test_a_guided_search_pays_for_leaving_the_best_linear_answer():
    """The term by hand, where it counts and where it does not, and that it leads the search there."""
    rng = gi.rng(3)
    x = torch.randn(300, 2, generator=rng) @ torch.randn(2, 16, generator=rng) * 0.2
    law = ip.Linear.fit(x.reshape(-1, 1, 4, 4), components=2, noise=1e-3)
    y, mask = x[:2].clamp(-1, 1).reshape(-1, 1, 4, 4), torch.ones(1, 1, 4, 4)
    mask[..., 1:3, 1:3] = 0
    plain, guided = (
        ip.Loss(nn.Flatten(), y, mask, ip.Formulation(prior=0.0, law=kept, guess=0.5)) for kept in (None, law)
    )
    at, image = 0.3 * torch.randn(2, 1, 4, 4, generator=rng), torch.arange(2)
    off = (at - law.given(y, mask == 1)) * (1 - mask)
    assert torch.allclose(guided(at, image) - plain(at, image), 0.5 * off.abs().flatten(1).sum(1), atol=1e-5)
    assert torch.equal(ip.guided(law).law.mean, law.mean) and ip.guided(law).far == ip.WIDE.far
    assert ip.Loss(nn.Flatten(), y, mask, ip.Formulation(prior=0.0, law=law, guess=0.0))(at, image).equal(
        plain(at, image)
    )


def test_a_law_of_many_images_takes_some_of_them(monkeypatch):
    from sklearn.decomposition import PCA

    x = torch.linspace(-1, 1, 101)[:, None, None, None] + 1e-3 * torch.randn(101, 1, 2, 2, generator=gi.rng(0))
    seen, fit = [], PCA.fit
    monkeypatch.setattr(ip.linear, "MOST", 11 * 4 + 3)
    monkeypatch.setattr(PCA, "fit", lambda self, rows: seen.append(rows) or fit(self, rows))
    law = ip.Linear.fit(x, components=1, noise=0.1)
    assert len(seen[0]) == 11 and abs(float(law.mean.mean())) < 0.01  # from the first to the last, at equal distances


def test_a_law_is_kept_whole_and_refuses_other_files_and_other_pictures(tmp_path):
    x = torch.randint(0, 256, (60, 3, 4, 4), generator=gi.rng(0), dtype=torch.uint8)
    law = ip.Linear.fit(x, components=5)
    assert law.noise in ip.linear.NOISES
    known = torch.ones(2, 1, 4, 4, dtype=torch.bool)
    known[0, :, 2:], known[1, ..., 0] = False, False
    y = x[:2].float() / 127.5 - 1
    again = ip.Linear.load(law.save(tmp_path / "law.safetensors"))
    assert torch.allclose(again.given(y, known), law.given(y, known), atol=2e-3)
    # Each image under its own mask is as if it were alone.
    assert torch.allclose(law.given(y, known)[1:], law.given(y[1:], known[1:]), atol=1e-6)
    with pytest.raises(UsageError, match="this law is of images"):
        law.given(y[..., :3], known[..., :3])
    with pytest.raises(UsageError, match="no linear answer of genimg"):
        ip.Linear.load(gi.zoo.file("digits", "gan"))
    with pytest.raises(UsageError, match="trained linear"):
        ip.Linear.load("digits")
