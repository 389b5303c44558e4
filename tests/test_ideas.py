"""The mathematics of ideas.js against the numerics and the history of the package, samples and closed forms."""

import json
import math

import pytest
import torch
from javascript import evaluated

import genimg as gi
from genimg import divergence, poisson, transport
from genimg._base.errors import UsageError
from genimg.numerics import color
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


@pytest.mark.parametrize(("alpha", "beta"), [(0, 0.0), (30, 0.0), (0, 0.05), (110, 0.2)])
def test_the_law_of_the_past_is_that_of_a_history(alpha, beta):
    out = js("past", alpha=alpha, beta=beta, swing=4.0)
    kept, network = gi.History(), torch.nn.Linear(1, 1)
    for t in range(0, 121, 2):
        kept.add(t, network, network)
    weights = kept.weights(beta, start=alpha).double()
    assert torch.allclose(torch.tensor(out["weights"], dtype=torch.float64), weights, atol=1e-7)
    means = [4 * math.exp(-t / 60) * math.cos(2 * math.pi * t / 24) - 0.12 for t in kept.times]
    p = 0.6 * masses(-1.2, 0.5) + 0.4 * masses(1.5, 0.7)
    q = sum(w * masses(mean, 0.8) for w, mean in zip(weights, means, strict=True))
    assert torch.allclose(torch.tensor(out["q"], dtype=torch.float64), q, atol=1e-8)
    assert out["delta"] == pytest.approx(divergence.delta(p, q / q.sum()).item(), abs=1e-6)
    agree = torch.tensor(out["D"], dtype=torch.float64) == divergence.hahn(p, q / q.sum())
    assert agree[(p - q).abs() > 1e-9].all()
    assert out["missed"] == pytest.approx(p[q / 0.02 < 0.01].sum().item(), abs=1e-3)


def test_without_decay_all_states_count_alike_and_one_state_is_its_own_past():
    assert js("past", alpha=0, beta=0, swing=3)["weights"] == pytest.approx([1 / 61] * 61)
    assert js("past", alpha=120, beta=0.1, swing=3)["weights"] == [0] * 60 + [1]
    at_rest = js("past", alpha=0, beta=0.1, swing=0)  # one and the same law at all times
    assert at_rest["q"] == pytest.approx(masses(-0.12, 0.8).tolist(), abs=1e-12)


def test_the_colours_are_those_of_the_package():
    lab = torch.rand(500, 3, generator=gi.rng(0), dtype=torch.float64) * torch.tensor([100.0, 220, 220])
    lab -= torch.tensor([0.0, 110, 110])
    pixels = lab.T.reshape(1, 3, -1, 1)
    found = evaluated(
        module("ideas"), f"{json.dumps(lab.tolist())}.map((lab) => [...it.labToRgb(lab), +it.exists(lab)])"
    )
    found = torch.tensor(found, dtype=torch.float64)
    assert (found[:, :3].T - color.lab_to_rgb(pixels, clip=False)[0, ..., 0]).abs().max() < 1e-9
    assert found[:, 3].tolist() == color.in_gamut(pixels).flatten().double().tolist()
    assert 0 < found[:, 3].sum() < 500


def test_the_chroma_is_scaled_to_the_border_of_the_gamut_and_no_further():
    red = js("gamut", L=53.2, a=120.0, b=100.7)  # 1.5 times the strongest red
    assert red["share"] == pytest.approx(2 / 3, abs=0.01)
    assert js("gamut", L=50, a=10, b=10)["share"] == 1
    for L in (15, 65):
        a, b = torch.cartesian_prod(*2 * [torch.arange(-112.0, 113, 4)]).T
        there = color.in_gamut(torch.stack([torch.full_like(a, L), a, b]).double().reshape(1, 3, -1, 1)).flatten()
        expected = torch.stack([a, b], 1)[there].tolist()
        assert js("gamut", L=L, a=0, b=0)["cells"] == expected


def test_a_row_is_edited_as_by_the_package():
    draw = gi.rng(3)
    for k in range(20):
        y, g = torch.rand(2, 24, generator=draw, dtype=torch.float64)
        known = torch.rand(24, generator=draw) < 0.4
        known[k] = True
        exact = poisson.edit(y.view(1, 1, 1, -1), g.view(1, 1, 1, -1), known.view(1, -1).int()).flatten()
        rows = ", ".join(json.dumps(row.tolist()) for row in (y, g, known))
        assert evaluated(module("ideas"), f"it.edited({rows})") == pytest.approx(exact.tolist(), abs=1e-6)


def test_what_is_wrong_by_a_constant_is_repaired_completely():
    good, bright = (js("poisson", offset=offset, tilt=0, end=32) for offset in (0.0, 0.3))
    assert bright["x"] == pytest.approx(good["x"]) and good["x"] == pytest.approx(good["pasted"], abs=1e-4)
    free = js("poisson", offset=0.3, tilt=0.4, end=47)  # no pixel on the right: only a constant is added
    assert [x - g for x, g in zip(free["x"][12:], free["g"][12:], strict=True)] == pytest.approx(
        [free["y"][11] - free["g"][11]] * 36
    )


@pytest.mark.parametrize("idea", IDEAS)
def test_every_corner_of_the_sliders_draws_numbers(idea):
    _, sliders = IDEAS[idea]
    for k in range(2 ** len(sliders)):
        values = {s.key: (s.high if k >> i & 1 else s.low) for i, s in enumerate(sliders)}
        shown = evaluated(module("ideas"), f"it.IDEAS[{json.dumps(idea)}]({json.dumps(values)})")
        assert "NaN" not in shown["drawn"] + shown["said"] and "Infinity" not in shown["drawn"] + shown["said"]
    for s in sliders:
        assert s.low <= s.start <= s.high and math.isclose(round(s.start / s.step) * s.step, s.start, abs_tol=1e-9)


@pytest.mark.parametrize("idea", IDEAS)
def test_a_picture_stands_where_no_script_runs(idea):
    html = Idea(idea)._repr_mimebundle_()[0]["text/html"]
    assert html == Idea(idea)._repr_mimebundle_()[0]["text/html"]
    picture = html.split('data-part="picture">')[1].split("</svg>")[0]
    assert (
        'role="img" aria-label="' in picture
        and "nan" not in picture
        and picture.count("M") + picture.count("<rect") >= 2
    )


def test_bad_ideas_are_refused_in_one_line():
    with pytest.raises(UsageError, match="did you mean 'penalty'"):
        Idea("penalti")
    with pytest.raises(UsageError, match="gap must be between"):
        Idea("penalty", gap=9)
    with pytest.raises(UsageError, match="not 'lambda_'"):
        Idea("penalty", lambda_=1)
