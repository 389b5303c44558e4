"""The identities of the theory chapters, measured on random laws: how far two ways to compute one number differ."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genimg._base import devices, seeding
from genimg._base.records import Record
from genimg.gan import distributions, networks, objectives
from genimg.gan.training import critic_steps
from genimg.lab.experiments import Progress
from genimg.numerics import divergence, transport

SIZES = {
    "quick": {"laws": 5, "support": 50, "points": 40, "steps": 200},
    "cpu": {"laws": 100, "support": 1000, "points": 200, "steps": 2000},
    "full": {"laws": 100, "support": 1000, "points": 200, "steps": 2000},
}


def run(
    profile: str, seeds: list[int], device: torch.device, out: Path, resume: bool, progress: Progress
) -> dict[str, Record]:
    """Four numbers per seed: two gaps that should be zero, a factor that should be 2, a bias that should be 0.21."""
    size = SIZES[profile]
    measures: dict[str, tuple[Callable[[int, dict[str, int]], float], dict[str, Any]]] = {
        "theory-js-identity": (
            js_gap,
            {
                "claim": "min_G V(G, D*) = -log 4 + 2 JS(P_real, P_G)",
                "chapter": "02_gan_theory",
                "source": "Goodfellow et al. 2014, theorem 1; the talk, 'Distances and divergences'",
                "dataset": f"{size['laws']} pairs of random laws on {size['support']} points",
                "method": "V at D* = p/(p+q) against -log 4 + 2 JS, both in float64",
                "metric": "largest |difference|",
                "unit": "nat",
                "better": "lower",
                "reported": 0.0,
                "deviations": [],
            },
        ),
        "theory-w1-duality": (
            w1_gap,
            {
                "claim": "W1 as an infimum over couplings equals its supremum over 1-Lipschitz functions",
                "chapter": "03_wasserstein_tv",
                "source": "Villani 2008, theorem 5.10; the talk, 'Distances, Wasserstein-GAN'",
                "dataset": f"two clouds of {size['points']} points in R^2, Gaussian, means 2 apart",
                "method": "network simplex (POT) against a linear programme over potentials (HiGHS)",
                "metric": "|primal - dual| / primal",
                "unit": "1",
                "better": "lower",
                "reported": 0.0,
                "deviations": [],
            },
        ),
        "theory-tv-factor": (
            tv_factor,
            {
                "claim": "the supremum over -1 <= D <= 1 is twice delta, not delta",
                "chapter": "03_wasserstein_tv",
                "source": "the talk, 'Distances. Total Variation', whose last line writes delta for the supremum",
                "dataset": f"{size['laws']} pairs of random laws on {size['support']} points",
                "method": "value of D* = 1_P - 1_N over transport with the 0-1 cost, mean over pairs",
                "metric": "ratio",
                "unit": "1",
                "better": "higher",
                "reported": 1.0,
                "deviations": [
                    "The slide equates the supremum with delta; with its own definition of delta the ratio is 2."
                ],
            },
        ),
        "theory-gp-bias": (
            penalty_bias,
            {
                "claim": "a critic trained with the gradient penalty overestimates W1",
                "chapter": "04_wgan",
                "source": "calculus of variations, chapter 04: theory gives 2.21 where W1 = 2",
                "dataset": "N(2, 1) against N(0, 1)",
                "method": f"WGAN-GP, lambda 10, MLP 1-64-64-1, {size['steps']} steps",
                "metric": "E D(real) - E D(fake)",
                "unit": "1",
                "better": "lower",
                "reported": None,
                "deviations": [],
            },
        ),
    }
    records = {}
    for done, (name, (measure, about)) in enumerate(measures.items()):
        begun = time.perf_counter()
        values = []
        for k, seed in enumerate(seeds):
            progress(name, done * len(seeds) + k, len(measures) * len(seeds))
            values.append(measure(seed, size))
        records[name] = Record(
            **about,
            values=values,
            seeds=seeds,
            config=size,
            profile=profile,
            device=devices.describe("cpu"),
            seconds=round(time.perf_counter() - begun, 1),
            weights=None,
        )
    progress("theory", len(measures) * len(seeds), len(measures) * len(seeds))
    return records


def random_laws(seed: int, size: dict[str, int]) -> list[tuple[Tensor, Tensor]]:
    """Pairs of pmfs with masses over many orders of magnitude, some of them zero."""
    rng = seeding.rng(seeding.child(seed, "laws"))
    pairs = []
    for _ in range(size["laws"]):
        mass = torch.randn(2, size["support"], generator=rng, dtype=torch.float64).mul(3).exp()
        mass *= torch.rand(2, size["support"], generator=rng, dtype=torch.float64) > 0.2
        mass /= mass.sum(1, keepdim=True)
        pairs.append((mass[0], mass[1]))
    return pairs


def js_gap(seed: int, size: dict[str, int]) -> float:
    """max over random pairs of |V(G, D*) − (−log 4 + 2 JS)|."""
    gaps = [
        abs(
            float(divergence.gan_value(p, q, divergence.optimal_discriminator(p, q)))
            - (-math.log(4) + 2 * float(divergence.js(p, q)))
        )
        for p, q in random_laws(seed, size)
    ]
    return max(gaps)


def w1_gap(seed: int, size: dict[str, int]) -> float:
    """Relative difference of the two linear programmes for one pair of clouds."""
    rng = seeding.rng(seeding.child(seed, "clouds"))
    x = torch.randn(size["points"], 2, generator=rng, dtype=torch.float64)
    y = torch.randn(size["points"], 2, generator=rng, dtype=torch.float64) + torch.tensor([2.0, 0.0])
    primal, dual = float(transport.w1_primal(x, y).value), float(transport.w1_dual(x, y).value)
    return abs(primal - dual) / primal


def tv_factor(seed: int, size: dict[str, int]) -> float:
    """Mean over random pairs of sup_{-1≤D≤1}(E1 D − E2 D) over the cost of transport with the 0–1 cost."""
    ratios = []
    for p, q in random_laws(seed, size | {"support": min(size["support"], 100)}):
        cost = 1 - torch.eye(len(p), dtype=torch.float64)
        supremum = divergence.tv_dual(p, q, divergence.hahn(p, q))
        ratios.append(float(supremum) / float(transport.transport_cost(cost, p, q).value))
    return sum(ratios) / len(ratios)


def penalty_bias(seed: int, size: dict[str, int]) -> float:
    """E D(real) − E D(fake) of a trained penalised critic, on fresh samples."""
    rng = [seeding.rng(seeding.child(seed, name)) for name in ("real", "fake", "penalty")]
    real, fake = distributions.Gaussian(1, rng[0], mean=2.0), distributions.Gaussian(1, rng[1])
    D = networks.mlp([1, 64, 64, 1], activation="silu", seed=seeding.child(seed, "critic"), zero_last=True)
    for _ in critic_steps(
        D, real, fake, objectives.WassersteinGP(10.0), steps=size["steps"], rng=rng[2], lr=3e-3, batch=512
    ):
        pass
    with torch.no_grad():
        return float(D(real.sample(200_000)).mean() - D(fake.sample(200_000)).mean())
