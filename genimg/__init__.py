"""genimg: generative methods for inverse problems in imaging, the package under the book.

Two ideas carry it. A critic is a dual variable: the vanilla GAN, WGAN, WGAN-GP and the total-variation
detector are one loop with another constraint on D. A distribution is anything with `.sample(n)`: data,
noise, a pushforward G#P_Z and a history of generators are interchangeable arguments.

Everything is resolved on first use, so that `import genimg` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from genimg.anomaly import Detector as Detector
    from genimg.anomaly import anomaly_score as anomaly_score
    from genimg.anomaly import fit_detector as fit_detector
    from genimg.distributions import Empirical as Empirical
    from genimg.distributions import Gaussian as Gaussian
    from genimg.distributions import Mixture as Mixture
    from genimg.distributions import Pushforward as Pushforward
    from genimg.history import History as History
    from genimg.objectives import TanhTotalVariation as TanhTotalVariation
    from genimg.objectives import TotalVariation as TotalVariation
    from genimg.objectives import Vanilla as Vanilla
    from genimg.objectives import WassersteinClip as WassersteinClip
    from genimg.objectives import WassersteinGP as WassersteinGP
    from genimg.records import Record as Record
    from genimg.seeding import rng as rng
    from genimg.training import critic_steps as critic_steps
    from genimg.training import gan_steps as gan_steps
    from genimg.training import train_gan as train_gan

_NAMES = {
    "Detector": "anomaly",
    "anomaly_score": "anomaly",
    "fit_detector": "anomaly",
    "Empirical": "distributions",
    "Gaussian": "distributions",
    "Mixture": "distributions",
    "Pushforward": "distributions",
    "History": "history",
    "Vanilla": "objectives",
    "WassersteinClip": "objectives",
    "WassersteinGP": "objectives",
    "TanhTotalVariation": "objectives",
    "TotalVariation": "objectives",
    "Record": "records",
    "rng": "seeding",
    "critic_steps": "training",
    "gan_steps": "training",
    "train_gan": "training",
}

_MODULES = (
    "anomaly",
    "check",
    "checks",
    "color",
    "colorize",
    "data",
    "devices",
    "distributions",
    "disk",
    "divergence",
    "experiments",
    "fields",
    "history",
    "inpaint",
    "interpolation",
    "live",
    "metrics",
    "networks",
    "objectives",
    "plots",
    "poisson",
    "ranks",
    "records",
    "runs",
    "seeding",
    "training",
    "transport",
    "widgets",
    "zoo",
)

__all__ = [*_NAMES, *_MODULES]


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(importlib.import_module(f"genimg.{_NAMES[name]}"), name)
    if name in _MODULES:
        return importlib.import_module(f"genimg.{name}")
    raise AttributeError(f"module 'genimg' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
