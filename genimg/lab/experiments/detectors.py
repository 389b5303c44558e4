"""Our own scores of one set of normal images: HistoryAD, its variant, and what knows of no history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from genimg._base import seeding
from genimg.gan import networks, objectives
from genimg.gan.distributions import Empirical, Gaussian, Mixture
from genimg.gan.history import History
from genimg.gan.training import train_gan
from genimg.problems import anomaly

METHODS = {
    "plain": "HistoryAD as in the talk: D_TV from the mean critic, soft bound",
    "neighbours": "HistoryAD-NN: difference of distances to 5 neighbours, data against P_Ghist",
    "blur": "control: as HistoryAD-NN, with blurred normals (sigma 3) instead of P_Ghist",
    "knn": "mean distance to 5 neighbours among the normals, no negatives",
    "intensity": "mean intensity",
    "gradient": "mean gradient",
}
# One set of constants for both uses of the history: 40 states, the first quarter dropped, no decay.
STATES, FIRST, RATE = 40, 0.25, 0.0
CONSTANTS = {"states": STATES, "first": FIRST, "rate": RATE}
OWN = "The constants of the paper are not public; all of these are this project's."


@dataclass(frozen=True)
class Size:
    """How long networks are trained."""

    gan_steps: int  # of the GAN whose states are the history
    width: int  # of its networks
    detector_steps: int  # of D_TV


@dataclass(frozen=True)
class Neighbours(Size):
    """The same, and how many images there are to choose neighbours from."""

    normals: int  # of the data
    negatives: int  # of P_Ghist


class Played(NamedTuple):
    """A GAN that was trained: its history, its networks, and the laws they were trained on."""

    history: History
    G: nn.Module
    D: nn.Module
    real: Empirical
    latent: Gaussian

    def mean(self, size: Size) -> nn.Module:
        """The mean critic of the history."""
        return self.history.mean_critic(self.D, RATE, FIRST * size.gan_steps)


class Trained(NamedTuple):
    """What is made of a history: P_Ghist, the mean critic, and D_TV that started there."""

    past: Mixture
    mean: nn.Module
    D_tv: nn.Module


def play(normal: Tensor, seed: int, tag: str, size: Size) -> Played:
    """WGAN-GP on normal images, its states kept.

    Args:
        normal: (n, c, h, h) in [−1, 1], on the device to train on.
        tag: names the experiment's streams of random numbers, such as the digit that is left out.
    """
    device = normal.device
    rng = {n: seeding.rng(seeding.child(seed, f"{n} {tag}"), device) for n in ("real", "latent", "objective")}
    real, latent = Empirical(normal, rng["real"]), Gaussian(64, rng["latent"])
    _, channels, side, _ = normal.shape
    G, D = networks.dcgan(64, side, channels, size.width, seed=seeding.child(seed, f"networks {tag}"))
    G, D = G.to(device), D.to(device)
    history = train_gan(
        G, D, real, latent, objectives.WassersteinGP(10.0), steps=size.gan_steps, rng=rng["objective"],
        snapshot_every=max(1, size.gan_steps // STATES), critic_per_step=2, lr=2e-3, betas=(0.0, 0.9),
    )  # fmt: skip
    return Played(history, G, D, real, latent)


def train(normal: Tensor, seed: int, tag: str, size: Size) -> Trained:
    """A history, and D_TV between the data and its past; arguments as in `play`."""
    history, G, D, real, latent = played = play(normal, seed, tag, size)
    rng = {n: seeding.rng(seeding.child(seed, f"{n} {tag}"), normal.device) for n in ("instants", "detector")}
    kept: dict[str, Any] = {"rate": RATE, "start": FIRST * size.gan_steps}
    past = history.past(G, latent, rng["instants"], **kept)
    critic = anomaly.initial_critic(D, history, **kept)
    D_tv, _ = anomaly.fit_detector(critic, real, past, steps=size.detector_steps, rng=rng["detector"], lr=1e-3)
    return Trained(past, played.mean(size), D_tv)


def scores(trained: Trained, normal: Tensor, test: Tensor, seed: int, tag: str, size: Neighbours) -> dict[str, Tensor]:
    """The scores of every method; one history serves both HistoryAD rows.

    Args:
        trained: by `train`, from the same images, seed and tag.
        normal: (n, c, h, h) in [−1, 1].
        test: (m, c, h, h), on the same device.

    Returns:
        Per method (m,), larger = more anomalous.
    """
    from torchvision.transforms.functional import gaussian_blur

    rng = seeding.rng(seeding.child(seed, f"subset {tag}"), normal.device)
    negatives = trained.past.sample(size.negatives)
    some = torch.randperm(len(normal), generator=rng, device=normal.device)
    known, blurred = normal[some[: size.normals]], gaussian_blur(normal[some[: size.negatives]], 19, 3.0)
    r_real = anomaly.neighbour_distance(test, known)
    return {
        "plain": anomaly.anomaly_score(trained.D_tv, test),
        "neighbours": r_real - anomaly.neighbour_distance(test, negatives),
        "blur": r_real - anomaly.neighbour_distance(test, blurred),
        "knn": r_real,
        "intensity": anomaly.mean_intensity(test),
        "gradient": anomaly.mean_gradient(test),
    }
