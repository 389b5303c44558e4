"""L_e + λ_p L_p + λ_s L_s: error of chroma, critic, class distribution, each under its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import kl_div, log_softmax, mse_loss

from genimg._base.errors import UsageError, choice
from genimg.gan.networks import Colours
from genimg.gan.objectives import CriticLoss, gradient_penalty
from genimg.problems.colorize.pictures import Coloured

PENALTY_OF = ("sum", "mean", "rms")


class GeneratorTerms(NamedTuple):
    """What G minimises (`loss`) and its terms without their weights; a term of weight 0 is 0 and was not computed."""

    loss: Tensor
    error: Tensor
    adversarial: Tensor
    classes: Tensor


@dataclass(frozen=True)
class ChromaObjective:
    """The three losses of ChromaGAN and the penalty of its critic.

    Attributes:
        error: weight of L_e, the mean over pixels, channels and pictures of the squared error of ab in [0, 1].
        adversarial: weight λ_p of −E[D(L, G(L))], the mean over patches and pictures. 0 is "without WGAN": D is never
            called.
        classes: weight λ_s of KL(y ‖ softmax of the logits), the sum over classes and mean over pictures. 0 is
            "without class distribution": the class branch is never run.
        penalty: λ of E[(‖∇D‖ − 1)²], with the slope along ab only, for L is given, at u · ab + (1 − u) · G(L) with one
            u ~ U(0, 1) per picture.
        penalty_of: whose slope. "sum" of the patches' scores, as published; the mean, which the Wasserstein term
            uses, then has a slope near 1 / 784 at the published size, and L_p counts for as much less. "mean" holds
            the mean itself to slope 1, so that L_p is a Wasserstein distance for the Euclidean norm of ab, which
            grows with the side of the pictures. "rms" holds it to slope 1 for the root mean square of ab: L_p is then
            in the units of ab and a weight means the same at every size.

    Raises:
        UsageError: for a negative weight, three weights of 0, or another `penalty_of`.

    Source: Vitoria, Raad & Ballester 2020, equations (1) to (5), and the code published with it; the talk, "Cost
    function", where the critic's part is written with the sign of a maximum.

    Example:
        Chroma off by 0.5 everywhere, two classes alike where the first is true: 0.25 + 2 · log 2.

        >>> half, y = torch.full((1, 2, 8, 8), 0.5), torch.tensor([[1.0, 0.0]])
        >>> objective = ChromaObjective(error=1.0, adversarial=0.0, classes=2.0)
        >>> out, real = Colours(half, torch.zeros(1, 2)), Coloured(half[:, :1], 2 * half, y)
        >>> terms = objective.generator_terms(None, out, real)
        >>> round(float(terms.error), 4), round(float(terms.classes), 4), round(float(terms.loss), 4)
        (0.25, 0.6931, 1.6363)
    """

    error: float = 1.0
    adversarial: float = 0.1
    classes: float = 0.003
    penalty: float = 10.0
    penalty_of: str = "sum"

    def __post_init__(self) -> None:
        choice(self.penalty_of, "penalty_of", PENALTY_OF)
        for name in ("error", "adversarial", "classes", "penalty"):
            if not getattr(self, name) >= 0:
                raise UsageError(f"the weight {name} must not be negative, got {getattr(self, name)}")
        if not (self.error or self.adversarial or self.classes):
            raise UsageError("with error, adversarial and classes all 0 there is nothing to learn")

    def generator_terms(
        self, D: Callable[[Tensor, Tensor], Tensor] | None, out: Colours, real: Coloured
    ) -> GeneratorTerms:
        """What G pays for the colours `out` it gave the pictures `real`.

        Args:
            D: critic (L, ab) → scores (n, …); None where `adversarial` is 0.
        """
        none = out.ab.new_zeros(())
        error = mse_loss(out.ab, real.ab) if self.error else none
        adversarial = classes = none
        if self.adversarial:
            if D is None:
                raise UsageError("adversarial > 0 needs a critic")
            adversarial = -D(real.L, out.ab).float().mean()
        if self.classes:
            if out.logits is None or real.y is None:
                raise UsageError("classes > 0 needs a class branch (chromagan(classes=…)) and pictures with a y")
            classes = kl_div(log_softmax(out.logits.float(), dim=1), real.y, reduction="batchmean")
        loss = self.error * error + self.adversarial * adversarial + self.classes * classes
        return GeneratorTerms(loss, error, adversarial, classes)

    def critic_terms(
        self, D: Callable[[Tensor, Tensor], Tensor], L: Tensor, real: Tensor, fake: Tensor, rng: torch.Generator
    ) -> CriticLoss:
        """What D minimises: −E[D(L, real)] + E[D(L, fake)] + penalty; `distance` is the difference of means.

        Args:
            L: (n, 1, h, w).
            real, fake: chroma (n, 2, h, w) of the same L; no gradient goes into either.
            rng: draws u, on their device.
        """
        fake = fake.detach()
        distance = D(L, real).float().mean() - D(L, fake).float().mean()
        if not self.penalty:
            return CriticLoss(-distance, distance.detach(), torch.zeros_like(distance.detach()))

        def score(ab: Tensor) -> Tensor:
            scores = D(L, ab).float().flatten(1)
            if self.penalty_of == "sum":
                return scores.sum(1)
            return scores.mean(1) * (ab[0].numel() ** 0.5 if self.penalty_of == "rms" else 1.0)

        penalty = self.penalty * gradient_penalty(score, real, fake, rng)
        return CriticLoss(penalty - distance, distance.detach(), penalty.detach())


# As published. Beside it: `networks.chromagan` at its defaults, `Pictures(in_order=True)`, `colour_steps` at its own.
FAITHFUL = ChromaObjective()
# What this project changes, each for a reason given where it is. Here: the slope is that of the mean score, for the
# root mean square of ab. With N = 2 · 224² numbers of ab and 784 patches the published λ_p = 0.1 is 0.1 · √N / 784 =
# 0.04 in these units: both objectives weigh their terms alike at the published size, and this one at every other too.
# Beside it: `chromagan(normalise=True, upsample="bilinear")`, `Pictures(flips=True)` in random order,
# `colour_steps(amp=True)`.
IMPROVED = ChromaObjective(adversarial=0.04, penalty_of="rms")
