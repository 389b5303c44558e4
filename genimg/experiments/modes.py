"""How many of 25 Gaussians does a generator find, and how many of its samples lie on one?

Book: 04_wgan.
"""

from __future__ import annotations

import time
from pathlib import Path

import torch

from genimg import devices, distributions, metrics, networks, objectives, seeding
from genimg.experiments import Progress
from genimg.records import Record
from genimg.training import gan_steps

SIZES = {
    "quick": {"steps": 60, "width": 32, "batch": 128, "samples": 2000},
    "cpu": {"steps": 3000, "width": 128, "batch": 256, "samples": 10_000},
    "full": {"steps": 20_000, "width": 512, "batch": 256, "samples": 10_000},
}

# One entry per method: objective, critic updates per step, learning rate, Adam's betas.
METHODS = {
    "vanilla": (objectives.Vanilla(), 1, 1e-3, (0.5, 0.9)),
    "clip": (objectives.WassersteinClip(0.05), 5, 1e-3, (0.0, 0.9)),
    "gp": (objectives.WassersteinGP(0.1), 5, 1e-3, (0.5, 0.9)),
}
NAMES = {"vanilla": "vanilla GAN, non-saturating", "clip": "WGAN, clipping at 0.05", "gp": "WGAN-GP, lambda 0.1"}


def run(
    profile: str, seeds: list[int], device: torch.device, out: Path, resume: bool, progress: Progress
) -> dict[str, Record]:
    """Two records per method: modes covered (of 25) and the share of samples within three standard deviations."""
    size, records = SIZES[profile], {}
    total = len(METHODS) * len(seeds) * size["steps"]
    done = 0
    for method in METHODS:
        begun, found = time.perf_counter(), []
        for seed in seeds:
            for step, result in train(method, seed, size, device):
                if step % 50 == 0:
                    progress(f"modes {method} seed {seed}", done + step, total)
            found.append(result)
            done += size["steps"]
        for which, metric, unit in ((0, "modes covered, of 25", "1"), (1, "samples within 3 std of a mode", "1")):
            records[f"modes-{method}-{('count', 'share')[which]}"] = Record(
                claim="mode collapse is a main problem of the vanilla GAN, and the Wasserstein objective's remedy",
                chapter="04_wgan",
                source="the talk, 'Wasserstein Generative Adversarial Network'; Gulrajani et al. 2017, figure 1b",
                dataset="25 Gaussians on a grid, spacing 1, std 0.05, unlimited samples",
                method=NAMES[method],
                metric=metric,
                unit=unit,
                better="higher",
                reported=None,
                values=[float(result[which]) for result in found],
                seeds=seeds,
                config={**size, "optimiser": "Adam", "lr": METHODS[method][2], "critic_per_step": METHODS[method][1]},
                profile=profile,
                device=devices.describe(device),
                seconds=round(time.perf_counter() - begun, 1),
                weights=None,
                deviations=["The talk names the problem without a number; the experiment is this project's."],
            )
    return records


def train(method, seed, size, device):  # type: ignore[no-untyped-def]
    """Yields (step, None) while training, then (steps, (modes covered, share of good samples))."""
    objective, critic_per_step, lr, betas = METHODS[method]
    rng = {name: seeding.rng(seeding.child(seed, name), device) for name in ("real", "latent", "objective", "test")}
    w = size["width"]
    G = networks.mlp([2, w, w, w, 2], seed=seeding.child(seed, "G")).to(device)
    D = networks.mlp([2, w, w, w, 1], activation="leaky", seed=seeding.child(seed, "D")).to(device)
    real, latent = distributions.grid25(rng["real"]), distributions.Gaussian(2, rng["latent"])
    for step in gan_steps(
        G, D, real, latent, objective, steps=size["steps"], rng=rng["objective"], batch=size["batch"],
        critic_per_step=critic_per_step, lr=lr, betas=betas, amp=False,
    ):  # fmt: skip
        yield step.step, None
    samples = distributions.Pushforward(G, distributions.Gaussian(2, rng["test"])).sample(size["samples"])
    yield size["steps"], metrics.mode_coverage(samples, real.centres, 3 * real.std)
