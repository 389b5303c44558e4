"""WGAN-GP on MNIST: the network of chapter 04 trained properly, measured against held-out digits, kept for the zoo."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from genimg import data, zoo
from genimg._base import devices, seeding
from genimg._base.errors import UsageError
from genimg._base.records import Record
from genimg.gan import networks, objectives
from genimg.gan.distributions import Empirical, Gaussian, Pushforward
from genimg.gan.training import gan_steps
from genimg.lab.experiments import Progress
from genimg.lab.experiments.parts import Stopwatch
from genimg.numerics import divergence, transport

SIZES: dict[str, dict[str, Any]] = {
    "quick": {"steps": 40, "width": 8, "batch": 64, "critic_per_step": 2, "lr": 2e-3, "samples": 1000},
    "cpu": {"steps": 6000, "width": 24, "batch": 64, "critic_per_step": 3, "lr": 1e-3, "samples": 10_000},
    "full": {"steps": 40_000, "width": 64, "batch": 128, "critic_per_step": 5, "lr": 2e-4, "samples": 10_000},
}
LATENT = 64
EVERY = 500  # steps between checkpoints


def run(
    profile: str, seeds: list[int], device: torch.device, out: Path, resume: bool, progress: Progress
) -> dict[str, Record]:
    """Sliced W1 to the test digits, its floor (training digits), and how far the ten classes are from equal shares."""
    size, seconds = SIZES[profile], 0.0
    train = data.load("mnist", "train", subset=profile == "quick")
    test = data.load("mnist", "test", subset=profile == "quick")
    found = []
    for k, seed in enumerate(seeds):
        folder = out / "digits" / f"{profile}-{seed}"
        if not resume:
            shutil.rmtree(folder, ignore_errors=True)
        watch = Stopwatch(folder / "seconds.json")
        G, D = networks.dcgan(LATENT, 28, 1, size["width"], seed=seeding.child(seed, "networks"))
        G, D = G.to(device), D.to(device)
        rng = {name: seeding.rng(seeding.child(seed, name), device) for name in ("real", "latent", "objective")}
        real = Empirical(train.floats().to(device), rng["real"])
        for step in gan_steps(
            G, D, real, Gaussian(LATENT, rng["latent"]), objectives.WassersteinGP(10.0),
            steps=size["steps"], rng=rng["objective"], batch=size["batch"], critic_per_step=size["critic_per_step"],
            lr=size["lr"], betas=(0.0, 0.9), checkpoint=folder / "state.safetensors", checkpoint_every=EVERY,
        ):  # fmt: skip
            if step.step % 20 == 0:
                progress(f"digits seed {seed}", k * size["steps"] + step.step, len(seeds) * size["steps"])
            if step.step % EVERY == 0 or step.step == size["steps"]:
                watch.keep()
        found.append(measure(G.eval(), train, test, seed, size["samples"]))
        seconds += watch.seconds
        recipe = {
            "data": f"mnist train, {len(train)} digits",
            "steps": size["steps"],
            "seed": seed,
            "objective": "WGAN-GP, lambda 10",
            "optimiser": f"Adam, lr {size['lr']}, betas (0, 0.9), batch {size['batch']}, "
            f"{size['critic_per_step']} critic updates per step",
            "sliced_w1_to_test": round(found[-1]["sliced"], 4),
            "profile": profile,
            "device": devices.describe(device),
        }
        arguments = {"latent": LATENT, "size": 28, "channels": 1, "width": size["width"]}
        digest = zoo.save("digits", "dcgan", arguments, G, D, recipe, folder=folder)
    common: dict[str, Any] = {
        "chapter": "04_wgan",
        "source": "this project; the talk shows WGAN-GP samples without a number",
        "dataset": f"MNIST, {len(train)} training digits; measured on {size['samples']} samples",
        "seeds": seeds,
        "config": {**size, "latent": LATENT, "lambda": 10, "optimiser": "Adam", "betas": [0.0, 0.9]},
        "profile": profile,
        "device": devices.describe(device),
        "seconds": round(seconds, 1),
        "reported": None,
        "better": "lower",
        "unit": "1",
        "deviations": ["No FID or Inception score: their weights cannot be had offline."],
    }
    sliced = "sliced W1 to test digits, pixels in [-1, 1]"
    return {
        "digits-sliced-w1": Record(
            claim="WGAN-GP learns the law of the digits",
            method="WGAN-GP, dcgan with GroupNorm in G and no norm in D",
            metric=sliced,
            values=[f["sliced"] for f in found],
            weights=digest if len(seeds) == 1 else None,
            **common,
        ),
        "digits-sliced-w1-floor": Record(
            claim="the distance between two samples of the true law: what no generator can be expected to beat",
            method="real training digits in place of generated ones",
            metric=sliced,
            values=[f["floor"] for f in found],
            weights=None,
            **common,
        ),
        "digits-class-delta": Record(
            claim="all ten digits are generated; how far their shares are off",
            method="labels by the nearest of 10,000 training digits",
            metric="delta between class shares, generated against test",
            values=[f["classes"] for f in found],
            weights=digest if len(seeds) == 1 else None,
            **common,
        ),
    }


def measure(G: nn.Module, train: data.Images, test: data.Images, seed: int, samples: int) -> dict[str, float]:
    """The three numbers of one generator; all on the CPU, so that every device is judged alike."""
    rng = seeding.rng(seeding.child(seed, "test"))
    fake = Pushforward(G.cpu(), Gaussian(LATENT, rng)).sample(samples)
    held_out, known = test.floats()[:samples], train.floats()
    pick = torch.randperm(len(known), generator=rng)
    floor = known[pick[: len(held_out)]]
    reference = pick[: min(10_000, len(known))]
    if train.labels is None:
        raise UsageError("digits: the training images have no labels; use MNIST in torchvision's layout")
    known, labels = known[reference], train.labels[reference]
    directions = 256
    return {
        "sliced": transport.sliced_w1(fake[: len(held_out)], held_out, directions, rng),
        "floor": transport.sliced_w1(floor, held_out, directions, rng),
        "classes": float(
            divergence.delta(
                shares(nearest_label(fake, known, labels)),
                shares(nearest_label(held_out, known, labels)),
            )
        ),
    }


def nearest_label(x: Tensor, known: Tensor, labels: Tensor) -> Tensor:
    """(n,) label of the nearest known image in Euclidean distance; 1-NN on digits errs on 3 to 5 of 100."""
    known = known.flatten(1)
    return torch.cat([labels[torch.cdist(part, known).argmin(1)] for part in x.flatten(1).split(1000)])


def shares(labels: Tensor) -> Tensor:
    """(10,) float64 shares of the ten digits, summing to one."""
    return torch.bincount(labels, minlength=10).double() / len(labels)
