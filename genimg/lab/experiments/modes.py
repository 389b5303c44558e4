"""How many of 25 Gaussians does a generator find, and how many of its samples lie on one?

Each method is run with two momenta of Adam, because that is what decides whether the vanilla GAN collapses here.
"""

from __future__ import annotations

import itertools
import time
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch

from genimg._base import devices, seeding
from genimg._base.records import Record
from genimg.gan import distributions, networks, objectives
from genimg.gan.training import Diverged, gan_steps
from genimg.lab.experiments import Progress
from genimg.numerics import metrics

SIZES = {
    "quick": {"steps": 60, "width": 32, "batch": 128, "samples": 2000},
    "cpu": {"steps": 3000, "width": 128, "batch": 256, "samples": 10_000},
    "full": {"steps": 20_000, "width": 512, "batch": 256, "samples": 10_000},
}
LR = 1e-3


class Method(NamedTuple):
    """An objective with the number of critic updates that its paper uses."""

    label: str
    objective: objectives.Objective
    critic_per_step: int


METHODS = {
    "vanilla": Method("vanilla GAN, non-saturating", objectives.Vanilla(), 1),
    "clip": Method("WGAN, clipping at 0.05", objectives.WassersteinClip(0.05), 5),
    "gp": Method("WGAN-GP, lambda 0.1", objectives.WassersteinGP(0.1), 5),
}
MOMENTA = {"low": (0.5, 0.9), "high": (0.9, 0.999)}


def run(
    profile: str, seeds: list[int], device: torch.device, out: Path, resume: bool, progress: Progress
) -> dict[str, Record]:
    """Two records per method and momentum: modes found (of 25) and the share of samples within 3 std of a mode."""
    size, records = SIZES[profile], {}
    runs = list(itertools.product(METHODS, MOMENTA))
    for done, (method, momentum) in enumerate(runs):
        begun, found, notes = time.perf_counter(), [], []
        for k, seed in enumerate(seeds):
            tell = partial(progress, f"modes {method}, {momentum} momentum, seed {seed}")
            tell(done * len(seeds) + k, len(runs) * len(seeds))
            coverage, stopped = train(METHODS[method], MOMENTA[momentum], seed, size, device)
            found.append(coverage)
            notes += [f"Seed {seed} diverged: {stopped}"] if stopped else []
        for which, metric in (("modes", "modes found, of 25"), ("share", "share of samples within 3 std of a mode")):
            records[f"modes-{method}-{momentum}-{which}"] = Record(
                claim="mode collapse is a main problem of the vanilla GAN; the Wasserstein objective remedies it",
                chapter="04_wgan",
                source="the talk, 'Wasserstein Generative Adversarial Network' (the remedy is implied); "
                "a toy law of Gulrajani et al. 2017",
                dataset="25 Gaussians on a grid, spacing 1, std 0.05, unlimited samples",
                method=f"{METHODS[method].label}, Adam betas {MOMENTA[momentum]}",
                metric=metric,
                unit="1",
                better="higher",
                reported=None,
                values=[float(getattr(coverage, which)) for coverage in found],
                seeds=seeds,
                config={
                    **size,
                    "optimiser": "Adam",
                    "lr": LR,
                    "betas": MOMENTA[momentum],
                    "critic_per_step": METHODS[method].critic_per_step,
                },
                profile=profile,
                device=devices.describe(device),
                seconds=round(time.perf_counter() - begun, 1),
                weights=None,
                deviations=["The talk names the problem without a number; the experiment is this project's.", *notes],
            )
    return records


def train(
    method: Method,
    betas: tuple[float, float],
    seed: int,
    size: dict[str, int],
    device: torch.device,
) -> tuple[metrics.Coverage, str | None]:
    """Trains one generator and counts; a run that diverges is judged by its last good state, and says so."""
    rng = {name: seeding.rng(seeding.child(seed, name), device) for name in ("real", "latent", "objective", "test")}
    w, stopped = size["width"], None
    G = networks.mlp([2, w, w, w, 2], seed=seeding.child(seed, "G")).to(device)
    D = networks.mlp([2, w, w, w, 1], activation="leaky", seed=seeding.child(seed, "D")).to(device)
    real, latent = distributions.grid25(rng["real"]), distributions.Gaussian(2, rng["latent"])
    try:
        for _ in gan_steps(
            G, D, real, latent, method.objective, steps=size["steps"], rng=rng["objective"], batch=size["batch"],
            critic_per_step=method.critic_per_step, lr=LR, betas=betas, amp=False,
        ):  # fmt: skip
            pass
    except Diverged as error:
        stopped = str(error)
    samples = distributions.Pushforward(G, distributions.Gaussian(2, rng["test"])).sample(size["samples"])
    return metrics.mode_coverage(samples, real.centres, 3 * real.std), stopped
