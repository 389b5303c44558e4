"""Where a search starts: an encoder of the known pixels, the laws that it is trained on, and what uses it."""

from dataclasses import dataclass

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import genimg as gi
from genimg import zoo
from genimg._base.errors import UsageError
from genimg.gan import networks
from genimg.gan.distributions import Gaussian, Pushforward
from genimg.problems.inpaint import Encoder, Loss, Search, best_starts, frozen, masks
from genimg.problems.inpaint.encoder import Varied, learn, seen

SHAPE = {"latent": 8, "size": 16, "channels": 2, "width": 8}


@dataclass
class Drawn:
    """A law of images of a generator, with the `rng` that a checkpoint wants."""

    G: torch.nn.Module
    rng: torch.Generator

    def sample(self, n):
        return Pushforward(self.G, Gaussian(8, self.rng)).sample(n)


def pair():
    G, D = networks.dcgan(latent=8, size=16, width=8, seed=0)
    return frozen(G), frozen(D)


def taught(G, D, steps, **recipe):
    E = networks.encoder(**SHAPE, seed=1, deviations=False)
    law = Drawn(G, gi.rng(2))
    found = list(learn(E, G, D, law, masks.Holes(16, gi.rng(3), 20), steps=steps, rng=gi.rng(4), **recipe))
    return E, found


def untaught(G):
    return Encoder(networks.encoder(**SHAPE, seed=1, deviations=False).eval(), G(torch.zeros(1, 8))[0])


def test_it_learns_to_complete_what_the_generator_draws():
    G, D = pair()
    E, found = taught(G, D, 150, batch=16)
    y, mask = Drawn(G, gi.rng(9)).sample(32), masks.centre_square(16)
    missing = (1 - mask).bool().expand_as(y)

    def error(x):
        return float((x - y)[missing].square().mean())

    made, mean = G(Encoder(E.eval(), y[0])(y, mask)), G(torch.zeros(1, 8)).expand_as(y)
    assert error(made) < 0.75 * error(mean) < 0.75 * error(G(untaught(G)(y, mask))) * 1.1
    assert float(found[-1].error) < float(found[0].error)


def test_a_training_goes_on_bit_by_bit_where_it_stopped(tmp_path):
    G, D = pair()
    whole, _ = taught(G, D, 6, batch=4)
    path = {"checkpoint": tmp_path / "state.safetensors", "checkpoint_every": 3}
    E = networks.encoder(**SHAPE, seed=1, deviations=False)
    steps = learn(E, G, D, Drawn(G, gi.rng(2)), masks.Holes(16, gi.rng(3), 20), steps=6, rng=gi.rng(4), batch=4, **path)
    for step in steps:
        if step.step == 4:  # the checkpoint is of step 3
            break
    again, _ = taught(G, D, 6, batch=4, **path)
    for ours, theirs in zip(again.parameters(), whole.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_it_comes_back_from_its_file_and_knows_its_generator(tmp_path):
    G, _ = pair()
    E = untaught(G)
    known = Encoder.load(E.save(tmp_path / "e.safetensors", SHAPE))
    y, mask = torch.rand(3, 1, 16, 16, generator=gi.rng(5)) * 2 - 1, masks.centre_square(16)
    assert known(y, mask).shape == (3, 8)
    assert torch.allclose(known(y, mask), E(y, mask), atol=1e-2)
    other = networks.dcgan(latent=8, size=16, width=8, seed=6)[0].eval()
    longer = networks.dcgan(latent=9, size=16, width=8, seed=0)[0].eval()
    assert known.fits(G) and not known.fits(other) and not known.fits(longer)


def test_what_is_missing_is_not_looked_at():
    G, _ = pair()
    E, mask = untaught(G), masks.centre_square(16)
    y = torch.rand(2, 1, 16, 16, generator=gi.rng(5)) * 2 - 1
    assert torch.equal(E(y, mask), E(torch.where(mask == 1, y, 0.5), mask))
    assert torch.equal(E(y, mask), E(y, mask == 1))
    assert torch.equal(seen(y, mask)[:, 1:], mask.expand(2, -1, -1, -1))


@pytest.mark.parametrize("damage", ["kind", "shape", "mean", "words", "huge", "other"])
def test_another_file_is_refused_in_one_line(tmp_path, damage):
    from genimg._base.weights import read_tensors, write_tensors

    G, _ = pair()
    path = untaught(G).save(tmp_path / "e.safetensors", SHAPE)
    tensors, about = read_tensors(path)
    shapes = {"words": {"latent": "x"}, "huge": {**SHAPE, "latent": 10**15}, "other": {**SHAPE, "latent": 9}}
    if damage == "mean":
        del tensors["mean"]
    elif damage in shapes:
        about["shape"] = shapes[damage]
    else:
        del about[damage]
    write_tensors(path, tensors, about)
    with pytest.raises(UsageError, match=r"no encoder of genimg; make one with Encoder\.save"):
        Encoder.load(path)
    with pytest.raises(UsageError, match="trained encoder"):
        Encoder.load("nobody")


def test_the_starts_are_its_own_and_then_the_best_of_the_pool():
    G, D = pair()
    E, mask, pool = untaught(G), masks.centre_square(16), Gaussian(8, gi.rng(7)).sample(20)
    y = Drawn(G, gi.rng(8)).sample(3)
    loss = Loss(D, y, mask)
    starts = best_starts(G, loss, pool, 3, E)
    assert torch.equal(starts[:, 0], E(y, mask)) and torch.equal(starts[:, 1:], best_starts(G, loss, pool, 2))
    squares = torch.cat([masks.three_squares(16, seed=k) for k in range(3)])
    assert torch.equal(best_starts(G, Loss(D, y, squares), pool, 1, E)[:, 0], E(y, squares))
    filled = gi.inpaint.inpaint(G, D, y, squares, pool, steps=0, batch=2, first=E)
    assert torch.allclose(filled.z, E(y, squares), atol=1e-6)


def test_a_recipe_names_its_start():
    G, _ = pair()
    assert Search("pool").first(G) is None
    assert torch.equal(Search("mean").first(G), torch.zeros(8))
    how, (faces, _) = Search.of(zoo.recipe("faces")), zoo.load("faces")
    assert how.start == "encoder" and how.fitting(faces) == how and isinstance(how.first(faces), Encoder)
    assert how.fitting(G) == how.from_mean() == how._replace(start="mean", steps=40)  # of another generator
    assert Search("pool").fitting(G) == Search("pool").from_mean() == Search("pool")
    with pytest.raises(UsageError, match="could be followed"):
        Search.of({"search": {"start": "encoder", "encoder": 3}})
    with pytest.raises(UsageError, match="could be followed"):
        Search.of({"search": {"start": "encoder"}})


@settings(max_examples=20)
@given(seed=st.integers(0, 2**31), channels=st.sampled_from([1, 3]), level=st.floats(-1, 1))
def test_varied_images_stay_images(seed, channels, level):
    class Flat:
        rng = gi.rng(seed)

        def sample(self, n):
            return torch.full((n, channels, 8, 8), level)

    x = Varied(Flat()).sample(16)
    assert x.shape == (16, channels, 8, 8) and float(x.abs().max()) <= 1
    assert (x - x[:, :, :1, :1]).abs().max() < 1e-5  # what is flat stays flat


def test_what_is_drawn_moves_a_little_and_changes_its_lightness():
    class Dot:
        rng = gi.rng(1)

        def sample(self, n):
            x = torch.full((n, 1, 33, 33), -0.5)
            x[:, :, 15:18, 15:18] = 0.5
            return x

    x = Varied(Dot()).sample(500)[:, 0]
    places = x.flatten(1).argmax(1)
    off = torch.stack([places // 33, places % 33]) - 16
    assert 0.6 < off.float().std() < 1.2  # 0.05 of half the side is 0.8 pixels; the turn is about the middle
    assert 0.1 < x[:, 0, 0].std() < 0.3


def test_some_are_grey_and_half_are_mirrored():
    class Sided:
        rng = gi.rng(1)

        def sample(self, n):
            x = torch.zeros(n, 3, 8, 8)
            x[:, 0, :, 4:] = 0.8
            return x

    x = Varied(Sided()).sample(1000)
    grey = (x == x[:, :1]).flatten(1).all(1)
    mirrored = x[:, 0, :, 1].mean(1) > x[:, 0, :, 6].mean(1)
    assert 0.15 < grey.float().mean() < 0.25 and 0.45 < mirrored.float().mean() < 0.55


def test_holes_are_those_of_the_presets_and_rectangles():
    holes = masks.Holes(16, gi.rng(0), count=30).sample(2000)
    assert holes.shape == (2000, 1, 16, 16) and set(holes.unique().tolist()) == {0.0, 1.0}
    assert bool(holes.flatten(1).any(1).all()), "something is always known"
    assert bool((holes == 0).flatten(1).any(1).all()), "and something is missing"
    centre = (holes == masks.centre_square(16)).flatten(1).all(1).float().mean()
    assert 0.2 < centre < 0.4
    drawn = masks.Holes(16, gi.rng(0), count=30).sample(2000)
    assert torch.equal(holes, drawn)
