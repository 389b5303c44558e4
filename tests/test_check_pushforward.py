import math

import numpy as np
import pytest
import torch

from genimg import check

JUNK = [None, "a string", 3.5, lambda *given: None, lambda *given: "text", lambda *given: 1 / 0, lambda *given: []]
Phi, log_ndtr = torch.special.ndtr, torch.special.log_ndtr


@pytest.mark.parametrize("junk", JUNK)
def test_junk_is_not_yet_an_answer(junk):
    for exercise in (check.quantile, check.fold, check.shell, check.collapse):
        verdict = exercise(junk)
        assert not verdict and repr(verdict).startswith("Not yet: ") and "\n" not in repr(verdict)
    assert not check.thin(junk, {"flow": False, "VAE": False, "GAN": True}) and not check.thin(math.inf, junk)


@pytest.mark.parametrize(
    "generator",
    [
        lambda z: -log_ndtr(-z),
        lambda z: -log_ndtr(z),  # decreasing: another map, the same law
        lambda z: -(1 - Phi(z.float())).log(),
    ],
)
def test_every_map_to_the_exponential_law_is_right(generator):
    assert check.quantile(generator)


def test_an_infinite_tail_is_pointed_out():
    assert "At z = 9" in check.quantile(lambda z: -(1 - Phi(z)).log()).says
    assert not check.quantile(lambda z: -log_ndtr(-z)).says


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (lambda z: -(1 - z).log(), "NaN"),
        (lambda z: log_ndtr(-z), "the sign"),
        (lambda z: z, "never is"),
        (lambda z: Phi(z), "takes x to u"),
        (lambda z: 1 - torch.exp(-Phi(z)), "takes x to u"),
        (lambda z: -log_ndtr(-z) / 2, "mean 0.50"),
        (lambda z: z.square(), "not exponential"),
    ],
)
def test_typical_generators_are_named(wrong, word):
    verdict = check.quantile(wrong)
    assert word in verdict.says and not verdict


def gauss(z):
    return torch.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)


def folded(x):
    return torch.where(x > 1, 2 * gauss(x.clamp(min=1).log()) / x, 0.0)


def test_the_folded_density_is_right_and_has_mass_one():
    x = torch.linspace(-1, 200, 200_001, dtype=torch.float64)
    assert torch.trapezoid(folded(x), x).item() == pytest.approx(1, abs=1e-3)
    assert check.fold(folded)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (lambda x: folded(x) / 2, "one half"),
        (lambda x: folded(x) * x, "determinant"),
        (lambda x: folded(x) * x / 2, "and a second z"),
        (lambda x: folded(x) * x**2, "do not multiply"),
        (lambda x: 2 * gauss(x) / x, "evaluated at x"),
        (lambda x: 2 * gauss(x.log()) / x, "below 1"),
        (lambda x: 2 * gauss(x.abs().log()) / x.abs(), "below 1"),
        (lambda x: 3 * folded(x), "which z are sent"),
    ],
)
def test_typical_densities_are_named(wrong, word):
    verdict = check.fold(wrong)
    assert word in verdict.says and not verdict


def test_moments_of_the_squared_norm():
    assert check.shell(lambda d: (d, 2 * d)) and check.shell(lambda d: torch.tensor([d, 2 * d]))
    assert check.shell(lambda d: np.array([d, 2 * d]))
    rng = torch.Generator().manual_seed(0)
    square = torch.randn(200_000, 5, generator=rng).square().sum(1)
    assert float(square.mean()) == pytest.approx(5, rel=0.02) and float(square.var()) == pytest.approx(10, rel=0.02)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (lambda d: (math.sqrt(d), 2 * d), "of |x|;"),
        (lambda d: (1, 2 * d), "of one term"),
        (lambda d: (2 * d, 2 * d), "mean of a sum"),
        (lambda d: (d, d), "is not 1"),
        (lambda d: (d, 3 * d), "subtracted"),
        (lambda d: (d, 2), "add up"),
        (lambda d: (d, math.sqrt(2 * d)), "standard deviation"),
        (lambda d: (d, 2 * d**2), "not standard deviations"),
        (lambda d: d, "mean and variance should be 2 things"),
    ],
)
def test_typical_moments_are_named(wrong, word):
    verdict = check.shell(wrong)
    assert word in verdict.says and not verdict


def round_gaussian(x):
    variance = x.var(0, correction=0).mean()
    return variance.sqrt(), -x.shape[1] / 2 * ((2 * math.pi * variance).log() + 1)


def test_the_fit_of_a_round_gaussian_is_right():
    assert check.collapse(round_gaussian)

    def by_torch(x):
        sigma = (x - x.mean(0)).square().mean().sqrt()
        return sigma, torch.distributions.Normal(x.mean(0), sigma).log_prob(x).sum(1).mean()

    assert check.collapse(by_torch)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (lambda x: (x.std(), 0), "common mean"),
        (lambda x: (x.square().mean().sqrt(), 0), "subtract"),
        (lambda x: (x.var(0).sum().sqrt(), 0), "summed"),
        (lambda x: (x.var(0).mean(), 0), "take the root"),
        (lambda x: (x.std(0).mean(), 0), "average the variances"),
        (lambda x: (1.0, 0), "which sigma"),
        (lambda x: (round_gaussian(x)[0], round_gaussian(x)[1] / 3), "of one coordinate"),
        (lambda x: (round_gaussian(x)[0], -round_gaussian(x)[1]), "sign"),
        (lambda x: (round_gaussian(x)[0], round_gaussian(x)[1] + 1.5), "d / 2"),
        (lambda x: (round_gaussian(x)[0], round_gaussian(x)[1] + 1.5 * math.log(2 * math.pi)), "log(2 π)"),
        (lambda x: (round_gaussian(x)[0], 0.0), "sigma is right"),
    ],
)
def test_typical_fits_are_named(wrong, word):
    verdict = check.collapse(wrong)
    assert word in verdict.says and not verdict


@pytest.mark.parametrize(
    ("divergence", "changed", "word"),
    [
        (0.69, {}, "no finite number"),
        (-math.inf, {}, "never negative"),
        (math.inf, {"flow": True}, "invertible"),
        (math.inf, {"VAE": True}, "as sigma tends to 0"),
        (math.inf, {"GAN": False}, "needs samples"),
        (math.inf, {"gan": True}, '{"flow"'),
        (math.inf, {"GAN": "yes"}, "True or False"),
    ],
)
def test_who_can_learn_a_curve(divergence, changed, word):
    right = {"flow": False, "VAE": False, "GAN": True}
    assert check.thin(math.inf, right) and check.thin(torch.tensor(math.inf), right)
    verdict = check.thin(divergence, right | changed)
    assert word in verdict.says and not verdict
