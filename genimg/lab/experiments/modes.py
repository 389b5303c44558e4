"""How many of 25 Gaussians does a generator find, and how many of its samples lie on one?

Each method is run with two momenta of Adam, because that is what decides whether the vanilla GAN collapses here.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from typing import Any, NamedTuple

import torch

from genimg._base import seeding
from genimg._base.records import Record
from genimg.gan import distributions, networks, objectives
from genimg.gan.training import Diverged, gan_steps
from genimg.lab.experiments import runner
from genimg.numerics import metrics


@dataclass(frozen=True)
class Size:
    """The constants of a profile."""

    steps: int  # of G
    width: int  # of both networks
    batch: int  # of their updates
    samples: int  # of which modes are counted


SIZES = {
    "quick": Size(steps=60, width=32, batch=128, samples=2000),
    "cpu": Size(steps=3000, width=128, batch=256, samples=10_000),
    "full": Size(steps=20_000, width=512, batch=256, samples=10_000),
}
LR = 1e-3


class Method(NamedTuple):
    """An objective with the number of critic updates that its paper uses."""

    label: str
    objective: objectives.Objective
    critic_per_step: int
    spectral: bool = False


METHODS = {
    "vanilla": Method("vanilla GAN, non-saturating", objectives.Vanilla(), 1),
    "clip": Method("WGAN, clipping at 0.05", objectives.WassersteinClip(0.05), 5),
    "gp": Method("WGAN-GP, lambda 0.1", objectives.WassersteinGP(0.1), 5),
    "sn": Method("hinge, spectral normalisation", objectives.Hinge(), 5, spectral=True),
}
MOMENTA = {"low": (0.5, 0.9), "high": (0.9, 0.999)}


class Study(runner.Study[Size]):
    """Two records per method and momentum: modes found (of 25) and the share of samples within 3 std of a mode."""

    def count(self) -> int:
        return len(self.job.seeds) * len(METHODS) * len(MOMENTA)

    def parts(self, seed: int) -> dict[tuple[str, str], runner.Part]:
        """By method and momentum."""
        found = {}
        for method, momentum in product(METHODS, MOMENTA):
            settings = {
                "size": asdict(self.size),
                "method": repr(METHODS[method]),
                "betas": MOMENTA[momentum],
                "lr": LR,
            }
            make = partial(train, METHODS[method], MOMENTA[momentum], seed, self.size, self.job.device)
            path, what = self.job.of(seed) / f"{method}-{momentum}.json", f"{method}, {momentum} momentum, seed {seed}"
            found[method, momentum] = self.job.part(what, path, settings, make)
        return found

    def records(self, found: dict[int, dict[tuple[str, str], runner.Part]]) -> dict[str, Record]:
        made = {}
        what = {"modes": "modes found, of 25", "share": "share of samples within 3 std of a mode"}
        for (method, momentum), (metric, called) in product(product(METHODS, MOMENTA), what.items()):
            parts = {seed: one[method, momentum] for seed, one in found.items()}
            stopped = {seed: part["found"]["stopped"] for seed, part in parts.items()}
            made[f"modes-{method}-{momentum}-{metric}"] = self.job.record(
                parts.values(),
                claim="mode collapse is a main problem of the vanilla GAN; the Wasserstein objective remedies it",
                chapter="04_wgan",
                source="the talk, 'Wasserstein Generative Adversarial Network' (the remedy is implied); "
                "a toy law of Gulrajani et al. 2017",
                dataset="25 Gaussians on a grid, spacing 1, std 0.05, unlimited samples",
                method=f"{METHODS[method].label}, Adam betas {MOMENTA[momentum]}",
                metric=called,
                values=[float(part["found"][metric]) for part in parts.values()],
                config={
                    **asdict(self.size),
                    "optimiser": "Adam",
                    "lr": LR,
                    "betas": MOMENTA[momentum],
                    "critic_per_step": METHODS[method].critic_per_step,
                },
                deviations=[
                    "The talk names the problem without a number; the experiment is this project's.",
                    *(f"Seed {seed} diverged: {why}" for seed, why in stopped.items() if why),
                ],
            )
        return made


def train(
    method: Method,
    betas: tuple[float, float],
    seed: int,
    size: Size,
    device: torch.device,
) -> dict[str, Any]:
    """Trains one generator and counts; one that diverges is judged by its last good state, and says why."""
    rng = {name: seeding.rng(seeding.child(seed, name), device) for name in ("real", "latent", "objective", "test")}
    w, stopped = size.width, None
    G = networks.mlp([2, w, w, w, 2], seed=seeding.child(seed, "G")).to(device)
    critic = partial(networks.mlp, [2, w, w, w, 1], activation="leaky", spectral=method.spectral)
    D = critic(seed=seeding.child(seed, "D")).to(device)
    real, latent = distributions.grid25(rng["real"]), distributions.Gaussian(2, rng["latent"])
    try:
        for _ in gan_steps(
            G, D, real, latent, method.objective, steps=size.steps, rng=rng["objective"], batch=size.batch,
            critic_per_step=method.critic_per_step, lr=LR, betas=betas, amp=False,
        ):  # fmt: skip
            pass
    except Diverged as error:
        stopped = str(error)
    samples = distributions.Pushforward(G, distributions.Gaussian(2, rng["test"])).sample(size.samples)
    return {**metrics.mode_coverage(samples, real.centres, 3 * real.std)._asdict(), "stopped": stopped}
