"""The mathematics of ideas.js against the divergences and distances of the package, samples and closed forms."""

import json
import math

import pytest
import torch
from javascript import evaluated

import genimg as gi
from genimg import divergence, transport
from genimg._base.errors import UsageError
from genimg.widgets import Idea
from genimg.widgets.ideas import IDEAS
from genimg.widgets.page import module

GRID = torch.linspace(-6, 6, 601, dtype=torch.float64)


def js(expression, **values):
    return evaluated(module("ideas"), f"it.{expression}({json.dumps(values)})")


def masses(mean, sd):
    p = torch.exp(-(((GRID - mean) / sd) ** 2) / 2)
    return p / p.sum()


def test_the_law_that_is_drawn_is_the_law_of_samples():
    out = js("pushforward", shift=0.5, scale=0.7, bend=0.1)
    x, y = (torch.tensor(out[name], dtype=torch.float64) for name in ("x", "y"))
    assert torch.trapezoid(y, x).item() == pytest.approx(1, abs=1e-3)  # z is cut at ±4
    z = torch.randn(400_000, generator=gi.rng(0), dtype=torch.float64)
    sample = 0.5 + 0.7 * z + 0.1 * z**3
    assert out["mean"] == pytest.approx(sample.mean().item(), abs=0.01)
    assert out["deviation"] == pytest.approx(sample.std().item(), rel=0.01)
    below = torch.trapezoid(y[x <= 1.0], x[x <= 1.0]).item()
    assert below == pytest.approx((sample <= 1.0).double().mean().item(), abs=0.01)


@pytest.mark.parametrize(("real", "fake", "width"), [(-1.0, 1.0, 1.0), (2.0, -3.0, 0.4), (0.0, 0.0, 1.0)])
def test_the_discriminator_is_the_optimal_one(real, fake, width):
    out = js("discriminator", real=real, fake=fake, width=width)
    p, q = masses(real, 1.0), masses(fake, width)
    best = divergence.optimal_discriminator(p, q)
    assert (torch.tensor(out["D"], dtype=torch.float64) - best).abs().max() < 1e-9
    assert out["js"] == pytest.approx(divergence.js(p, q).item(), abs=1e-9)


def test_the_penalised_critic_overestimates_as_the_book_proves():
    out = js("penalty", gap=2.0, K=0.5, lam=10.0)
    p, q = masses(1.0, 1.0), masses(-1.0, 1.0)
    assert out["w1"] == pytest.approx(transport.w1_1d(GRID, GRID, p, q), rel=1e-9)
    assert out["reported"] == pytest.approx(2.21, abs=0.005)  # proposition "bias" of chapter 04, for these laws
    gap = p - q
    for D, value in (("clipped", 0.5 * out["w1"]), ("penalised", out["reported"])):
        means = float(gap @ torch.tensor(out[D], dtype=torch.float64))
        assert means == pytest.approx(value, abs=0.02)
    far = js("penalty", gap=2.0, K=0.5, lam=1e6)
    assert far["reported"] == pytest.approx(far["w1"], rel=1e-4) and far["most"] == pytest.approx(1, abs=1e-2)


@pytest.mark.parametrize("idea", IDEAS)
def test_every_corner_of_the_sliders_draws_numbers(idea):
    _, sliders = IDEAS[idea]
    for k in range(2 ** len(sliders)):
        values = {s.key: (s.high if k >> i & 1 else s.low) for i, s in enumerate(sliders)}
        shown = evaluated(module("ideas"), f"it.IDEAS[{json.dumps(idea)}]({json.dumps(values)})")
        assert "NaN" not in shown["drawn"] + shown["said"] and "Infinity" not in shown["drawn"] + shown["said"]
    for s in sliders:
        assert s.low <= s.start <= s.high and math.isclose(round(s.start / s.step) * s.step, s.start, abs_tol=1e-9)


def test_bad_ideas_are_refused_in_one_line():
    with pytest.raises(UsageError, match="did you mean 'penalty'"):
        Idea("penalti")
    with pytest.raises(UsageError, match="gap must be between"):
        Idea("penalty", gap=9)
    with pytest.raises(UsageError, match="not 'lambda_'"):
        Idea("penalty", lambda_=1)
    html = Idea("penalty")._repr_mimebundle_()[0]["text/html"]
    assert html == Idea("penalty")._repr_mimebundle_()[0]["text/html"] and 'role="img"' in html
