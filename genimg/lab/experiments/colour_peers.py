"""Two other ways to learn colours, with the network of ChromaGAN: the objectives of pix2pix and of Zhang et al.

Their papers have networks of their own. Here all methods share one, one number of steps and one rate, so that what
differs is what is asked of it.

Source: Isola, Zhu, Zhou & Efros, Image-to-image translation with conditional adversarial networks, 2017, section 3;
Zhang, Isola & Efros, Colorful image colorization, 2016, section 2.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, l1_loss, log_softmax, softplus

from genimg.gan.networks import ChromaGenerator
from genimg.gan.runs import Recipe, Run
from genimg.numerics.color import in_gamut, unscale_ab
from genimg.problems.colorize import ChromaObjective, Features, Pictures, answered, colour_steps

L1 = 100.0  # Isola's weight, on colours in [-1, 1]
SPACING = 10.0  # of the bins, in CIE units
NEAREST, SIGMA = 5, 5.0  # a colour is spread over so many bins
UNIFORM = 0.5  # share of the uniform law in the rebalanced one
TEMPERATURE = 0.38  # of the annealed mean


def ablated(objective: ChromaObjective) -> dict[str, ChromaObjective]:
    """The objective whole, without one of its parts, and without both."""
    return {
        "l2": replace(objective, adversarial=0.0, classes=0.0),
        "full": objective,
        "no-class": replace(objective, classes=0.0),
        "no-wgan": replace(objective, adversarial=0.0),
    }


def pix2pix_steps(
    G: ChromaGenerator, D: nn.Module, pictures: Pictures | Features, *, steps: int, batch: int, lr: float, amp: bool
) -> Iterator[int]:
    """Trains G by 100 ‖G(L) − ab‖₁ (mean, colours in [-1, 1]) − log D(L, G(L)), and D, one update of each per step.

    G's loss is the one that does not saturate; D's is halved, as in the paper. No noise but that of the pictures.

    Yields:
        The number of steps done.
    """
    how = Recipe.of({"batch": batch, "lr": lr, "amp": amp}, betas=(0.5, 0.999), decay_lr=True)
    run = Run({"G": G, "D": D}, {}, how)
    for step in run.steps(steps):
        real = pictures.sample(batch)
        with run.autocast:
            ab = answered(G, real, classes=False).ab
            of_real, of_fake = D(real.L, real.ab).float(), D(real.L, ab.detach()).float()
        of_D = (softplus(-of_real).mean() + softplus(of_fake).mean()) / 2
        run.descend("D", of_D)
        with run.frozen("D"), run.autocast:
            scores = D(real.L, ab).float()
        of_G = softplus(-scores).mean() + L1 * l1_loss(2 * ab, 2 * real.ab)
        run.descend("G", of_G)
        run.settle({"loss of G": of_G, "loss of D": of_D})
        yield step


def learning(
    method: str, G: ChromaGenerator, D: nn.Module, bins: Bins | None, pictures: Pictures | Features,
    objective: ChromaObjective | None, rng: torch.Generator, common: dict[str, Any], **ours: Any,
) -> Iterator[Any]:  # fmt: skip
    """The updates of one method: pix2pix, Zhang's, who has bins, or ChromaGAN with an objective."""
    if method == "pix2pix":
        return pix2pix_steps(G, D, pictures, **common)
    if bins is not None:
        return zhang_steps(G, bins, pictures, **common)
    assert objective is not None
    return colour_steps(G, D, pictures, objective, rng=rng, decay_lr=True, **ours, **common)


@dataclass(frozen=True, eq=False)
class Bins:
    """Chroma as classes: a grid of colours 10 apart, and a weight for each by how rare it is."""

    centres: Tensor  # (q, 2), a and b in CIE units
    rarity: Tensor  # (q,), w with E[w] = 1 over the colours of the training pictures

    @classmethod
    def of(cls, pictures: Pictures | Features, draws: int = 2000) -> Bins:
        """The bins that a screen can show at some lightness, weighed by the colours of some pictures."""
        centres = grid()
        counts = torch.zeros(len(centres))
        for _ in range(max(1, draws // 100)):
            spread = cls.spread(centres, unscale_ab(avg_pool2d(pictures.sample(100).ab, 2)))
            counts += spread.sum((0, 2, 3))
        share = counts / counts.sum()  # spreading over neighbours has smoothed it
        weight = 1 / ((1 - UNIFORM) * share + UNIFORM / len(centres))
        return cls(centres, weight / (share * weight).sum())

    @staticmethod
    def spread(centres: Tensor, ab: Tensor) -> Tensor:
        """Each colour of ab (n, 2, h, w) as a distribution over its five nearest bins, (n, q, h, w)."""
        flat = ab.permute(0, 2, 3, 1).reshape(-1, 2)
        away, which = torch.cdist(flat, centres).topk(NEAREST, dim=1, largest=False)
        near = (-away.square() / (2 * SIGMA**2)).softmax(1)
        full = torch.zeros(len(flat), len(centres), device=ab.device).scatter_(1, which, near)
        return full.reshape(len(ab), *ab.shape[2:], -1).permute(0, 3, 1, 2)

    def loss(self, logits: Tensor, ab: Tensor) -> Tensor:
        """Cross-entropy, each pixel weighed by the rarity of the bin that its colour lies nearest to."""
        target = self.spread(self.centres, ab)
        weight = self.rarity[target.argmax(1)]
        return -(weight * (target * log_softmax(logits, dim=1)).sum(1)).mean()

    def chroma(self, logits: Tensor, temperature: float = TEMPERATURE) -> Tensor:
        """The annealed mean (n, 2, h, w): between the mean (temperature 1) and the most likely bin (towards 0)."""
        return torch.einsum("nqhw,qc->nchw", (logits / temperature).softmax(1), self.centres)


def grid() -> Tensor:
    """(q, 2): the multiples of 10 for (a, b) that exist on a screen at some L.

    Example:
        >>> bins = grid()
        >>> [0.0, 0.0] in bins.tolist(), [0.0, -120.0] in bins.tolist()
        (True, False)
    """
    line = torch.arange(-110.0, 120.0, SPACING)
    ab = torch.cartesian_prod(line, line)
    lab = torch.stack([torch.cat([torch.full((len(ab), 1), float(L)), ab], 1) for L in range(1, 100)], 2)  # (q, 3, 99)
    return ab[in_gamut(lab[..., None]).flatten(1).any(1)]


def zhang_steps(
    G: ChromaGenerator, bins: Bins, pictures: Pictures | Features, *, steps: int, batch: int, lr: float, amp: bool
) -> Iterator[int]:
    """Trains G, with one output per bin, as a classifier of the colour of each pixel at half the size.

    Yields:
        The number of steps done.
    """
    how = Recipe.of({"batch": batch, "lr": lr, "amp": amp}, betas=(0.5, 0.999), decay_lr=True)
    run = Run({"G": G}, {}, how)
    for step in run.steps(steps):
        real = pictures.sample(batch)
        with run.autocast:
            logits = answered(G, real, classes=False).ab
        loss = bins.loss(logits.float(), unscale_ab(avg_pool2d(real.ab, real.ab.shape[-1] // logits.shape[-1])))
        run.descend("G", loss)
        run.settle({"loss": loss})
        yield step
