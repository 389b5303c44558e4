"""Laws: shapes, moments, densities, pushforward, mixtures; sampling is the caller's generator and nobody else's."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import genimg as gi
from genimg._base.errors import UsageError
from genimg.gan.distributions import GaussianMixture, Mirrored, Pictures, Uniform, grid25, pictures, ring


def test_gaussian_has_its_moments_and_density():
    law = gi.Gaussian(3, gi.rng(0), mean=torch.tensor([1.0, 0.0, -2.0]), std=0.5)
    x = law.sample(50_000)
    assert x.mean(0).tolist() == pytest.approx([1, 0, -2], abs=0.02)
    assert x.std(0).tolist() == pytest.approx([0.5] * 3, abs=0.02)
    exact = torch.distributions.Independent(torch.distributions.Normal(law.mean, 0.5), 1).log_prob(x[:9])
    assert torch.allclose(law.log_prob(x[:9]), exact, atol=1e-5)


def test_empirical_draws_rows_uniformly_with_replacement():
    x = gi.Empirical(torch.arange(4.0)[:, None], gi.rng(0)).sample(20_000)
    counts = torch.bincount(x[:, 0].long(), minlength=4)
    chi2 = float(((counts - 5000.0) ** 2 / 5000).sum())
    assert chi2 < 16.3  # 0.1 % quantile of chi-square with 3 degrees of freedom


def test_empirical_refuses_nothing_and_foreign_devices():
    with pytest.raises(UsageError, match="empty"):
        gi.Empirical(torch.zeros(0, 2), gi.rng(0))


def test_pushforward_is_the_image_of_the_latent_and_keeps_no_graph():
    G = torch.nn.Linear(2, 3)
    latent = gi.Empirical(torch.ones(1, 2), gi.rng(0))
    out = gi.Pushforward(G, latent).sample(4)
    assert torch.equal(out, G(torch.ones(4, 2)).detach()) and not out.requires_grad


@given(weights=st.lists(st.floats(0, 5), min_size=2, max_size=6).filter(lambda w: sum(w) > 0.5))
@settings(max_examples=20, deadline=None)
def test_mixture_draws_its_parts_by_weight(weights):
    parts = [gi.Empirical(torch.tensor([[float(k)]]), gi.rng(k)) for k in range(len(weights))]
    n = 20_000
    x = gi.Mixture(parts, gi.rng(7), weights).sample(n)
    for k, w in enumerate(weights):
        p = w / sum(weights)
        assert abs(int((x == k).sum()) - n * p) <= 6 * math.sqrt(n * p * (1 - p)) + 1e-9


def test_mixture_mixes_the_order_of_its_parts():
    """A batch that lists one part after the other would make every minibatch slice a different law."""
    parts = [gi.Empirical(torch.tensor([[float(k)]]), gi.rng(k)) for k in range(2)]
    x = gi.Mixture(parts, gi.rng(7)).sample(1000)[:, 0]
    assert 400 < int((x[1:] != x[:-1]).sum()) < 600


@pytest.mark.parametrize("weights", [[1.0], [1.0, -1.0], [0.0, 0.0]])
def test_mixture_refuses_weights_that_are_none(weights):
    parts = [gi.Gaussian(1, gi.rng(0)), gi.Gaussian(1, gi.rng(1))]
    with pytest.raises(UsageError, match="one non-negative weight per part"):
        gi.Mixture(parts, gi.rng(0), weights)


@pytest.mark.parametrize(
    "law",
    [
        lambda r: ring(r, modes=5, radius=1.0, std=0.2),
        lambda r: grid25(r, spacing=1.0, std=0.2),
        lambda r: GaussianMixture(torch.tensor([[0.0, 0.0], [1.0, 1.0]]), 0.3, r),
    ],
)
def test_densities_of_toy_laws_integrate_to_one_and_fit_their_samples(law):
    law = law(gi.rng(0))
    side = torch.linspace(-4, 4, 321)
    grid = torch.cartesian_prod(side, side)
    mass = float(law.log_prob(grid).exp().sum()) * (8 / 320) ** 2
    assert mass == pytest.approx(1, abs=0.01)
    x = law.sample(40_000)
    centre = grid[law.log_prob(grid).argmax()]
    half = 0.3
    inside = ((grid - centre).abs() <= half).all(1)
    expected = float(law.log_prob(grid[inside]).exp().sum()) * (8 / 320) ** 2
    assert float(((x - centre).abs() <= half).all(1).float().mean()) == pytest.approx(expected, rel=0.08)


def test_grid25_has_25_modes_and_ring_its_radius():
    assert len(grid25(gi.rng(0)).centres.unique(dim=0)) == 25
    assert ring(gi.rng(0), radius=2.0).centres.norm(dim=1).tolist() == pytest.approx([2.0] * 8)


def test_uniform_refuses_an_empty_box():
    with pytest.raises(UsageError, match="low must be below high"):
        Uniform(torch.tensor([1.0]), torch.tensor([1.0]), gi.rng(0))


def test_sampling_leaves_the_global_generator_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    gi.Mixture([gi.Gaussian(2, gi.rng(0)), ring(gi.rng(1))], gi.rng(2)).sample(10)
    gi.networks.dcgan(latent=4, size=28, width=8, seed=3)
    assert torch.equal(torch.rand(3), expected)


CUDA = pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="copies to a GPU"))


@pytest.mark.parametrize("device", ["cpu", CUDA])
def test_pictures_that_no_device_holds_stream_from_their_file_and_are_those_of_the_data(tmp_path, device):
    """A memory map, and no room: training draws from it what it would draw from floats that are there."""
    file = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.uint8, (50, 3, 8, 8))
    file[:] = np.random.default_rng(0).integers(0, 256, file.shape)
    file.flush()
    mapped = torch.from_numpy(np.load(tmp_path / "x.npy", mmap_mode="c"))
    streamed = pictures(mapped, 5, torch.device(device), 0, torch.channels_last)
    held = gi.Empirical(mapped.float() / 127.5 - 1, torch.Generator().manual_seed(5))
    assert streamed.x.data_ptr() == mapped.data_ptr()
    for law, other in ((streamed, held), (Mirrored(streamed), Mirrored(held))):
        for n in (1, 7, 64):
            x = law.sample(n)
            assert x.device.type == device and x.is_contiguous(memory_format=torch.channels_last)
            assert torch.allclose(x.cpu(), other.sample(n), atol=1e-6)


def test_pictures_are_bytes():
    with pytest.raises(UsageError, match="need uint8"):
        Pictures(torch.zeros(1, 1, 2, 2), torch.Generator())
