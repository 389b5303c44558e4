"""Our own scores of one set of normal images: HistoryAD, its variant, and what knows of no history.

Book: 05_history_ad.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from genimg import anomaly, networks, objectives, seeding
from genimg.distributions import Empirical, Gaussian, Mixture
from genimg.history import History
from genimg.training import train_gan

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


class Trained(NamedTuple):
    """A history and what is made of it: P_Ghist, the mean critic, and D_TV that started there."""

    history: History
    past: Mixture
    mean: nn.Module
    D_tv: nn.Module


def train(normal: Tensor, seed: int, tag: str, size: dict[str, Any]) -> Trained:
    """WGAN-GP on normal images, then D_TV. No anomaly is looked at.

    Args:
        normal: (n, c, h, h) in [−1, 1], on the device to train on.
        seed: of everything.
        tag: names the experiment's streams of random numbers, such as the digit that is left out.
        size: `gan_steps`, `width`, `detector_steps`.
    """
    device = normal.device
    rng = {
        name: seeding.rng(seeding.child(seed, f"{name} {tag}"), device)
        for name in ("real", "latent", "objective", "instants", "detector")
    }
    real, latent = Empirical(normal, rng["real"]), Gaussian(64, rng["latent"])
    _, channels, side, _ = normal.shape
    G, D = networks.dcgan(64, side, channels, size["width"], seed=seeding.child(seed, f"networks {tag}"))
    G, D = G.to(device), D.to(device)
    steps = size["gan_steps"]
    history = train_gan(
        G, D, real, latent, objectives.WassersteinGP(10.0), steps=steps, rng=rng["objective"],
        snapshot_every=max(1, steps // STATES), critic_per_step=2, lr=2e-3, betas=(0.0, 0.9),
    )  # fmt: skip
    kept = {"rate": RATE, "start": FIRST * steps}
    past = history.past(G, latent, rng["instants"], **kept)
    D_tv, _ = anomaly.fit_detector(
        D, history, real, past, steps=size["detector_steps"], rng=rng["detector"], lr=1e-3, **kept
    )
    return Trained(history, past, history.mean_critic(D, **kept), D_tv)


def scores(
    trained: Trained, normal: Tensor, test: Tensor, seed: int, tag: str, size: dict[str, Any]
) -> dict[str, Tensor]:
    """The scores of every method; one history serves both HistoryAD rows.

    Args:
        trained: by `train`, from the same images, seed and tag.
        normal: (n, c, h, h) in [−1, 1].
        test: (m, c, h, h), on the same device.
        size: `normals`, `negatives`: how many neighbours there are to choose from.

    Returns:
        Per method (m,), larger = more anomalous.
    """
    from torchvision.transforms.functional import gaussian_blur

    rng = seeding.rng(seeding.child(seed, f"subset {tag}"), normal.device)
    negatives = trained.past.sample(size["negatives"])
    some = torch.randperm(len(normal), generator=rng, device=normal.device)
    known, blurred = normal[some[: size["normals"]]], gaussian_blur(normal[some[: size["negatives"]]], 19, 3.0)
    r_real = anomaly.neighbour_distance(test, known)
    return {
        "plain": anomaly.anomaly_score(trained.D_tv, test),
        "neighbours": r_real - anomaly.neighbour_distance(test, negatives),
        "blur": r_real - anomaly.neighbour_distance(test, blurred),
        "knn": r_real,
        "intensity": anomaly.mean_intensity(test),
        "gradient": anomaly.mean_gradient(test),
    }
