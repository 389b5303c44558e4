import math
from dataclasses import dataclass

import pytest
import torch

from genimg import check
from genimg.gan.objectives import CriticLoss, WassersteinGP, gradient_penalty

JUNK = [None, "a string", 3.5, lambda *given: None, lambda *given: "text", lambda *given: 1 / 0, lambda *given: []]


@pytest.mark.parametrize("junk", JUNK)
def test_junk_is_not_yet_an_answer(junk):
    verdicts = [
        check.two_points(junk, means, value),
        check.two_points(slope, junk, value),
        check.two_points(slope, means, junk),
        check.escaping(junk),
        check.multiple(junk),
        check.clip_bound(junk),
        check.one_sided(junk),
        check.one_sided(type("Objective", (), {"lam": 1.0, "critic_loss": junk})()),
    ]
    for verdict in verdicts:
        assert not verdict and repr(verdict).startswith("Not yet: ") and "\n" not in repr(verdict)


def slope(a, lam):
    return 1 + a / (2 * lam)


def means(a, lam):
    return a + a**2 / (2 * lam)


def value(a, lam):
    return a + a**2 / (4 * lam)


def test_two_points_by_brute_force():
    def best_slope(a, lam):
        s = torch.linspace(0, 20, 2_000_001, dtype=torch.float64)
        return s[(s * a - lam * (s - 1) ** 2).argmax()]

    def best_value(a, lam):
        s = best_slope(a, lam)
        return s * a - lam * (s - 1) ** 2

    assert check.two_points(slope, means, value)
    assert check.two_points(best_slope, lambda a, lam: a * best_slope(a, lam), best_value)


@pytest.mark.parametrize(
    ("answers", "word"),
    [
        ((lambda a, lam: 1, means, value), "under a constraint"),
        ((lambda a, lam: 1 + a / lam, means, value), "2 (s - 1)"),
        ((lambda a, lam: 1 - a / (2 * lam), means, value), "the sign"),
        ((lambda a, lam: a / (2 * lam), means, value), "not at 0"),
        ((lambda a, lam: 1 + 1 / (2 * lam), means, value), "s a, not s"),
        ((lambda a, lam: 7, means, value), "slope: maximise"),
        ((slope, lambda a, lam: a, value), "means: this is W1"),
        ((slope, value, value), "means: the penalty is subtracted"),
        ((slope, slope, value), "means: this is the slope"),
        ((slope, lambda a, lam: 7, value), "means: the slope times"),
        ((slope, means, lambda a, lam: a), "value: this is W1"),
        ((slope, means, means), "value: this is the difference of means"),
        ((slope, means, lambda a, lam: means(a, lam) - (slope(a, lam) - 1) ** 2), "value: the penalty is lam"),
        ((slope, means, lambda a, lam: 2 * means(a, lam) - value(a, lam)), "do not add"),
        ((slope, means, lambda a, lam: 7), "value: the difference of means minus"),
    ],
)
def test_typical_critics_of_two_points_are_named(answers, word):
    verdict = check.two_points(*answers)
    assert word in verdict.says and not verdict


def tent(theta, z):
    return (1 - (z - 2 * theta).abs() / theta).clamp(min=0) / theta if theta else 0 * z


def test_every_way_to_escape_is_right():
    assert check.escaping(tent)
    assert check.escaping(lambda theta, z: 2 * (1 - z / theta).clamp(min=0) / theta if theta else 0 * z)
    assert check.escaping(lambda theta, z: theta * z ** (theta - 1))
    assert check.escaping(lambda theta, z: -tent(theta, z))


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (lambda theta, z: (z < theta) / theta if theta else 0 * z, "jumps"),
        (lambda theta, z: (z < theta) / theta, "NaN"),
        (lambda theta, z: 0 * z + 1, "G(0, z) must be 0"),
        (lambda theta, z: theta * z, "E|G| is"),
        (lambda theta, z: 2 * tent(theta, z), "E|G| is 2"),
        (lambda theta, z: 1.0 + 0 * z if theta else 0 * z, "does not tend to 0"),
        (lambda theta, z: tent(theta, z).sum(), "shape"),
    ],
)
def test_typical_generators_are_named(wrong, word):
    verdict = check.escaping(wrong)
    assert word in verdict.says and not verdict


def best(m, N, lam):
    return (m / (2 * lam) + N.mean()) / N.square().mean()


def test_the_best_multiple_by_brute_force():
    def searched(m, N, lam):
        s = torch.linspace(-5, 5, 20_001, dtype=torch.float64)
        return s[(s * m - lam * (s**2 * N.square().mean() - 2 * s * N.mean() + 1)).argmax()]

    assert check.multiple(best) and check.multiple(searched)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (lambda m, N, lam: best(2 * m, N, lam), "factor 2"),
        (lambda m, N, lam: (m / (2 * lam) + N.mean()) / N.mean() ** 2, "E[N]²"),
        (lambda m, N, lam: best(0, N, lam), "left out: s also"),
        (lambda m, N, lam: best(-m, N, lam), "subtracted"),
        (lambda m, N, lam: best(m, N, 1), "lam is left out"),
        (lambda m, N, lam: best(m, N, 1 / lam), "wrong place"),
        (lambda m, N, lam: 1 / N.mean(), "something else"),
        (lambda m, N, lam: 1.0, "derivative"),
        (lambda m, N, lam: best(m, N, lam) * N, "a number"),
    ],
)
def test_typical_multiples_are_named(wrong, word):
    verdict = check.multiple(wrong)
    assert word in verdict.says and not verdict


def bound(widths, c):
    return math.prod(c * math.sqrt(m * n) for m, n in zip(widths, widths[1:], strict=False))


def test_the_bound_is_met_by_matrices_of_equal_entries():
    def by_norms(widths, c):
        layers = [torch.full((m, n), c) for m, n in zip(widths, widths[1:], strict=False)]
        return math.prod(float(torch.linalg.matrix_norm(layer, 2)) for layer in layers)

    assert check.clip_bound(bound) and check.clip_bound(by_norms)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (lambda widths, c: c * bound(widths, 1), "once per layer"),
        (lambda widths, c: c ** (len(widths) - 1) * bound(widths, 1) ** 2, "root"),
        (lambda widths, c: c * bound(widths, c), "too many"),
        (lambda widths, c: bound(widths, c) / c, "too few"),
        (lambda widths, c: c ** (len(widths) - 1), "sizes"),
        (lambda widths, c: 0.5, "over the layers"),
        (lambda widths, c: 0.0, "over the layers"),
        (lambda widths, c: widths, "a number"),
    ],
)
def test_typical_bounds_are_named(wrong, word):
    verdict = check.clip_bound(wrong)
    assert word in verdict.says and not verdict


@dataclass(frozen=True)
class OneSided(WassersteinGP):
    """The one-sided penalty, and by its switches the ways to get it wrong."""

    squared: bool = True
    graph: bool = True
    weighted: bool = True
    pixelwise: bool = False
    of_square: bool = False
    sign: float = -1.0

    def critic_loss(self, D, real, fake, rng):
        u = torch.rand(len(real), *[1] * (real.ndim - 1), generator=rng)
        between = (u * real + (1 - u) * fake).requires_grad_()
        (slope,) = torch.autograd.grad(D(between).sum(), between, create_graph=self.graph)
        norm = slope.flatten(1) if self.pixelwise else slope.flatten(1).norm(dim=1)
        excess = torch.relu((norm**2 if self.of_square else norm) - 1)
        penalty = (self.lam if self.weighted else 1) * (excess.square() if self.squared else excess).mean()
        distance = D(real).mean() - D(fake).mean()
        return CriticLoss(penalty + self.sign * distance, distance.detach(), penalty.detach())


@dataclass(frozen=True)
class Detached(OneSided):
    def critic_loss(self, *args):
        out = super().critic_loss(*args)
        return out._replace(loss=out.loss.detach())


@dataclass(frozen=True)
class Stepping(OneSided):
    def critic_loss(self, *args):
        out = super().critic_loss(*args)
        if out.loss.grad_fn is not None:
            out.loss.backward()
        return out


@dataclass(frozen=True)
class DividedByNothing(OneSided):
    def critic_loss(self, *args):
        out = super().critic_loss(*args)
        return out._replace(loss=out.loss + torch.tensor(0.0) / 0)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (WassersteinGP(10.0), "two-sided"),
        (OneSided(10.0, squared=False), "is to be squared"),
        (OneSided(10.0, graph=False), "create_graph"),
        (OneSided(10.0, weighted=False), "lam is missing"),
        (OneSided(10.0, pixelwise=True), "all coordinates"),
        (OneSided(10.0, of_square=True), "not its square"),
        (OneSided(10.0, sign=1.0), "not penalty + distance"),
        (OneSided(10.0, sign=0.0), "the loss should be"),
        (Detached(10.0), "no derivative with respect"),
        (Stepping(10.0), "leave backward()"),
        (DividedByNothing(10.0), "got NaN"),
        (OneSided, "raised"),
    ],
)
def test_the_one_sided_penalty(wrong, word):
    assert check.one_sided(OneSided(10.0)) and check.one_sided(OneSided(0.5))
    verdict = check.one_sided(wrong)
    assert word in verdict.says and not verdict


def test_the_one_sided_penalty_of_the_tests_is_the_package_s_where_the_slope_exceeds_one():
    x, rng = torch.randn(8, 3), torch.Generator()
    weight = torch.tensor([3.0, 4.0, 0.0])
    out = OneSided(2.0).critic_loss(lambda z: z @ weight, x, x, rng)
    assert float(out.penalty) == pytest.approx(2 * float(gradient_penalty(lambda z: z @ weight, x, x, rng)), rel=1e-4)
