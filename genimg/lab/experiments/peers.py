"""Anomaly detectors that nobody here wrote: AnoGAN, ALAD, DeepSVDD, VAE, kNN and isolation forest, from PyOD.

Each is trained on normal images and scores others, all flattened to vectors in [0, 1]; DeepSVDD standardises them
itself, as is its default. PyOD's defaults stay unless they are made for tables of a few columns; what differs is in
`SETTINGS` and `Budget`, and `deviations` puts it into words. Nothing here has seen an anomaly: the constants were set
by what a network needs to take in an image, and by the time that two cores have.

PyOD is an optional extra: pip install 'genimg-book[peers]'.

Source: PyOD 3.6 (Zhao, Nasrullah and Li 2019), read for this project; the methods' papers are named in `METHODS`.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from genimg._base import seeding
from genimg._base.errors import UsageError, choice
from genimg._base.errors import images as checked

Vectors = NDArray[np.float32]
Score = Callable[[Vectors], NDArray[Any]]

METHODS = {
    "anogan": "AnoGAN (Schlegl 2017), PyOD",
    "alad": "ALAD (Zenati 2018), PyOD",
    "deepsvdd": "DeepSVDD (Ruff 2018), PyOD",
    "vae": "VAE (Kingma and Welling 2014), distance to the reconstruction, PyOD",
    "knn": "distance to the fifth neighbour (Ramaswamy 2000), PyOD",
    "iforest": "isolation forest (Liu 2008), PyOD",
}
PREFIX = "pyod_"  # of their names in records: this project has a kNN of its own
MODULES = {
    "anogan": ("anogan", "AnoGAN"),
    "alad": ("alad", "ALAD"),
    "deepsvdd": ("deep_svdd", "DeepSVDD"),
    "vae": ("vae", "VAE"),
    "knn": ("knn", "KNN"),
    "iforest": ("iforest", "IForest"),
}
# PyOD's generators have 2 latent dimensions and 3 to 25 units a layer, which no image passes; its VAE has wide layers
# but the same latent space. 32 is the narrowest layer of that VAE. Generators and encoders are widened most: wider or
# faster discriminators won at once and said 1 and 0 ever after (seen on normals alone).
LATENT, NARROW, WIDE = 32, 128, 256
CRITIC = [64, 32]
SETTINGS: dict[str, dict[str, Any]] = {
    "anogan": {
        "latent_dim_G": LATENT, "G_layers": [NARROW, WIDE], "D_layers": CRITIC,
        "activation_hidden": "relu", "output_activation": "sigmoid",  # pixels are in [0, 1]
        "learning_rate": 2e-4,  # with the default 1e-3, or with tanh, D wins as above
        "batch_size": 128,  # PyOD's 32 spends more time in Python than in the networks; as for the VAE
    },
    "alad": {
        "latent_dim": LATENT, "dec_layers": [NARROW, WIDE], "enc_layers": [WIDE, NARROW],
        "disc_xx_layers": CRITIC, "disc_xz_layers": CRITIC, "disc_zz_layers": CRITIC,
    },
    "deepsvdd": {"verbose": 0},
    "vae": {
        "latent_dim": LATENT, "batch_size": 128, "verbose": 0,
        "preprocessing": False,  # it divides by the deviation + 1e-8: one grey pixel of a constant margin counts 1e7
        "capacity": 1e9,  # the default 0 clamps the KL term to 0: an autoencoder with noise, not a VAE
    },
    "knn": {},
    "iforest": {},
}  # fmt: skip


@dataclass(frozen=True)
class Budget:
    """How much each peer may spend; the time of a run is nearly proportional to it."""

    rows: int  # most training images, drawn at random
    neighbours: int  # most training images of kNN, whose fit compares each with all
    epochs: int  # passes of AnoGAN, DeepSVDD and VAE over the training images
    steps: int  # of ALAD, one batch each
    search: int  # gradient steps of AnoGAN's latent search per scored image


BUDGETS = {
    "quick": Budget(rows=300, neighbours=300, epochs=2, steps=5, search=5),
    "cpu": Budget(rows=10_000, neighbours=10_000, epochs=10, steps=1000, search=20),
    "full": Budget(rows=60_000, neighbours=20_000, epochs=60, steps=20_000, search=500),
}


def scores(name: str, train: Tensor, test: Tensor, seed: int, budget: Budget) -> Tensor:
    """Trains a peer on normal images and scores others.

    Args:
        train: (n, c, h, w) in [−1, 1], normal images only; the networks run on its device where PyOD lets them.
        test: (m, c, h, w) of the same size.
        seed: decides everything: the rows drawn, the weights, the batches, the noise while scoring.

    Returns:
        (m,) float32 on the CPU, larger = more anomalous.

    Raises:
        UsageError: without PyOD, for an unknown name, or for images that do not fit.
    """
    if checked(train, "train").shape[1:] != checked(test, "test").shape[1:]:
        raise UsageError(f"peers: train {tuple(train.shape)} and test {tuple(test.shape)} must be images of one size")
    with seeding.ambient(seeding.child(seed, name)):
        return fitted(name, train, seed, budget)(test)


def fitted(name: str, train: Tensor, seed: int, budget: Budget) -> Callable[[Tensor], Tensor]:
    """The score of a trained peer, (m, c, h, w) → (m,), for who asks more than once.

    PyOD draws from the global generators, while it trains and for the scores of AnoGAN and VAE too: use it within
    `seeding.ambient`, as `scores` does. Arguments as there.
    """
    kind = _kind(choice(name, "peer", METHODS))
    pick = torch.randperm(len(train), generator=seeding.rng(seeding.child(seed, "peer rows")))
    pick = pick[: budget.neighbours if name == "knn" else budget.rows].to(train.device)
    known, own, device = _vectors(train[pick]), seeding.child(seed, name), train.device
    if name == "anogan":
        score = _anogan(kind, known, budget, device)
    elif name == "alad":
        score = _alad(kind, known, own, budget, device)
    else:
        score = _others(name, kind, known, own, budget, device)
    return lambda images: torch.as_tensor(score(_vectors(images)), dtype=torch.float32)


def version() -> str:
    """PyOD's version, for records.

    Raises:
        UsageError: if it is not installed.
    """
    _kind("knn")
    return importlib.metadata.version("pyod")


def deviations(name: str, budget: Budget) -> list[str]:
    """What was not left as PyOD has it, one sentence each, for records."""
    drawn = budget.neighbours if name == "knn" else budget.rows
    said = [f"Trained on at most {drawn} normals, drawn per seed; images flattened, in [0, 1]."]
    if SETTINGS[name]:
        said.append("Not PyOD's defaults: " + ", ".join(f"{k} {v}" for k, v in SETTINGS[name].items()) + ".")
    if name in ("anogan", "deepsvdd", "vae"):
        said.append(f"{budget.epochs} epochs.")
    return said + {
        "anogan": [
            "PyOD's decision_function searches nothing: it compares every image with one and the same generated "
            "image. Its search, one training image after the other, also moves the weights of G and D. Here G and D "
            f"are trained by PyOD and then fixed, and z is searched per test image, {budget.search} steps from "
            "uniform noise with PyOD's loss and step size, in batches without any term across images.",
            "PyOD's generator has no normalisation and uniform noise to start from; in every setting tried it made "
            "nearly one image of all z (at profile cpu its pixels vary by 0.01 over z, those of digits by 0.19), so "
            "that the search finds little: this is PyOD's AnoGAN, and a published one "
            "may do better.",
        ],
        "alad": [
            f"{budget.steps} updates by PyOD's train_step; its own loop calls each update an epoch and permutes the "
            "whole training set in memory before it.",
            "Scored without dropout, which PyOD leaves on.",
        ],
        "vae": ["beta = 2 / pixels, so that the loss is the evidence bound of a Gaussian with unit variance."],
    }.get(name, [])


def _kind(name: str) -> Any:
    """PyOD's class of that name."""
    module, kind = MODULES[name]
    try:
        return getattr(importlib.import_module(f"pyod.models.{module}"), kind)
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the peers are PyOD's, and {error.name} is not installed: pip install 'genimg-book[peers]'"
        ) from None


def _vectors(images: Tensor) -> Vectors:
    """(n, c·h·w) in [0, 1]."""
    return ((images.flatten(1) + 1) / 2).clamp(0, 1).cpu().numpy()


def _others(name: str, kind: Any, known: Vectors, seed: int, budget: Budget, device: torch.device) -> Score:
    """The four whose fit and decision_function are used as they are."""
    pixels = known.shape[1]
    arguments: dict[str, Any] = {
        "deepsvdd": {"n_features": pixels, "epochs": budget.epochs, "random_state": seed},
        "vae": {"epoch_num": budget.epochs, "random_state": seed, "device": device, "beta": 2 / pixels},
        "knn": {},
        "iforest": {"random_state": seed},
    }[name]
    settings = SETTINGS[name] | arguments
    if name == "vae":  # PyOD drops an incomplete batch, and fails where it is the only one
        settings["batch_size"] = min(settings["batch_size"], len(known))
    score: Score = kind(**settings).fit(known).decision_function
    return score


class _Trained(Exception):
    """Raised where PyOD's fit has trained G and D and would begin its search."""


def _anogan(kind: Any, known: Vectors, budget: Budget, device: torch.device) -> Score:
    """PyOD's G and D, its loss, its step; the search over z is per test image, see `deviations`."""
    module: Any = importlib.import_module(kind.__module__)
    detector = kind(**SETTINGS["anogan"], epochs=budget.epochs, device=device)

    def stop(*_: Any) -> None:
        raise _Trained

    # fit() goes on with a search for every training image, which takes longer than the training and spoils G and D.
    search, module.QueryModel = module.QueryModel, stop
    try:
        detector.fit(known)
    except _Trained:
        pass
    finally:
        module.QueryModel = search
    G, D, lr = detector.generator.eval(), detector.discriminator.eval(), detector.learning_rate_query

    def score(asked: Vectors) -> NDArray[Any]:
        parts = [part.to(device) for part in torch.from_numpy(asked).split(1000)]
        return np.concatenate([searched(G, D, part, budget.search, lr).cpu().numpy() for part in parts])

    return score


def searched(G: nn.Module, D: nn.Module, x: Tensor, steps: int, lr: float) -> Tensor:
    """min over z of mean |x − G(z)| + |D(x) − D(G(z))|, per image: (m, pixels) → (m,)."""
    z = torch.rand(len(x), LATENT).to(x.device).requires_grad_()  # PyOD trains G on uniform noise in [0, 1]
    optimiser, of_x = torch.optim.Adam([z], lr=lr), D(x).detach()

    def loss() -> Tensor:
        fake = G(z)
        return (x - fake).abs().mean(1) + (of_x - D(fake)).abs().mean(1)

    for _ in range(steps):
        (z.grad,) = torch.autograd.grad(loss().sum(), z)
        optimiser.step()
    return loss().detach()


def _alad(kind: Any, known: Vectors, seed: int, budget: Budget, device: torch.device) -> Score:
    """PyOD's networks and update; the batches are drawn without moving the training set, see `deviations`."""
    detector = kind(**SETTINGS["alad"], epochs=0, device=device).fit(known)
    rng, size = np.random.default_rng(seed), min(detector.batch_size, len(known))
    for _ in range(budget.steps):
        x = known[rng.choice(len(known), size, replace=False)]
        noise = 0.1 * rng.standard_normal(x.shape, np.float32)  # the default of PyOD's fit
        detector.train_step((x + noise, rng.standard_normal((size, LATENT), np.float32)))
    for network in (detector.enc, detector.dec, detector.disc_xx):
        network.eval()
    score: Score = detector.decision_function
    return score
