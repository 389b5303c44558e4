"""Objectives: known answers, any shape, signs, and the mistakes that public re-implementations make."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import genimg as gi
from genimg._base.errors import UsageError
from genimg.gan.objectives import gradient_penalty


def linear(w):
    return lambda x: x.flatten(1) @ w


@given(
    shape=st.sampled_from([(3,), (1, 4, 4), (2, 3, 3), (3, 4, 4), (5, 2, 2)]),
    norm=st.floats(0.1, 5),
    n=st.integers(1, 6),
)
@settings(max_examples=25, deadline=None)
def test_penalty_of_a_linear_critic_is_known_for_any_shape(shape, norm, n):
    w = torch.randn(math.prod(shape), generator=gi.rng(0))
    w = norm * w / w.norm()
    real, fake = torch.randn(n, *shape, generator=gi.rng(1)), torch.randn(n, *shape, generator=gi.rng(2))
    assert float(gradient_penalty(linear(w), real, fake, gi.rng(3))) == pytest.approx((norm - 1) ** 2, abs=1e-4)


def test_penalty_flattens_before_the_norm():
    """An element-wise norm of a (1, 2, 2) gradient of ones would be 1 and the penalty 0; the true norm is 2."""
    real = torch.zeros(3, 1, 2, 2)
    assert float(gradient_penalty(linear(torch.ones(4)), real, real + 1, gi.rng(0))) == pytest.approx(1.0, abs=1e-5)


def test_penalty_mixes_with_one_uniform_number_per_sample():
    seen = []

    def D(x):
        seen.append(x.detach())
        return x.flatten(1).sum(1)

    gradient_penalty(D, torch.ones(4000, 1, 2, 2), torch.zeros(4000, 1, 2, 2), gi.rng(0))
    u = seen[0].flatten(1)  # real = 1 and fake = 0, so the mixed sample is u itself
    assert torch.equal(u.min(1).values, u.max(1).values)
    assert float(u.min()) >= 0 and float(u.max()) <= 1
    assert float(u[:, 0].mean()) == pytest.approx(0.5, abs=0.02)
    assert float(u[:, 0].var()) == pytest.approx(1 / 12, abs=0.005)  # uniform, not normal


def test_penalty_has_a_finite_derivative_where_the_critic_is_flat():
    D = gi.networks.mlp([2, 8, 1], seed=0, zero_last=True)
    x = torch.randn(5, 2, generator=gi.rng(0))
    gradient_penalty(D, x, x + 1, gi.rng(1)).backward()
    assert all(p.grad is None or bool(p.grad.isfinite().all()) for p in D.parameters())


def test_penalty_refuses_batches_of_different_shape():
    with pytest.raises(UsageError, match="must have one shape"):
        gradient_penalty(linear(torch.ones(2)), torch.zeros(3, 2), torch.zeros(4, 2), gi.rng(0))


def test_penalty_is_added_to_the_loss():
    """In some public code the penalty is computed and forgotten."""
    w = torch.tensor([3.0, 4.0])
    real, fake = torch.ones(4, 2), torch.zeros(4, 2)
    out = gi.WassersteinGP(lam=10).critic_loss(linear(w), real, fake, gi.rng(0))
    assert float(out.distance) == pytest.approx(7.0)
    assert float(out.penalty) == pytest.approx(160.0, rel=1e-4)
    assert float(out.loss) == pytest.approx(153.0, rel=1e-4)


@pytest.mark.parametrize(
    "objective",
    [
        gi.Vanilla(),
        gi.Vanilla(saturating=True),
        gi.WassersteinClip(),
        gi.WassersteinGP(),
        gi.TotalVariation(),
        gi.TotalVariation(smooth=0.1),
        gi.TanhTotalVariation(),
    ],
)
def test_sign_convention_the_critic_is_large_on_real_and_the_generator_climbs_it(objective):
    real, fake = torch.full((8, 1), 0.5), torch.full((8, 1), -0.5)

    def right(x):
        return 0.9 * x

    good = objective.critic_loss(right, real, fake, gi.rng(0))
    bad = objective.critic_loss(lambda x: -right(x), real, fake, gi.rng(0))
    assert good.loss < bad.loss and good.distance > bad.distance
    assert objective.generator_loss(right, real) < objective.generator_loss(right, fake)


def test_vanilla_value_at_the_optimal_discriminator():
    """D* between N(0,1) and N(1,1) has the logit 1/2 - x; V = -log 4 + 2 JS, JS by quadrature."""
    p, q = gi.Gaussian(1, gi.rng(0)), gi.Gaussian(1, gi.rng(1), mean=1.0)
    x = torch.linspace(-12, 13, 20001, dtype=torch.float64)[:, None]
    pdf, qdf = p.log_prob(x).exp(), q.log_prob(x).exp()
    mid, dx = (pdf + qdf) / 2, float(x[1] - x[0])
    js = float((pdf * (pdf / mid).log() + qdf * (qdf / mid).log()).sum()) * dx / 2
    n = 200_000
    out = gi.Vanilla().critic_loss(lambda x: 0.5 - x[:, 0], p.sample(n), q.sample(n), gi.rng(2))
    assert float(out.distance) == pytest.approx(-math.log(4) + 2 * js, abs=0.01)


def test_vanilla_saturating_gradient_vanishes_where_the_other_does_not():
    """Where D is sure (logit -10), d/ds log(1 - sigmoid(s)) is about 4.5e-5 and d/ds -log sigmoid(s) about -1."""
    score = torch.tensor([-10.0], requires_grad=True)
    (saturating,) = torch.autograd.grad(gi.Vanilla(saturating=True).generator_loss(lambda x: x, score), score)
    (not_so,) = torch.autograd.grad(gi.Vanilla().generator_loss(lambda x: x, score), score)
    assert float(saturating) == pytest.approx(-math.exp(-10), rel=1e-3)
    assert float(not_so) == pytest.approx(-1, abs=1e-3)


def test_clipping_bounds_every_parameter_and_leaves_other_objectives_alone():
    D = gi.networks.mlp([2, 8, 1], seed=0)
    before = [p.clone() for p in D.parameters()]
    gi.WassersteinGP().project(D)
    assert all(torch.equal(a, b) for a, b in zip(before, D.parameters(), strict=True))
    gi.WassersteinClip(c=0.05).project(D)
    assert max(float(p.detach().abs().max()) for p in D.parameters()) == pytest.approx(0.05)


@pytest.mark.parametrize("make", [gi.WassersteinClip, gi.WassersteinGP, gi.TotalVariation])
def test_constants_must_be_positive(make):
    with pytest.raises(UsageError, match="must be a finite number above 0"):
        make(-1.0)


@given(scale=st.floats(0.01, 20), shift=st.floats(0.1, 4))
@settings(max_examples=30, deadline=None)
def test_total_variation_dual_value_stays_below_delta_whatever_the_critic(scale, shift):
    """delta(N(0,1), N(s,1)) = 2 Phi(s/2) - 1; a dual value is a lower bound even if D leaves [-1, 1]."""
    n = 20_000
    real = torch.randn(n, 1, generator=gi.rng(0))
    fake = torch.randn(n, 1, generator=gi.rng(1)) + shift
    out = gi.TotalVariation().critic_loss(lambda x: scale * (shift / 2 - x[:, 0]), real, fake, gi.rng(2))
    delta = math.erf(shift / 2 / math.sqrt(2))
    assert float(out.distance) <= delta + 0.02  # sampling error of 20,000 draws


def test_trained_total_variation_critic_approaches_delta_of_two_gaussians():
    """delta(N(0,1), N(2,1)) = 2 Phi(1) - 1 = 0.683 (design's oracle); a learned D reaches it from below."""
    p, q = gi.Gaussian(1, gi.rng(0)), gi.Gaussian(1, gi.rng(1), mean=2.0)
    D = gi.networks.mlp([1, 32, 32, 1], seed=0)
    for _ in gi.critic_steps(D, p, q, gi.TotalVariation(), steps=400, rng=gi.rng(2), lr=5e-3):
        pass
    with torch.no_grad():
        out = gi.TotalVariation().critic_loss(D, p.sample(100_000), q.sample(100_000), gi.rng(3))
    assert 0.66 < float(out.distance) < 0.683 + 0.006


def test_penalised_value_is_w1_plus_its_known_bias():
    """N(0,1) against N(2,1): W1 = 2, but the optimal WGAN-GP critic at lam = 10 has a difference of means of 2.21.

    That is W1 + (1/2 lam) ∫ΔF²/rho; the penalty takes half of the excess back, so the penalised value is 2.105.
    """
    x = torch.linspace(-10, 12, 40001, dtype=torch.float64)
    normal = torch.distributions.Normal(torch.zeros((), dtype=torch.float64), 1.0)
    gap = normal.cdf(x) - normal.cdf(x - 2)
    u = (torch.arange(400, dtype=torch.float64) + 0.5) / 400
    mean, std = 2 * (1 - u), (u**2 + (1 - u) ** 2).sqrt()  # law of u·real + (1-u)·fake
    rho = (normal.log_prob((x[:, None] - mean) / std).exp() / std).mean(1)
    exact = 2 + float((gap**2 / rho).sum() * (x[1] - x[0])) / 20
    assert exact == pytest.approx(2.21, abs=0.005)

    p, q = gi.Gaussian(1, gi.rng(0), mean=2.0), gi.Gaussian(1, gi.rng(1))
    D = gi.networks.mlp([1, 64, 64, 1], activation="silu", seed=0, zero_last=True)
    for _ in gi.critic_steps(D, p, q, gi.WassersteinGP(10.0), steps=600, rng=gi.rng(2), lr=3e-3, batch=512):
        pass
    out = gi.WassersteinGP(10.0).critic_loss(D, p.sample(50_000), q.sample(50_000), gi.rng(3))
    assert float(out.distance - out.penalty) == pytest.approx((2 + exact) / 2, abs=0.12)
    assert float(out.distance) == pytest.approx(exact, abs=0.1)


def test_scores_keep_their_gradient_to_the_critic_alone_when_fakes_are_detached():
    G, D = nn.Linear(2, 2), gi.networks.mlp([2, 4, 1], seed=0)
    fake = G(torch.randn(4, 2)).detach()
    gi.WassersteinGP().critic_loss(D, torch.randn(4, 2), fake, gi.rng(0)).loss.backward()
    assert all(p.grad is None for p in G.parameters())
