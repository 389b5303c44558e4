"""The two published MNIST protocols, and the numbers that both families of papers report.

One class is anomalous, all others are normal. A split is positions in the order of the labels that were given; for
MNIST that is the training set followed by the test set, 70,000 digits. Everywhere anomalous = 1 and normal = 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from genimg._base.errors import UsageError
from genimg.numerics import metrics


class Part(NamedTuple):
    """Positions `rows` (n,) and `anomalous` (n,), 1 where the class is the anomalous one; both int64."""

    rows: Tensor
    anomalous: Tensor


@dataclass(frozen=True, eq=False)
class Split:
    """Normal data to train on, and two parts with anomalies; `validation` may be empty.

    A model that is chosen on `validation` has seen anomalies. Our own numbers never use it.
    """

    train: Part
    validation: Part
    test: Part


def fence_split(labels: Tensor, anomalous: int) -> Split:
    """The split of the authors of Fence-GAN: no shuffle; of the normals 80 % train, 15 % test, 5 % validation.

    Of the anomalies the first 3/4 go to the test set, the last quarter to the validation set, on which the authors
    choose the epoch that they report.

    Args:
        labels: (n,), MNIST's training set followed by its test set, in their published order.

    Raises:
        UsageError: if one of the two classes is empty.

    Source: Ngo et al. 2019, their code `utils/data.py`, read for this project.

    Example:
        >>> split = fence_split(torch.tensor([0] * 20 + [1] * 4), anomalous=1)
        >>> [(len(part.rows), int(part.anomalous.sum())) for part in (split.train, split.validation, split.test)]
        [(16, 0), (2, 1), (6, 3)]
    """
    normal, odd = _classes(labels, anomalous)
    first, second, odd_first = len(normal) * 80 // 100, len(normal) * 95 // 100, len(odd) * 3 // 4
    return Split(
        train=_part(normal[:first], odd[:0]),
        validation=_part(normal[second:], odd[odd_first:]),
        test=_part(normal[first:second], odd[:odd_first]),
    )


def egbad_split(labels: Tensor, anomalous: int, rng: torch.Generator) -> Split:
    """The split of EGBAD and its AnoGAN: 80 % of the normals train, the other 20 % and all anomalies test.

    The published code permutes anew for each of its two calls, so that four fifths of its normal test images have been
    trained on. Here both parts come from one permutation, so that none has.

    Args:
        labels: (n,), MNIST's training set followed by its test set.
        rng: draws the permutation.

    Raises:
        UsageError: if one of the two classes is empty.

    Source: Zenati et al. 2018, their code `data/mnist.py` and `utils/adapt_data.py`, read for this project.

    Example:
        >>> split = egbad_split(torch.tensor([0] * 20 + [1] * 4), 1, torch.Generator())
        >>> [(len(part.rows), int(part.anomalous.sum())) for part in (split.train, split.validation, split.test)]
        [(16, 0), (0, 0), (8, 4)]
    """
    normal, odd = _classes(labels, anomalous)
    normal = normal[torch.randperm(len(normal), generator=rng, device=rng.device).to(normal.device)]
    first = len(normal) * 80 // 100
    return Split(
        train=_part(normal[:first], odd[:0]),
        validation=_part(normal[:0], odd[:0]),
        test=_part(normal[first:], odd),
    )


def cut_and_paste(images: Tensor, rng: torch.Generator) -> Tensor:
    """The left half of each image beside the right half of another: odd things made of what is normal.

    A score that was chosen by how it ranks them has seen no anomaly.

    Args:
        images: (n, c, h, w), normal and held out.
        rng: on the CPU; draws whose left half each one gets, now and then its own.

    Returns:
        (n, c, h, w).

    Example:
        >>> a, b = torch.zeros(1, 1, 1, 4), torch.ones(1, 1, 1, 4)
        >>> made = cut_and_paste(torch.cat([a, b]), torch.Generator().manual_seed(1))
        >>> made.flatten(1).int().tolist() in ([[0, 0, 0, 0], [1, 1, 1, 1]], [[1, 1, 0, 0], [0, 0, 1, 1]])
        True
    """
    made, half = images.clone(), images.shape[-1] // 2
    made[..., :half] = images[torch.randperm(len(images), generator=rng).to(images.device)][..., :half]
    return made


class Evaluation(NamedTuple):
    """AUPRC with either class positive, the chance level of each, and AUROC, whose chance level is 1/2."""

    auprc_anomalous: float
    chance_anomalous: float
    auprc_normal: float
    chance_normal: float
    auroc: float


def evaluate(scores: Tensor, anomalous: Tensor, rule: str = "step") -> Evaluation:
    """The numbers of one detector on one test set, in both conventions that papers mix.

    EGBAD counts the anomalies as positive, Fence-GAN the normals; with the split of the latter a blind detector has
    0.36 in the first convention and 0.64 in the second.

    Args:
        scores: (n,), larger = more anomalous.
        anomalous: (n,), 1 = anomalous, 0 = normal.
        rule: how the area is summed, as in `metrics.auprc`; both papers use "trapezoid".

    Raises:
        UsageError: for NaN scores, or a test set of one class.

    Source: Saito and Rehmsmeier 2015 on chance levels; the two codes named in this module.

    Example:
        >>> perfect = evaluate(torch.tensor([-1.0, -0.5, 1.0]), torch.tensor([0, 0, 1]))
        >>> perfect.auprc_anomalous, perfect.auprc_normal, perfect.auroc, round(perfect.chance_anomalous, 3)
        (1.0, 1.0, 1.0, 0.333)
    """
    labels = anomalous.long()
    if bool(((labels != 0) & (labels != 1)).any()):
        raise UsageError("evaluate: anomalous must hold 1 for anomalies and 0 for normal images, not classes")
    return Evaluation(
        auprc_anomalous=metrics.auprc(scores, labels, positive=1, rule=rule),
        chance_anomalous=metrics.chance(labels, positive=1),
        auprc_normal=metrics.auprc(-scores, labels, positive=0, rule=rule),
        chance_normal=metrics.chance(labels, positive=0),
        auroc=metrics.auroc(scores, labels, positive=1),
    )


def _classes(labels: Tensor, anomalous: int) -> tuple[Tensor, Tensor]:
    odd = labels == anomalous
    if labels.ndim != 1 or not bool(odd.any()) or bool(odd.all()):
        raise UsageError(f"labels (n,) need class {anomalous} and another one, got shape {tuple(labels.shape)}")
    return (~odd).nonzero().flatten(), odd.nonzero().flatten()


def _part(normal: Tensor, odd: Tensor) -> Part:
    return Part(torch.cat([normal, odd]), torch.cat([torch.zeros_like(normal), torch.ones_like(odd)]))
