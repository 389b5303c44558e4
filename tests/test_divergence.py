import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from genimg._base.errors import UsageError
from genimg.numerics.divergence import (
    delta,
    f_critic,
    f_value,
    gan_value,
    hahn,
    hinge_value,
    js,
    kl,
    mmd,
    optimal_discriminator,
    r1_critic,
    tv_dual,
)

LOG2 = math.log(2)


@st.composite
def pmfs(draw, count=2):
    k = draw(st.integers(1, 8))
    rows = [draw(st.lists(st.integers(0, 9), min_size=k, max_size=k).filter(any)) for _ in range(count)]
    return [torch.tensor(row, dtype=torch.float64) / sum(row) for row in rows]


def critics(k, low, high):
    return torch.rand(20, k, dtype=torch.float64, generator=torch.Generator().manual_seed(k)) * (high - low) + low


def gaussians(mean=2.0, half_width=14.0, points=20_001):
    t = torch.linspace(-half_width + mean / 2, half_width + mean / 2, points, dtype=torch.float64)
    normal = torch.distributions.Normal
    zero, one = torch.tensor(0.0, dtype=torch.float64), torch.tensor(1.0, dtype=torch.float64)
    return normal(zero, one).log_prob(t).exp(), normal(zero + mean, one).log_prob(t).exp(), float(t[1] - t[0])


def test_known_values_for_two_gaussians():
    p, q, dx = gaussians(mean=2.0)
    assert kl(p, q, dx).item() == pytest.approx(2.0, abs=1e-6)  # mean^2 / 2
    assert delta(p, q, dx).item() == pytest.approx(math.erf(1 / math.sqrt(2)), abs=1e-6)  # 2 Phi(1) - 1 = 0.683
    assert js(p, q, dx).item() < LOG2


@pytest.mark.parametrize(
    ("apart", "expected_delta", "expected_js", "expected_kl"), [(0, 0, 0, 0), (1, 1, LOG2, math.inf)]
)
def test_equal_and_disjoint_laws(apart, expected_delta, expected_js, expected_kl):
    p = torch.tensor([0.25, 0.75, 0.0, 0.0])
    q = p.roll(2 * apart)
    assert delta(p, q).item() == pytest.approx(expected_delta)
    assert js(p, q).item() == pytest.approx(expected_js)
    assert kl(p, q).item() == pytest.approx(expected_kl)


def test_a_tail_that_almost_vanishes_does_not_make_js_infinite():
    smallest = 5e-324  # half of it is zero
    p = torch.tensor([1.0, smallest, 0.0], dtype=torch.float64)
    q = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    assert js(p, q).item() == pytest.approx(LOG2)
    assert js(q, p).item() == pytest.approx(LOG2)


@given(pmfs())
def test_scipy_agrees(pair):
    from scipy.spatial.distance import jensenshannon
    from scipy.stats import entropy

    p, q = pair
    assert kl(p, q).item() == pytest.approx(float(entropy(p.numpy(), q.numpy())), abs=1e-12)
    assert js(p, q).item() == pytest.approx(float(jensenshannon(p.numpy(), q.numpy())) ** 2, abs=1e-9)


@given(pmfs())
def test_delta_is_the_supremum_over_events(pair):
    p, q = pair
    k = len(p)
    events = torch.tensor([[(number >> i) & 1 for i in range(k)] for number in range(2**k)], dtype=torch.float64)
    assert (events @ (p - q)).abs().max().item() == pytest.approx(delta(p, q).item(), abs=1e-12)


@given(pmfs())
def test_the_hahn_critic_attains_two_delta_and_no_bounded_critic_more(pair):
    p, q = pair
    best = tv_dual(p, q, hahn(p, q))
    assert best.item() == pytest.approx(2 * delta(p, q).item(), abs=1e-12)
    assert (tv_dual(p, q, critics(len(p), -1, 1)) <= best + 1e-12).all()


@given(pmfs())
def test_a_critic_between_zero_and_one_certifies_delta_without_the_factor(pair):
    p, q = pair
    assert tv_dual(p, q, (p > q).double()).item() == pytest.approx(delta(p, q).item(), abs=1e-12)


@given(pmfs())
def test_the_gan_value_at_the_optimum(pair):
    p, q = pair
    best = gan_value(p, q, optimal_discriminator(p, q))
    assert best.item() == pytest.approx(-math.log(4) + 2 * js(p, q).item(), abs=1e-12)
    assert (gan_value(p, q, critics(len(p), 0, 1)) <= best + 1e-12).all()


@given(pmfs(count=3))
def test_symmetry_triangle_and_pinsker(laws):
    p, q, r = laws
    torch.testing.assert_close(delta(p, q), delta(q, p))
    torch.testing.assert_close(js(p, q), js(q, p))
    assert delta(p, q) <= delta(p, r) + delta(r, q) + 1e-12
    assert js(p, q).clamp(min=0).sqrt() <= js(p, r).clamp(min=0).sqrt() + js(r, q).clamp(min=0).sqrt() + 1e-7
    assert 2 * delta(p, q) ** 2 <= kl(p, q) + 1e-12
    assert js(p, q) <= LOG2 * delta(p, q) + 1e-12


def test_the_order_of_the_laws_is_real_then_fake():
    p, q = torch.tensor([0.9, 0.1]), torch.tensor([0.5, 0.5])
    assert kl(p, q).item() == pytest.approx(0.9 * math.log(1.8) + 0.1 * math.log(0.2))
    assert hahn(p, q).tolist() == [1, -1]
    assert optimal_discriminator(p, q)[0].item() == pytest.approx(0.9 / 1.4)


def test_a_batch_of_laws_and_gradients():
    p = torch.tensor([[0.5, 0.5], [1.0, 0.0]])
    q = torch.tensor([0.5, 0.5])
    assert delta(p, q).tolist() == [0.0, 0.5]
    logits = torch.tensor([0.3, -0.2], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda u: js(u.softmax(0), q), logits)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: kl(p, torch.tensor([0.5, 0.6])), "q must sum to 1, got 1.1; pass dx"),
        (lambda p: js(torch.tensor([1.5, -0.5]), p), "p must be at least 0"),
        (lambda p: delta(p, torch.ones(3) / 3), "share their last axis"),
        (lambda p: tv_dual(p, p, torch.tensor([2.0, 0.0])), r"D must lie in \[-1, 1\]"),
        (lambda p: gan_value(p, p, torch.tensor([2.0, 0.0])), r"D must lie in \[0, 1\]"),
    ],
)
def test_bad_input_is_one_clear_line(call, message):
    with pytest.raises(UsageError, match=message):
        call(torch.tensor([0.5, 0.5]))


CLOSED = {  # of N(m, 1) against N(0, 1)
    "kl": lambda m: m**2 / 2,
    "pearson": lambda m: math.exp(m**2) - 1,
    "hellinger": lambda m: 2 - 2 * math.exp(-(m**2) / 8),
}


@pytest.mark.parametrize("which", CLOSED)
def test_the_best_critic_of_an_f_gan_attains_a_known_divergence_and_no_other_exceeds_it(which):
    q, p, dx = gaussians(mean=1.0, half_width=8.0, points=4001)
    best = f_critic(p, q, which)
    assert f_value(p, q, best, which, dx).item() == pytest.approx(CLOSED[which](1.0), rel=1e-6)
    p, q = torch.tensor([[0.5, 0.2, 0.3], [0.1, 0.6, 0.3]], dtype=torch.float64)
    best = f_critic(p, q, which)
    top = f_value(p, q, best, which).item()
    for other in critics(3, -3.0, 0.99):
        for t in (0.1, 1.0):
            assert f_value(p, q, best + t * (other - best), which).item() <= top + 1e-12


def test_mmd_of_two_gaussians_is_known_and_its_critic_has_norm_one():
    p, q, dx = gaussians(mean=2.0, half_width=8.0, points=801)
    t = torch.linspace(-7, 9, 801, dtype=torch.float64)
    value, D = mmd(t, p * dx, q * dx, bandwidth=0.5)
    kernel = lambda d: 0.5 / math.sqrt(0.25 + 2) * math.exp(-(d**2) / (2 * (0.25 + 2)))  # noqa: E731
    assert value.item() ** 2 == pytest.approx(2 * kernel(0) - 2 * kernel(2), rel=1e-6)
    assert (dx * (p - q) @ D).item() == pytest.approx(value.item(), rel=1e-9)
    same, flat = mmd(t, p * dx, p * dx)
    assert same.item() == 0 and not flat.any()
    with pytest.raises(UsageError, match="801 points"):
        mmd(t, p[:3] / p[:3].sum(), p[:3] / p[:3].sum())


@given(pmfs())
def test_the_hinge_is_the_total_variation(laws):
    p, q = laws
    assert hinge_value(p, q, hahn(p, q)).item() == pytest.approx(2 - 2 * delta(p, q).item())
    for D in critics(len(p), -3, 3):
        assert hinge_value(p, q, D).item() >= 2 - 2 * delta(p, q).item() - 1e-9


@pytest.mark.parametrize("gamma", [0.03, 1.0, 30.0])
def test_no_critic_near_it_is_better_than_the_best_under_r1(gamma):
    p, q, dx = gaussians(mean=2.0, half_width=5.0, points=201)
    p, q = p / (p.sum() * dx), q / (q.sum() * dx)

    def value(D):
        slope = (D.diff() / dx).square()
        return (dx * (p * torch.sigmoid(D).log() + q * torch.sigmoid(-D).log())).sum() - (
            gamma / 2 * dx * ((p[1:] + p[:-1]) / 2 * slope).sum()
        )

    best = r1_critic(p, q, gamma, dx)
    for other in critics(201, -1, 1):
        assert value(best + 1e-2 * other) < value(best)
    constant = torch.ones_like(p)
    assert abs((value(best + 1e-4 * constant) - value(best - 1e-4 * constant)).item()) < 1e-9
    assert value(best) < -2 * LOG2 + 2 * js(p, q, dx)


def test_r1_needs_some_mass_everywhere():
    with pytest.raises(UsageError, match="positive at each point"):
        r1_critic(torch.tensor([1.0, 0.0]), torch.tensor([1.0, 0.0]), 1.0, 1.0)
