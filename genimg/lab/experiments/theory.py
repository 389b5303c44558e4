"""The identities of the theory chapters, measured on random laws: how far two ways to compute one number differ."""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor

from genimg._base import seeding
from genimg._base.records import Record
from genimg.gan import distributions, networks, objectives
from genimg.gan.training import critic_steps
from genimg.lab.experiments import runner
from genimg.numerics import divergence, transport


@dataclass(frozen=True)
class Size:
    """The constants of a profile."""

    laws: int  # pairs of them
    support: int  # points of each
    points: int  # of each cloud
    steps: int  # of the critic


SIZES = {
    "quick": Size(laws=5, support=50, points=40, steps=200),
    "cpu": Size(laws=100, support=1000, points=200, steps=2000),
    "full": Size(laws=100, support=1000, points=200, steps=2000),
}


class Study(runner.Study[Size]):
    """Four numbers per seed: two gaps that should be zero, a factor that should be 2, a bias that should be 0.21."""

    def count(self) -> int:
        return len(self.job.seeds) * len(MEASURES)

    def parts(self, seed: int) -> dict[str, runner.Part]:
        """By record; all of it on the CPU."""
        found = {}
        for name, measure in MEASURES.items():
            self.job.tell(f"{name}, seed {seed}")
            begun = time.perf_counter()
            found[name] = runner.made(measure(seed, self.size), "cpu", time.perf_counter() - begun)
        return found

    def records(self, found: dict[int, dict[str, runner.Part]]) -> dict[str, Record]:
        size = self.size
        about: dict[str, dict[str, Any]] = {
            "theory-js-identity": {
                "claim": "min_G V(G, D*) = -log 4 + 2 JS(P_real, P_G)",
                "chapter": "02_gan_theory",
                "source": "Goodfellow et al. 2014, theorem 1; the talk, 'Distances and divergences'",
                "dataset": f"{size.laws} pairs of random laws on {size.support} points",
                "method": "V at D* = p/(p+q) against -log 4 + 2 JS, both in float64",
                "metric": "largest |difference|",
                "unit": "nat",
                "better": "lower",
                "reported": 0.0,
            },
            "theory-w1-duality": {
                "claim": "W1 as an infimum over couplings equals its supremum over 1-Lipschitz functions",
                "chapter": "03_wasserstein_tv",
                "source": "Villani 2008, theorem 5.10; the talk, 'Distances, Wasserstein-GAN'",
                "dataset": f"two clouds of {size.points} points in R^2, Gaussian, means 2 apart",
                "method": "network simplex (POT) against a linear programme over potentials (HiGHS)",
                "metric": "|primal - dual| / primal",
                "better": "lower",
                "reported": 0.0,
            },
            "theory-tv-factor": {
                "claim": "the supremum over -1 <= D <= 1 is twice delta, not delta",
                "chapter": "03_wasserstein_tv",
                "source": "the talk, 'Distances. Total Variation', whose last line writes delta for the supremum",
                "dataset": f"{size.laws} pairs of random laws on {size.support} points",
                "method": "value of D* = 1_P - 1_N over transport with the 0-1 cost, mean over pairs",
                "metric": "ratio",
                "reported": 1.0,
                "deviations": [
                    "The slide equates the supremum with delta; with its own definition of delta the ratio is 2."
                ],
            },
            "theory-gp-bias": {
                "claim": "a critic trained with the gradient penalty overestimates W1",
                "chapter": "04_wgan",
                "source": "calculus of variations, chapter 04: theory gives 2.21 where W1 = 2",
                "dataset": "N(2, 1) against N(0, 1)",
                "method": f"WGAN-GP, lambda 10, MLP 1-64-64-1, {size.steps} steps",
                "metric": "E D(real) - E D(fake)",
                "better": "lower",
            },
        }
        return {
            name: self.job.record(
                [parts[name] for parts in found.values()], values=[parts[name]["found"] for parts in found.values()],
                config=asdict(size), **fields,
            )
            for name, fields in about.items()
        }  # fmt: skip


def random_laws(seed: int, size: Size) -> list[tuple[Tensor, Tensor]]:
    """Pairs of pmfs with masses over many orders of magnitude, some of them zero."""
    rng = seeding.rng(seeding.child(seed, "laws"))
    pairs = []
    for _ in range(size.laws):
        mass = torch.randn(2, size.support, generator=rng, dtype=torch.float64).mul(3).exp()
        mass *= torch.rand(2, size.support, generator=rng, dtype=torch.float64) > 0.2
        mass /= mass.sum(1, keepdim=True)
        pairs.append((mass[0], mass[1]))
    return pairs


def js_gap(seed: int, size: Size) -> float:
    """max over random pairs of |V(G, D*) − (−log 4 + 2 JS)|."""
    gaps = [
        abs(
            float(divergence.gan_value(p, q, divergence.optimal_discriminator(p, q)))
            - (-math.log(4) + 2 * float(divergence.js(p, q)))
        )
        for p, q in random_laws(seed, size)
    ]
    return max(gaps)


def w1_gap(seed: int, size: Size) -> float:
    """Relative difference of the two linear programmes for one pair of clouds."""
    rng = seeding.rng(seeding.child(seed, "clouds"))
    x = torch.randn(size.points, 2, generator=rng, dtype=torch.float64)
    y = torch.randn(size.points, 2, generator=rng, dtype=torch.float64) + torch.tensor([2.0, 0.0])
    primal, dual = float(transport.w1_primal(x, y).value), float(transport.w1_dual(x, y).value)
    return abs(primal - dual) / primal


def tv_factor(seed: int, size: Size) -> float:
    """Mean over random pairs of sup_{-1≤D≤1}(E1 D − E2 D) over the cost of transport with the 0–1 cost."""
    ratios = []
    for p, q in random_laws(seed, replace(size, support=min(size.support, 100))):
        cost = 1 - torch.eye(len(p), dtype=torch.float64)
        supremum = divergence.tv_dual(p, q, divergence.hahn(p, q))
        ratios.append(float(supremum) / float(transport.transport_cost(cost, p, q).value))
    return sum(ratios) / len(ratios)


def penalty_bias(seed: int, size: Size) -> float:
    """E D(real) − E D(fake) of a trained penalised critic, on fresh samples."""
    rng = [seeding.rng(seeding.child(seed, name)) for name in ("real", "fake", "penalty")]
    real, fake = distributions.Gaussian(1, rng[0], mean=2.0), distributions.Gaussian(1, rng[1])
    D = networks.mlp([1, 64, 64, 1], activation="silu", seed=seeding.child(seed, "critic"), zero_last=True)
    for _ in critic_steps(
        D, real, fake, objectives.WassersteinGP(10.0), steps=size.steps, rng=rng[2], lr=3e-3, batch=512
    ):
        pass
    with torch.no_grad():
        return float(D(real.sample(200_000)).mean() - D(fake.sample(200_000)).mean())


MEASURES = {
    "theory-js-identity": js_gap,
    "theory-w1-duality": w1_gap,
    "theory-tv-factor": tv_factor,
    "theory-gp-bias": penalty_bias,
}
