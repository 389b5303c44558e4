"""Beyond the talk: HistoryAD-F, where the mean critic and the shape of its features testify together.

The mean critic of the history, D⁰ with weights W⁰ = ∫ c · W_{D_t} · exp(−rate · t) dt, is where the talk starts D_TV.
Here it is kept as it is. Its score says on which side of the generator's past an image lies; the distance of its
features to those of normal images says how far off both. Each is turned into a surprise, −log of the share of held-out
normal images that look at least as odd, and the surprises are added, as Fisher adds independent tests.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from genimg._base.errors import UsageError
from genimg.problems.anomaly.critic import anomaly_score
from genimg.problems.anomaly.features import FeatureLaw, critic_features


def surprise(scores: Tensor, normal: Tensor) -> Tensor:
    """−log((1 + #{normal scores ≥ s}) / (1 + n)): how rare a score as large as s is among n normal ones.

    Args:
        scores: (m,), larger = more anomalous.
        normal: (n,) scores of held-out normal images.

    Returns:
        (m,), from 0 to log(1 + n).

    Source: the empirical p-value of North, Curtis & Sham 2002, on Shannon's scale.

    Example:
        >>> surprise(torch.tensor([0.0, 9.0]), torch.tensor([1.0, 2.0, 3.0])).exp().tolist()
        [1.0, 4.0]
    """
    if normal.ndim != 1 or len(normal) == 0:
        raise UsageError(f"surprise: normal scores must be (n,) with n of at least 1, got {tuple(normal.shape)}")
    below = torch.searchsorted(normal.sort().values, scores.contiguous())
    return torch.log(torch.tensor(1.0 + len(normal))) - torch.log(1.0 + len(normal) - below)


@dataclass(frozen=True, eq=False)
class Evidence:
    """What is needed to judge an image by a critic and by its features.

    Attributes:
        law: of the features of normal images.
        critic, features: (n,) scores −D and distances of held-out normal images.

    Source: this project; Fisher 1925, section 21.1, for adding −log p.

    Example:
        >>> from genimg import networks
        >>> _, D = networks.dcgan(size=16, width=8, seed=0)
        >>> x = torch.rand(400, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 0.2
        >>> evidence = Evidence.fit(D, x[:300], x[300:])
        >>> normal, odd = evidence.score(D, x[300:]), evidence.score(D, 1 - x[300:])
        >>> bool(odd.median() > normal.median())
        True
    """

    law: FeatureLaw
    critic: Tensor
    features: Tensor

    @classmethod
    def fit(cls, D: nn.Module, normal: Tensor, held_out: Tensor) -> Evidence:
        """The law from `normal` (n, c, h, w), shares from other normal images `held_out`, on the device of D."""
        law = FeatureLaw.fit(critic_features(D, normal))
        return cls(law, anomaly_score(D, held_out), law.distance(critic_features(D, held_out)).cpu())

    def score(self, D: nn.Module, images: Tensor, batch: int = 1000) -> Tensor:
        """(m,) sum of the two surprises, on the CPU; larger = more anomalous."""
        of_features = self.law.distance(critic_features(D, images, batch)).cpu()
        return surprise(anomaly_score(D, images, batch), self.critic) + surprise(of_features, self.features)
