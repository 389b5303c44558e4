"""Beyond the talk: the features of a critic as a space in which normal images have a shape.

D_TV is trained on two laws, and off both of their supports its output is an accident. Its last layer of features is
not: what no normal image does to them can be measured, by a Gaussian law fitted to the features of normal images.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from genimg._base.errors import UsageError, at_least


@torch.no_grad()
def critic_features(D: nn.Module, images: Tensor, batch: int = 1000) -> Tensor:
    """(n, d) features of D, what its last linear layer sees, on the device of the images, which is D's.

    Args:
        D: a critic with a method `features`, such as `networks.Critic`.
        images: (n, c, h, w).

    Raises:
        UsageError: for a network that has none.
    """
    at_least(batch, 1, "batch")
    features = getattr(D, "features", None)
    if not callable(features):
        raise UsageError(f"{type(D).__name__} has no features(x); networks.dcgan gives a critic that has them")
    return torch.cat([features(part).float() for part in images.split(batch)])


@dataclass(frozen=True, eq=False)
class FeatureLaw:
    """N(mean, C) fitted to features of normal images, with the shrunk covariance of Ledoit & Wolf.

    Attributes:
        mean: (d,).
        whitener: (d, d), with whitener · whitenerᵀ the inverse of C.

    Source: Lee et al., A simple unified framework for detecting out-of-distribution samples and adversarial attacks,
    2018 (there the features of a classifier, and a mean for each class); Ledoit & Wolf 2004 for the shrinkage.

    Example:
        >>> x = torch.randn(5000, 2, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 3.0])
        >>> law = FeatureLaw.fit(x)
        >>> near, far = law.distance(torch.tensor([[0.0, 3.0], [3.0, 0.0]])).tolist()   # in standard deviations
        >>> 0.9 < near < 1.1, 2.8 < far < 3.2
        (True, True)
    """

    mean: Tensor
    whitener: Tensor

    @classmethod
    def fit(cls, features: Tensor) -> FeatureLaw:
        """The law of (n, d) features, n ≥ 2; where n is below d the shrinkage keeps C invertible."""
        from sklearn.covariance import ledoit_wolf

        if features.ndim != 2 or len(features) < 2:
            raise UsageError(f"features must be (n, d) with n of at least 2, got {tuple(features.shape)}")
        covariance = torch.from_numpy(ledoit_wolf(features.double().cpu().numpy())[0])
        values, vectors = torch.linalg.eigh(covariance)
        # A feature that never varies (a dead unit) has variance 0 and must not turn the distance into infinity.
        values = values.clamp_min(1e-6 * float(values.mean()))
        whitener = (vectors / values.sqrt()).float()
        return cls(features.float().mean(0), whitener.to(features.device))

    def distance(self, features: Tensor) -> Tensor:
        """(n,) Mahalanobis distance to the mean, in standard deviations."""
        return ((features - self.mean) @ self.whitener).norm(dim=1)
