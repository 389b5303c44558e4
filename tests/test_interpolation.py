"""Ways between latents: ends, norms on the sphere, and the pairs between which a formula divides by zero."""

import math

import pytest
import torch
from scipy.spatial import geometric_slerp

from genimg._base.errors import UsageError
from genimg.numerics.interpolation import linear, spherical


def latents(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("way", [linear, spherical])
class TestBoth:
    def test_ends(self, way):
        a, b = latents(2, 5, 64)
        torch.testing.assert_close(way(a, b, 0.0), a)
        torch.testing.assert_close(way(a, b, 1.0), b)

    def test_there_and_back(self, way):
        a, b = latents(2, 64)
        torch.testing.assert_close(way(a, b, 0.3), way(b, a, 0.7))

    def test_shapes(self, way):
        a, b = latents(2, 5, 8)
        t = torch.linspace(0, 1, 7, dtype=torch.float64)
        assert way(a, b, t).shape == (7, 5, 8)
        assert way(a[0], b[0], t).shape == (7, 8)
        assert way(a[0], b[0], 0.5).shape == (8,)
        torch.testing.assert_close(way(a, b, t)[3, 2], way(a[2], b[2], 0.5))

    def test_equal_latents_stay(self, way):
        a = latents(3, 8)
        torch.testing.assert_close(way(a, a, torch.linspace(0, 1, 5)), a.expand(5, 3, 8))

    def test_type_is_kept(self, way):
        assert way(torch.zeros(4) + 1, torch.ones(4), 0.5).dtype == torch.float32

    def test_bad_shapes(self, way):
        with pytest.raises(UsageError, match="one shape"):
            way(torch.ones(3), torch.ones(4), 0.5)


def test_on_the_sphere_the_norm_stays():
    a, b = torch.nn.functional.normalize(latents(2, 100, 64), dim=-1)
    norms = spherical(a, b, torch.linspace(0, 1, 11)).norm(dim=-1)
    torch.testing.assert_close(norms, torch.ones_like(norms))


def test_against_scipy():
    a, b = torch.nn.functional.normalize(latents(2, 6), dim=-1)
    t = torch.linspace(0, 1, 9, dtype=torch.float64)
    expected = torch.from_numpy(geometric_slerp(a.numpy(), b.numpy(), t.numpy()))
    torch.testing.assert_close(spherical(a, b, t), expected)


def test_the_speed_is_constant():
    a, b = torch.nn.functional.normalize(latents(2, 64), dim=-1)
    steps = spherical(a, b, torch.linspace(0, 1, 21)).diff(dim=0).norm(dim=-1)
    assert float(steps.max() - steps.min()) < 1e-6


def test_midpoints_in_high_dimension():
    """Straight: near sqrt(d/2), where hardly any latent lies; on the sphere: near sqrt(d)."""
    a, b = latents(2, 2000, 64)
    assert float(linear(a, b, 0.5).norm(dim=-1).mean()) == pytest.approx(math.sqrt(32), rel=0.03)
    assert float(spherical(a, b, 0.5).norm(dim=-1).mean()) == pytest.approx(math.sqrt(64), rel=0.03)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("distance", [0.0, 1e-7, 1e-5, 1e-3])
@pytest.mark.parametrize("sign", [1, -1])
def test_equal_and_opposite_latents(dtype, distance, sign):
    a = torch.nn.functional.normalize(latents(8), dim=0).to(dtype)
    b = sign * torch.nn.functional.normalize(a + distance * latents(8).flip(0).to(dtype), dim=0)
    way = spherical(a, b, torch.linspace(0, 1, 9))
    assert bool(torch.isfinite(way).all())
    torch.testing.assert_close(way.norm(dim=-1), torch.ones(9, dtype=dtype), atol=2e-4, rtol=0)
    torch.testing.assert_close(way[0], a)
    torch.testing.assert_close(way[-1], b)


def test_opposite_latents_of_other_lengths():
    way = spherical(torch.tensor([2.0, 0.0]), torch.tensor([-4.0, 0.0]), torch.linspace(0, 1, 5))
    torch.testing.assert_close(way[2], torch.tensor([0.0, 3.0]), atol=1e-6, rtol=0)
    torch.testing.assert_close(way.norm(dim=-1), torch.tensor([2.0, 2.5, 3.0, 3.5, 4.0]))


def test_no_direction():
    with pytest.raises(UsageError, match="no direction"):
        spherical(torch.zeros(4), torch.ones(4), 0.5)
    with pytest.raises(UsageError, match="on a line"):
        spherical(torch.ones(1), -torch.ones(1), 0.5)
