"""WGAN-GP on MNIST: the network of chapter 04 trained properly, measured against held-out digits, kept for the zoo."""

from __future__ import annotations

from dataclasses import asdict, dataclass
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
from genimg.lab.experiments import runner
from genimg.numerics import divergence, transport


@dataclass(frozen=True)
class Size:
    """The constants of a profile."""

    steps: int  # of G
    width: int  # of both networks
    batch: int  # of the WGAN-GP
    critic_per_step: int  # of the WGAN-GP
    lr: float  # of the WGAN-GP
    samples: int  # generated digits that are compared with as many test digits


SIZES = {
    "quick": Size(steps=40, width=8, batch=64, critic_per_step=2, lr=2e-3, samples=1000),
    "cpu": Size(steps=6000, width=24, batch=64, critic_per_step=3, lr=1e-3, samples=10_000),
    "full": Size(steps=40_000, width=64, batch=128, critic_per_step=5, lr=2e-4, samples=10_000),
}
LATENT = 64
EVERY = 500  # steps between checkpoints
SLICED = "sliced W1 to test digits, pixels in [-1, 1]"


class Study(runner.Study[Size]):
    """Sliced W1 to the test digits, its floor (training digits), and how far the ten classes are from equal shares."""

    def load(self) -> None:
        few = self.job.profile == "quick"
        self.train, self.test = (data.load("mnist", split, subset=few) for split in ("train", "test"))

    def count(self) -> int:
        return len(self.job.seeds) * self.size.steps

    def parts(self, seed: int) -> runner.Part:
        """The trained networks, for the zoo, and the numbers of G."""
        size, device, folder = self.size, self.job.device, self.job.of(seed)
        G, D = networks.dcgan(LATENT, 28, 1, size.width, seed=seeding.child(seed, "networks"))
        G, D = G.to(device), D.to(device)
        rng = {name: seeding.rng(seeding.child(seed, name), device) for name in ("real", "latent", "objective")}
        steps = gan_steps(
            G, D, Empirical(self.train.floats().to(device), rng["real"]), Gaussian(LATENT, rng["latent"]),
            objectives.WassersteinGP(10.0), steps=size.steps, rng=rng["objective"], batch=size.batch,
            critic_per_step=size.critic_per_step, lr=size.lr, betas=(0.0, 0.9), checkpoint=folder / "state.safetensors",
            checkpoint_every=EVERY,
        )  # fmt: skip
        watch = self.job.train(seed, (step.step for step in steps), size.steps, EVERY)
        found = measure(G.eval(), self.train, self.test, seed, size.samples)
        recipe = {
            "data": f"mnist train, {len(self.train)} digits",
            "steps": size.steps,
            "seed": seed,
            "objective": "WGAN-GP, lambda 10",
            "optimiser": f"Adam, lr {size.lr}, betas (0, 0.9), batch {size.batch}, "
            f"{size.critic_per_step} critic updates per step",
            "sliced_w1_to_test": round(found["sliced"], 4),
            "profile": self.job.profile,
            "device": devices.describe(device),
        }
        arguments = {"latent": LATENT, "size": 28, "channels": 1, "width": size.width}
        digest = zoo.save("digits", "dcgan", arguments, G, D, recipe, folder=folder)
        return runner.made(found, device, watch.seconds, weights=digest)

    def records(self, found: dict[int, runner.Part]) -> dict[str, Record]:
        def record(name: str, **fields: Any) -> Record:
            return self.job.record(
                found.values(), values=[part["found"][name] for part in found.values()], chapter="04_wgan",
                source="this project; the talk shows WGAN-GP samples without a number", better="lower",
                dataset=f"MNIST, {len(self.train)} training digits; measured on {self.size.samples} samples",
                config={**asdict(self.size), "latent": LATENT, "lambda": 10, "optimiser": "Adam", "betas": [0.0, 0.9]},
                deviations=["No FID or Inception score: their weights cannot be had offline."], **fields,
            )  # fmt: skip

        return {
            "digits-sliced-w1": record(
                "sliced",
                claim="WGAN-GP learns the law of the digits",
                method="WGAN-GP, dcgan with GroupNorm in G and no norm in D",
                metric=SLICED,
            ),
            "digits-sliced-w1-floor": record(
                "floor",
                claim="the distance between two samples of the true law: what no generator can be expected to beat",
                method="real training digits in place of generated ones",
                metric=SLICED,
                weights=None,
            ),
            "digits-class-delta": record(
                "classes",
                claim="all ten digits are generated; how far their shares are off",
                method="labels by the nearest of 10,000 training digits",
                metric="delta between class shares, generated against test",
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
