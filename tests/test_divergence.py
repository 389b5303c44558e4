import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from genimg._base.errors import UsageError
from genimg.numerics.divergence import delta, gan_value, hahn, js, kl, optimal_discriminator, tv_dual

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
