"""What a completion costs: contextual loss on the known pixels, and prior loss by the critic. One number per image.

A `Formulation` says which losses these are; a `Loss` is one for given images and masks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from genimg._base.errors import UsageError, positive
from genimg._base.errors import images as checked_images
from genimg._base.errors import mask as checked_mask
from genimg.gan.distributions import Distribution
from genimg.numerics.fields import grad
from genimg.problems.inpaint.linear import Linear
from genimg.problems.inpaint.weight import WINDOW, edge_weight, weight

YEH_LAMBDA = 0.003  # Yeh et al. 2017, section 3.4
GUESS = 0.1  # chosen on validation faces, by number and by eye: more lowers the error and blurs


def l1(x: Tensor) -> Tensor:
    """‖x‖₁ of each row, Σ|x| over everything else; (n, …) → (n,).

    Example:
        >>> l1(torch.tensor([[3.0, -4.0], [0.0, 1.0]])).tolist()
        [7.0, 1.0]
    """
    return x.abs().flatten(1).sum(1)


def l2(x: Tensor) -> Tensor:
    """‖x‖₂ of each row, (Σ x²)^½ over everything else; (n, …) → (n,).

    Example:
        >>> l2(torch.tensor([[3.0, -4.0], [0.0, 1.0]])).tolist()
        [5.0, 1.0]
    """
    return (x.square().flatten(1).sum(1) + 1e-12).sqrt()  # a root has no slope at 0


def critic_prior(scores: Tensor) -> Tensor:
    """L_p = −D(G(z)), per image: low where the critic takes the image for a real one.

    Source: the talk, "2nd Step".
    """
    return -scores


class Level(NamedTuple):
    """Where the scores of a critic lie: (score − centre) / scale is what a sigmoid is applied to."""

    centre: float = 0.0
    scale: float = 1.0


@dataclass(frozen=True)
class LogPrior:
    """log(1 − sigmoid((D(G(z)) − centre) / scale)), per image and without its λ: low where D is high, and unbounded.

    A critic trained as `Vanilla` gives logits, for which the default level is Yeh's formula. A Wasserstein critic has
    no origin and no unit: `critic_level` puts both at its scores on generated images, so that 1 − sigmoid is 1/2 for a
    typical one. That stands in for Yeh's prior here and is in no paper.

    Source: Yeh et al. 2017, equation (5).

    Example:
        >>> LogPrior()(torch.zeros(1)).exp().tolist()
        [0.5]
    """

    level: Level = Level()  # noqa: RUF009  # a tuple

    def __call__(self, scores: Tensor) -> Tensor:
        return -softplus((scores - self.level.centre) / self.level.scale)


@torch.no_grad()
def critic_level(G: nn.Module, D: nn.Module, latent: Distribution, samples: int = 256) -> Level:
    """Mean and standard deviation of D(G(z)), for `LogPrior` with a Wasserstein critic."""
    scores = D(G(latent.sample(samples))).float()
    return Level(float(scores.mean()), float(scores.std().clamp_min(1e-6)))


@dataclass(frozen=True)
class Clipped:
    """After each update z is clipped to [−bound, bound]: 1 in Yeh's paper, whose z is uniform there."""

    bound: float = 1.0

    def __post_init__(self) -> None:
        positive(self.bound, "the bound of z")

    def __call__(self, z: Tensor, start: Tensor) -> Tensor:
        """z (k, d) after an update, of searches that began at `start`."""
        return z.clamp(-self.bound, self.bound)


@dataclass(frozen=True)
class OnSphere:
    """After each update z gets the norm back that it started with: nearly all of a Gaussian's mass is near a sphere."""

    def __call__(self, z: Tensor, start: Tensor) -> Tensor:
        """z (k, d) after an update, of searches that began at `start`."""
        return z * (start.norm(dim=1, keepdim=True) / z.norm(dim=1, keepdim=True))


@dataclass(frozen=True)
class Formulation:
    """What is minimised: pixel ‖W (x − y)‖ + gradient ‖W (∇x − ∇y)‖ + prior L_p(D(x)), and where z may be.

    Norms are sums over pixels and channels, as in Yeh's formula, so a weight has the same meaning whatever the number
    of images; nothing is averaged over a batch. W of the second term is `edge_weight`.

    Attributes:
        pixel, gradient, prior: weights, not negative. The talk's tables call them alpha, beta and eta (its slide weighs
            L_p by alpha instead).
        prior_loss: scores (n,) → (n,): `critic_prior`, the talk's −D, or a `LogPrior`, Yeh's, where `prior` is their λ.
        norm: `l1` or `l2`.
        window, far: of `weight`; window None takes all known pixels alike.
        law, guess: where y is missing, x is compared with what this law expects there, with this weight and the same
            norm; None compares nothing.
        constraint: `Clipped()`, `OnSphere()`, or None: z is free.

    Raises:
        UsageError: a negative weight, or a name where a function is meant.

    Source: the talk, "2nd Step" and the rows of its tables; Yeh et al. 2017, equations (2) to (5).

    Example:
        >>> OURS.gradient, YEH2017.prior, YEH2017.constraint
        (0.5, 0.003, Clipped(bound=1.0))
    """

    pixel: float = 1.0
    gradient: float = 0.5
    prior: float = 0.1
    prior_loss: Callable[[Tensor], Tensor] = critic_prior
    norm: Callable[[Tensor], Tensor] = l1
    window: int | None = WINDOW
    far: float = 0.0
    law: Linear | None = None
    guess: float = GUESS
    constraint: Clipped | OnSphere | None = None

    def __post_init__(self) -> None:
        if min(self.pixel, self.gradient, self.prior, self.far, self.guess) < 0:
            weights = f"{self.pixel}, {self.gradient}, {self.prior}, {self.far}, {self.guess}"
            raise UsageError(f"the weights of the loss must not be negative, got {weights}")
        for name, examples in (("norm", "l1 or l2"), ("prior_loss", "critic_prior or LogPrior()")):
            if not callable(getattr(self, name)):
                raise UsageError(f"{name} is a function of genimg.inpaint, {examples}, not {getattr(self, name)!r}")


def ours(pixel: float, gradient: float, prior: float) -> Formulation:
    """The talk's loss: contextual loss with gradients, prior −D. Norm and window are not stated there; as in Yeh's."""
    return Formulation(pixel, gradient, prior)


def yeh(pixel: float = 1.0, gradient: float = 0.0, prior: float = 1.0, level: Level = Level()) -> Formulation:  # noqa: B008
    """Yeh's loss with prior λ log(1 − sigmoid(D)), λ = 0.003, times `prior`; the talk adds gradients to it.

    Whether eta of the talk's tables multiplies λ or takes its place is not stated; here it multiplies. With a critic of
    WGAN-GP pass its `critic_level`.
    """
    return Formulation(pixel, gradient, YEH_LAMBDA * prior, LogPrior(level))


OURS = ours(0.5, 0.5, 1.0)  # the row with the best CelebA numbers of the talk's first table
# This project's: known pixels far from the hole count a little, so that the search sees whose face it is.
WIDE = replace(OURS, far=0.2)


def guided(law: Linear) -> Formulation:
    """`WIDE`, kept near the best linear answer inside the hole: this project's.

    The linear answer knows best how bright each side of a face is, the generator what eyes look like.
    """
    return replace(WIDE, law=law)


# Yeh et al. 2017, equations (2) to (5), sections 3.1 and 3.4: L1, window 7, z ~ U[-1, 1]^100 and clipped to [-1, 1].
YEH2017 = Formulation(1.0, 0.0, YEH_LAMBDA, LogPrior(), constraint=Clipped(1.0))


class Loss:
    """A `Formulation` for many images y at once.

    Args:
        D: critic (n, c, h, w) → (n,), in eval mode; not called if the prior's weight is 0.
        y: incomplete images (n, c, h, w) in [-1, 1]; what they hold at missing pixels is not looked at.
        mask: (h, w), (1, 1, h, w) or (n, 1, h, w), 1 = known, 0 = missing.

    Raises:
        UsageError: shapes that do not fit, images outside [-1, 1], an image of which nothing is known, or nothing
            missing, where W is zero everywhere.

    Example:
        One pixel is missing; W is 1/3 to the right of it, where x is off by 3, and so is the difference of the two
        pixels there, which should be 0 and is -1. The differences with the missing pixel do not count.

        >>> y, x = torch.zeros(1, 1, 1, 4), torch.tensor([[[[0.0, 9.0, 3.0, 2.0]]]])
        >>> terms = Formulation(pixel=1, gradient=3, prior=0, window=3)
        >>> loss = Loss(nn.Identity(), y, torch.tensor([[1, 0, 1, 1]]), terms)
        >>> loss(x, torch.tensor([0])).tolist()                              # 3 / 3 + 3 · 1 / 3
        [2.0]
    """

    def __init__(
        self, D: Callable[[Tensor], Tensor], y: Tensor, mask: Tensor, formulation: Formulation = Formulation()
    ) -> None:
        known, window, far = checked_mask(mask, y), formulation.window, formulation.far
        self.y = checked_images(torch.where(known, y, 0.0), "y")
        if not bool(known.flatten(1).any(1).all()):
            raise UsageError("the mask leaves nothing known: there is nothing that the search could fit")
        if window is not None and not far and bool(known.flatten(1).all(1).any()):
            raise UsageError("nothing is missing, so W is zero; window=None fits all pixels")
        self.D, self.formulation, self.known = D, formulation, known
        self.law = formulation.law if formulation.guess else None
        if self.law is not None:
            self.expected, self.missing = self.law.given(self.y, known), (~known).to(self.y)
        self.W, self.W_edge = weight(known, window, far).to(y), edge_weight(known, window, far).to(y)

    def __len__(self) -> int:
        return len(self.y)

    def __call__(self, x: Tensor, image: Tensor) -> Tensor:
        """(k,): what x (k, c, h, w) costs as completions of the images at these positions, (k,)."""
        return self.context(x, image) + self.prior(x) if self.formulation.prior else self.context(x, image)

    def context(self, x: Tensor, image: Tensor) -> Tensor:
        """The loss without the prior, (k,): the contextual loss, and how far x is from what the law expects."""
        terms, off = self.formulation, x - self.y[image]
        loss = terms.pixel * terms.norm(_of(self.W, image) * off)
        if terms.gradient:
            loss = loss + terms.gradient * terms.norm(_of(self.W_edge, image) * grad(off))
        if self.law is not None:
            loss = loss + terms.guess * terms.norm(_of(self.missing, image) * (x - _of(self.expected, image)))
        return loss

    def prior(self, x: Tensor) -> Tensor:
        """The prior loss with its weight, (k,)."""
        return self.formulation.prior * self.formulation.prior_loss(self.D(x).to(x.dtype).reshape(len(x)))


def _of(weights: Tensor, image: Tensor) -> Tensor:
    """The rows of these images; one row stands for all."""
    return weights if len(weights) == 1 else weights[image]
