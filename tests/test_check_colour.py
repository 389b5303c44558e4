import pytest
import torch
from torch import nn

from genimg import check
from genimg.gan.objectives import gradient_penalty
from genimg.numerics.color import in_gamut, lab_to_rgb, rgb_to_lab

JUNK = [None, "a string", 3.5, lambda *given: None, lambda *given: "text", lambda *given: 1 / 0]
CHECKS = [check.safest_colour, check.price_of_sampling, check.into_gamut, check.adversarial_weight]


@pytest.mark.parametrize("one", CHECKS)
@pytest.mark.parametrize("junk", JUNK)
def test_junk_is_not_yet_an_answer(one, junk):
    assert not one(junk) and repr(one(junk)).startswith("Not yet:")


# The safest colour.


@pytest.mark.parametrize("tie", [0.0, 0.4, 1.0])
def test_any_point_of_the_segment_does_for_one_half(tie):
    def median(c1, c2, p):
        return c1 if p > 0.5 else c2 if p < 0.5 else tie * c1 + (1 - tie) * c2

    assert check.safest_colour(median)


def test_a_numerical_minimiser_is_right():
    def weiszfeld(c1, c2, p):
        g, both, share = p * c1 + (1 - p) * c2, torch.stack([c1, c2]), torch.tensor([[p], [1 - p]])
        for _ in range(500):
            w = share / (both - g).norm(dim=1, keepdim=True).clamp_min(1e-6)
            g = (w * both).sum(0) / w.sum()
        return g

    assert check.safest_colour(weiszfeld)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (lambda c1, c2, p: p * c1 + (1 - p) * c2, "squared"),
        (lambda c1, c2, p: c2 if p > 0.5 else c1, "rarer"),
        (lambda c1, c2, p: (c1 + c2) / 2, "p = 1/2 only"),
        (lambda c1, c2, p: 0 * c1, "go along the segment"),
        (lambda c1, c2, p: p, "shape"),
    ],
)
def test_typical_colours_are_named(wrong, word):
    assert word in check.safest_colour(wrong).says and not check.safest_colour(wrong)


# The price of a random draw.


@pytest.mark.parametrize("right", [3, 3.01, torch.tensor(2.0).log10() * 10])
def test_three_decibels(right):
    assert check.price_of_sampling(right)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [(2, "factor"), (6.02, "amplitudes"), (-3, "positive"), (0.301, "bel"), (0.69, "base 10"), (9, "c'")],
)
def test_typical_prices_are_named(wrong, word):
    assert word in check.price_of_sampling(wrong).says and not check.price_of_sampling(wrong)


# The gamut.


def scaled(lab, shrink=1.0, steps=14):
    """Bisection for the largest factor of chroma that exists."""
    L, ab = lab.split((1, 2), dim=1)
    low, high = torch.zeros_like(L), torch.ones_like(L)
    for _ in range(steps):
        middle = (low + high) / 2
        fits = in_gamut(torch.cat([L, middle * ab], 1))
        low, high = torch.where(fits, middle, low), torch.where(fits, high, middle)
    return torch.cat([L, torch.where(in_gamut(lab), 1.0, shrink * low) * ab], 1)


def in_steps(lab):
    """Five per cent less, as long as it takes."""
    scale = torch.ones_like(lab[:, :1])
    for _ in range(200):
        tried = torch.cat([lab[:, :1], scale * lab[:, 1:]], 1)
        scale = torch.where(in_gamut(tried), scale, 0.95 * scale)
    return torch.cat([lab[:, :1], scale * lab[:, 1:]], 1)


def only_outside(change):
    return lambda lab: torch.where(in_gamut(lab), lab, change(lab))


def turned(lab):
    small = scaled(lab, 0.3)
    return torch.cat([small[:, :1], small[:, 2:], small[:, 1:2]], 1)


def test_two_ways_into_the_gamut_are_right():
    assert check.into_gamut(scaled) and check.into_gamut(in_steps)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (lambda lab: lab, "cannot be shown yet"),
        (lambda lab: rgb_to_lab(lab_to_rgb(lab)), "clipping RGB"),
        (lambda lab: lab_to_rgb(scaled(lab)), "CIE units"),
        (lambda lab: scaled(lab) / 100, "CIE units"),
        (only_outside(lambda lab: 0.5 * lab), "L has moved"),
        (lambda lab: torch.cat([lab[:, :1], 0.1 * lab[:, 1:]], 1), "a factor of its own"),
        (only_outside(lambda lab: lab * torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1)), "grey can always be shown"),
        (only_outside(lambda lab: scaled(lab, 0.6)), "too much chroma"),
        (only_outside(turned), "hue"),
        (lambda lab: lab[:, 1:], "shape"),
    ],
)
def test_typical_ways_are_named(wrong, word):
    assert word in check.into_gamut(wrong).says and not check.into_gamut(wrong)


# The weight of a term.


def test_the_weight_keeps_what_it_is_worth():
    def worth(weight, side, stride):
        return weight * (2 * side**2) ** 0.5 / (side / stride) ** 2

    def weight(side, stride):
        return worth(0.1, 224, 8) / worth(1, side, stride)

    assert check.adversarial_weight(weight)
    assert weight(128, 8) == pytest.approx(0.1 * 128 / 224) and weight(128, 4) == pytest.approx(0.4 * 128 / 224)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (lambda side, stride: 0.1 * 224 / side * (8 / stride) ** 2, "wrong way round in the side"),
        (lambda side, stride: 0.1 * 224 / side * (stride / 8) ** 2, "the wrong way round: "),
        (lambda side, stride: 0.1 * (side / 224) ** 2 * (8 / stride) ** 2, "as a root"),
        (lambda side, stride: 0.1 * side / 224 * (stride / 8) ** 2, "more weight"),
        (lambda side, stride: 0.1 * side / 224 * 8 / stride, "both directions"),
        (lambda side, stride: 0.1 * side / 224, "how many scores"),
        (lambda side, stride: 0.1 * (8 / stride) ** 2, "side of the picture"),
        (lambda side, stride: 0.1, "worth"),
        (lambda side, stride: 1.0, "P = (side / stride)²"),
    ],
)
def test_typical_weights_are_named(wrong, word):
    assert word in check.adversarial_weight(wrong).says and not check.adversarial_weight(wrong)


# Three bugs.


def class_term(logits, y):
    return nn.functional.kl_div(logits.log_softmax(1), y, reduction="batchmean")


def between(real, fake, rng):
    u = torch.rand(len(real), 1, 1, 1, generator=rng)
    return u * real + (1 - u) * fake


def adversarial_term(D, L, ab):
    return -D(L, ab).mean()


def frozen(D, L, ab):
    D.requires_grad_(False)
    return -D(L, ab).mean()


def no_gradient(D, L, ab):
    with torch.no_grad():
        return -D(L, ab).mean()


def test_the_repaired_functions_are_right():
    assert check.repaired(class_term, between, adversarial_term) and check.repaired(class_term, between, frozen)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (lambda logits, y: nn.functional.kl_div(logits.log_softmax(1), y), "number of classes"),
        (lambda logits, y: nn.functional.kl_div(logits.log_softmax(1), y, reduction="sum"), "batch"),
        (lambda logits, y: nn.functional.cross_entropy(logits, y), "cross entropy"),
        (lambda logits, y: nn.functional.kl_div(logits.softmax(1), y, reduction="batchmean"), "log 2"),
        (None, "hand in the function"),
        ("kl", "hand in the function"),
    ],
)
def test_typical_class_terms_are_named(wrong, word):
    verdict = check.repaired(wrong, between, adversarial_term)
    assert word in verdict.says and not verdict


def mixed(draw):
    def points(real, fake, rng):
        u = draw(real, rng)
        return u * real + (1 - u) * fake

    return points


@pytest.mark.parametrize(
    ("draw", "word"),
    [
        (lambda x, rng: torch.randn(len(x), 1, 1, 1, generator=rng), "outside the segment"),
        (lambda x, rng: torch.rand(x.shape, generator=rng), "each pixel"),
        (lambda x, rng: torch.rand(1, generator=rng), "a u of its own"),
        (lambda x, rng: torch.rand(len(x), 1, 1, 1, generator=rng) ** 2, "uniform"),
    ],
)
def test_typical_points_are_named(draw, word):
    verdict = check.repaired(class_term, mixed(draw), adversarial_term)
    assert word in verdict.says and not verdict


def stepping(D, L, ab):
    term = adversarial_term(D, L, ab)
    term.backward()
    return term


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (no_gradient, "no gradient"),
        (stepping, "leave backward()"),
        (lambda D, L, ab: -D(L, ab.detach()).mean(), "no gradient"),
        (lambda D, L, ab: D(L, ab).mean(), "sign"),
        (lambda D, L, ab: -D(L, ab).sum(), "not their sum"),
        (lambda D, L, ab: -D(ab).mean(), "raised TypeError"),
        (lambda D, L, ab: 0.0, "no gradient"),
    ],
)
def test_typical_adversarial_terms_are_named(wrong, word):
    verdict = check.repaired(class_term, between, wrong)
    assert word in verdict.says and not verdict


def test_the_points_of_the_package_lie_on_the_segment():
    def points(real, fake, rng):
        seen = []

        def D(x):
            seen.append(x.detach())
            return x.flatten(1).sum(1)

        gradient_penalty(D, real, fake, rng)
        return seen[-1]

    assert check.repaired(class_term, points, adversarial_term)
