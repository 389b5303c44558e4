"""The talk's rivals of HistoryAD and plainer ones, on the digits, the split and the test images of `history-epochs`.

Every network sees each training digit `epochs` times, half as often as the GAN of the history, and nothing else; what
works without a network takes the training digits as they are. Two choices of the epoch stand side by side, as there:
the last one, and the one that Fence-GAN's protocol chooses on a validation part that holds anomalies.

The networks are Fence-GAN's for MNIST with a quarter of its widths; losses, weights of their terms and the latent
spaces are the papers'. The rates are theirs times ten, since they train for 100 epochs.

Source: Ngo et al. 2019 (Fence-GAN); Zenati et al. 2018 (EGBAD); Schlegl et al. 2017 (AnoGAN); the authors' code of the
first two. The other three are PyOD's, see `peers`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genimg._base import seeding
from genimg._base.records import Record
from genimg.lab.experiments import peers, runner
from genimg.lab.experiments.history_ad import digits
from genimg.lab.experiments.history_epochs import METRICS
from genimg.problems import anomaly

Score = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Size:
    """The constants of a profile."""

    digits: tuple[int, ...]  # hidden in turn
    epochs: int  # of every network
    batch: int  # of every network
    width: int  # channels of the widest convolution
    # gradient steps of AnoGAN's search per test image; with 0 it does not take part, since its searches take as long as
    # all other rivals together
    search: int
    neighbours: int  # training digits of the nearest-neighbour distance
    test: int | None  # digits of the test part, and of the validation part; None takes all


SIZES = {
    "quick": Size((1,), 1, 100, 8, 3, 300, 300),
    "cpu": Size((0, 1, 9), 6, 128, 32, 0, 10_000, 6000),
    "full": Size(tuple(range(10)), 50, 128, 64, 500, 20_000, None),
}
CHOICES = {"blind": "last epoch, no anomaly seen", "fence": "epoch chosen on a validation part with anomalies"}


class Pair(NamedTuple):
    """A generator (n, latent) → (n, 1, side, side) and three parts of a discriminator, one after the other."""

    G: nn.Module
    features: nn.Module
    hidden: nn.Module
    logit: nn.Module


def pair(latent: int, width: int, beside: int = 0, side: int = 28) -> Pair:
    """Networks after Fence-GAN's for MNIST; the hidden layer takes `beside` numbers more than there are features.

    The side is a multiple of four.
    """
    narrow, quarter = width // 2, side // 4
    features = width * quarter**2
    G = nn.Sequential(
        nn.Linear(latent, 8 * width), nn.BatchNorm1d(8 * width), nn.ReLU(),
        nn.Linear(8 * width, features), nn.BatchNorm1d(features), nn.ReLU(), nn.Unflatten(1, (width, quarter, quarter)),
        nn.ConvTranspose2d(width, narrow, 4, 2, 1), nn.BatchNorm2d(narrow), nn.ReLU(),
        nn.ConvTranspose2d(narrow, 1, 4, 2, 1), nn.Tanh(),
    )  # fmt: skip
    hidden = nn.Sequential(nn.Linear(features + beside, 8 * width), nn.LeakyReLU(0.1))
    return Pair(G, trunk(width), hidden, nn.Linear(8 * width, 1))


def trunk(width: int) -> nn.Module:
    """(n, 1, side, side) → (n, width · (side / 4)²)."""
    return nn.Sequential(
        nn.Conv2d(1, width, 4, 2, 1), nn.LeakyReLU(0.1), nn.Conv2d(width, width, 4, 2, 1), nn.LeakyReLU(0.1),
        nn.Flatten(),
    )  # fmt: skip


def adam(rate: float, *networks: nn.Module) -> torch.optim.Adam:
    """With the moments of both papers."""
    return torch.optim.Adam([p for network in networks for p in network.parameters()], lr=rate, betas=(0.5, 0.999))


def against(logits: Tensor, target: float) -> Tensor:
    """Binary cross-entropy with one target for all."""
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))


def descend(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    """One step."""
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


def batches(normal: Tensor, batch: int, rng: torch.Generator) -> Iterator[Tensor]:
    """One epoch in a new order, without an incomplete last batch."""
    order = torch.randperm(len(normal), generator=rng).to(normal.device)
    yield from (normal[rows] for rows in order.split(batch) if len(rows) == min(batch, len(normal)))


def fence_gan(normal: Tensor, size: Size, rng: torch.Generator) -> Iterator[Score]:
    """G is to stand where D says 1/2 and to spread; D weighs generated images with 0.1. The score is −D.

    The paper's α is 1/2, its β 30, its γ 0.1, and D is trained alone first, for 15 of 115 epochs; here for one.
    """
    G, features, hidden, logit = (network.to(normal.device) for network in pair(200, size.width))
    D = nn.Sequential(features, hidden, logit)
    of_G, of_D = adam(2e-4, G), adam(1e-4, D)
    for epoch in range(size.epochs):
        for real in batches(normal, size.batch, rng):
            z = torch.randn(len(real), 200, generator=rng).to(real.device)
            fake = G(z)
            descend(of_D, against(D(real), 1.0) + 0.1 * against(D(fake.detach()), 0.0))
            if epoch == 0 and size.epochs > 1:
                continue
            spread = (fake - fake.mean(0)).flatten(1).norm(dim=1).mean()
            descend(of_G, against(D(fake), 0.5) + 30 / spread)
        yield scored(lambda x: -D(x)[:, 0])


def egbad(normal: Tensor, size: Size, rng: torch.Generator) -> Iterator[Score]:
    """A BiGAN: D tells (E(x), x) from (z, G(z)). The score is 0.9 |x − G(E(x))| + 0.1 of the distance of D's features,
    both Euclidean, as in the authors' code.
    """
    G, features, hidden, logit = (network.to(normal.device) for network in pair(200, size.width, beside=4 * size.width))
    E = nn.Sequential(trunk(size.width), nn.Linear(49 * size.width, 200)).to(normal.device)
    of_z = nn.Sequential(nn.Linear(200, 4 * size.width), nn.LeakyReLU(0.1)).to(normal.device)

    def joint(x: Tensor, z: Tensor) -> Tensor:
        return hidden(torch.cat([features(x), of_z(z)], 1))

    def score(x: Tensor) -> Tensor:
        z = E(x)
        again = G(z)
        return 0.9 * (x - again).flatten(1).norm(dim=1) + 0.1 * (joint(x, z) - joint(again, z)).norm(dim=1)

    of_D, of_GE = adam(1e-4, features, of_z, hidden, logit), adam(1e-4, G, E)
    for _ in range(size.epochs):
        for real in batches(normal, size.batch, rng):
            z = torch.randn(len(real), 200, generator=rng).to(real.device)
            fake, code = G(z), E(real)
            descend(
                of_D,
                against(logit(joint(real, code.detach())), 1.0) + against(logit(joint(fake.detach(), z)), 0.0),
            )
            descend(of_GE, against(logit(joint(real, code)), 0.0) + against(logit(joint(fake, z)), 1.0))
        G.eval()
        yield scored(score)
        G.train()


def autoencoder(normal: Tensor, size: Size, rng: torch.Generator) -> Iterator[Score]:
    """Convolutions, 32 numbers in the middle; the score is the squared error."""
    side = normal.shape[-1]
    G = pair(32, size.width, side=side).G
    both = nn.Sequential(trunk(size.width), nn.Linear(size.width * (side // 4) ** 2, 32), G).to(normal.device)
    optimiser = torch.optim.Adam(both.parameters(), lr=1e-3)
    for _ in range(size.epochs):
        both.train()
        for real in batches(normal, size.batch, rng):
            descend(optimiser, (both(real) - real).square().mean())
        both.eval()
        yield scored(lambda x: (both(x) - x).square().flatten(1).mean(1))


def anogan(normal: Tensor, size: Size, rng: torch.Generator) -> Iterator[Score]:
    """A GAN, and a search over z for every image; the score is the loss that the search ends with.

    As in the paper 0.9 |x − G(z)|₁ + 0.1 of the same distance of D's features, both summed; here Adam with 0.05 from
    z = 0, the mode of the prior, in place of 500 steps from a random z. Only the last epoch is scored.
    """
    G, features, hidden, logit = (network.to(normal.device) for network in pair(200, size.width))
    D = nn.Sequential(features, hidden, logit)
    of_G, of_D = adam(2e-4, G), adam(2e-4, D)
    for _ in range(size.epochs):
        for real in batches(normal, size.batch, rng):
            fake = G(torch.randn(len(real), 200, generator=rng).to(real.device))
            descend(of_D, against(D(real), 1.0) + against(D(fake.detach()), 0.0))
            descend(of_G, against(D(fake), 1.0))
    G.eval()

    def score(x: Tensor) -> Tensor:
        z = torch.zeros(len(x), 200, device=x.device, requires_grad=True)
        optimiser = torch.optim.Adam([z], lr=0.05)
        with torch.enable_grad():
            wanted = features(x).detach()
            for _ in range(size.search):
                found = distance(x, G(z), wanted)
                (z.grad,) = torch.autograd.grad(found.sum(), z)
                optimiser.step()
            return distance(x, G(z), wanted).detach()

    def distance(x: Tensor, fake: Tensor, wanted: Tensor) -> Tensor:
        return 0.9 * (x - fake).abs().flatten(1).sum(1) + 0.1 * (wanted - features(fake)).abs().sum(1)

    yield scored(score)


def pca(normal: Tensor, size: Size, rng: torch.Generator) -> Iterator[Score]:
    """The squared distance to the plane of 32 principal components."""
    flat = normal.flatten(1).double()
    middle = flat.mean(0)
    _, vectors = torch.linalg.eigh((flat - middle).T @ (flat - middle))
    basis = vectors[:, -32:]

    def score(x: Tensor) -> Tensor:
        away = x.flatten(1).double() - middle
        return (away - away @ basis @ basis.T).square().sum(1)

    yield scored(score)


def scored(score: Score) -> Score:
    """In parts of a thousand, without gradients, on the CPU."""

    @torch.no_grad()
    def whole(x: Tensor) -> Tensor:
        return torch.cat([score(part).cpu() for part in x.split(1000)])

    return whole


OWN: dict[str, tuple[str, Callable[[Tensor, Size, torch.Generator], Iterator[Score]]]] = {
    "fence-gan": ("Fence-GAN (Ngo 2019)", fence_gan),
    "egbad": ("EGBAD (Zenati 2018)", egbad),
    "anogan": ("AnoGAN (Schlegl 2017)", anogan),
    "autoencoder": ("convolutional autoencoder, 32 codes", autoencoder),
    "pca": ("PCA, 32 components, distance to the plane", pca),
}
METHODS = {name: what for name, (what, _) in OWN.items()} | {
    name: peers.METHODS[name] for name in ("deepsvdd", "knn", "iforest")
}


class Study(runner.Study[Size]):
    """A record per rival, choice of the epoch and metric."""

    def load(self) -> None:
        self.x, self.labels = digits(subset=self.job.profile == "quick")
        peers.version()  # a missing package is told now

    def count(self) -> int:
        return len(self.job.seeds) * len(self.size.digits) * len(self.methods)

    @property
    def methods(self) -> list[str]:
        """Those that take part."""
        return [name for name in METHODS if name != "anogan" or self.size.search]

    def parts(self, seed: int) -> dict[str, list[runner.Part]]:
        """By rival, one part per digit."""
        found: dict[str, list[runner.Part]] = {name: [] for name in self.methods}
        for digit, name in product(self.size.digits, self.methods):
            found[name].append(self.part(seed, digit, name))
        return found

    def part(self, seed: int, digit: int, name: str) -> runner.Part:
        """One rival on one digit."""
        size = asdict(self.size)
        del size["digits"]
        path = self.job.of(seed) / f"{digit}-{name}.json"
        return self.job.part(
            f"seed {seed}, digit {digit}, {name}", path, {"size": size}, partial(self.measure, seed, digit, name)
        )

    def measure(self, seed: int, digit: int, name: str) -> dict[str, Any]:
        """Trains one rival and tests it.

        Returns:
            For each of `CHOICES` the fields of `anomaly.Evaluation` and the `epoch`.
        """
        split = anomaly.fence_split(self.labels, digit)
        rng = seeding.rng(seeding.child(seed, f"test {digit}"))  # of history-epochs: the same test digits
        parts = {}
        for which, part in (("test", split.test), ("validation", split.validation)):
            some = torch.randperm(len(part.rows), generator=rng)[: self.size.test]
            parts[which] = (self.x[part.rows[some]].to(self.job.device), part.anomalous[some])
        normal = self.x[split.train.rows].to(self.job.device)
        own = seeding.child(seed, f"rival {digit} {name}")
        found: list[dict[str, Any]] = []
        with seeding.ambient(own):
            for epoch, score in enumerate(self.scores(name, normal, own), 1):
                evaluated = {
                    which: anomaly.evaluate(score(images), odd, rule="trapezoid")._asdict()
                    for which, (images, odd) in parts.items()
                }
                found.append({**evaluated, "epoch": epoch})
        chosen = {"blind": found[-1], "fence": max(found, key=lambda look: look["validation"]["auprc_normal"])}
        return {choice: {**look["test"], "epoch": look["epoch"]} for choice, look in chosen.items()}

    def scores(self, name: str, normal: Tensor, seed: int) -> Iterator[Score]:
        """What a rival says of images, after every epoch where that is cheap."""
        size = self.size
        if name in OWN:
            yield from OWN[name][1](normal, size, seeding.rng(seed))
        else:
            budget = peers.Budget(rows=len(normal), neighbours=size.neighbours, epochs=size.epochs, steps=0, search=0)
            yield peers.fitted(name, normal, seed, budget)

    def records(self, found: dict[int, dict[str, list[runner.Part]]]) -> dict[str, Record]:
        return {
            f"history-rivals-{name}-{choice}-{metric.replace('_', '-')}": self.record(
                name, choice, metric, [parts[name] for parts in found.values()]
            )
            for name in self.methods
            for choice in CHOICES
            for metric in METRICS
        }

    def record(self, name: str, choice: str, metric: str, parts: list[list[runner.Part]]) -> Record:
        """One number per seed, the mean over the digits."""
        size = self.size
        values = [[float(part["found"][choice][metric]) for part in one] for one in parts]
        return self.job.record(
            [part for one in parts for part in one],
            claim="HistoryAD is compared with other detectors of a digit that was left out of training",
            chapter="05_history_ad",
            source="the talk, 'Comparison to others on MNIST experiment'",
            dataset=f"MNIST, Fence-GAN split, hidden digits {', '.join(map(str, size.digits))}",
            method=f"{METHODS[name]}; {CHOICES[choice]}",
            metric=METRICS[metric],
            values=[sum(one) / len(one) for one in values],
            config={
                **asdict(size),
                "per_digit": [[round(v, 4) for v in one] for one in values],
                "epoch": [[part["found"][choice]["epoch"] for part in one] for one in parts],
            },
            deviations=[
                f"{size.epochs} epochs, networks with a quarter of Fence-GAN's widths, rates ten times the paper's.",
                "AUPRC by the trapezoid rule, as in the code of Fence-GAN.",
                *(["The epoch was chosen on images that hold anomalies."] if choice == "fence" else []),
            ],
        )
