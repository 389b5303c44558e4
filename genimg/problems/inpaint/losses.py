"""What a completion costs: contextual loss on the known pixels, and prior loss by the critic. One number per image."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from genimg._base.errors import UsageError, choice
from genimg._base.errors import images as checked_images
from genimg._base.errors import mask as checked_mask
from genimg.gan.distributions import Distribution
from genimg.numerics.fields import grad
from genimg.problems.inpaint.weight import WINDOW, edge_weight, weight

NORMS = ("l1", "l2")
PRIORS = ("critic", "log")


def norm(x: Tensor, kind: str) -> Tensor:
    """‖x‖ of each row, a sum over everything else: Σ|x| for "l1", (Σ x²)^½ for "l2"; (n, …) → (n,).

    Example:
        >>> x = torch.tensor([[3.0, -4.0], [0.0, 1.0]])
        >>> norm(x, "l1").tolist(), norm(x, "l2").tolist()
        ([7.0, 1.0], [5.0, 1.0])
    """
    if choice(kind, "norm", NORMS) == "l1":
        return x.abs().flatten(1).sum(1)
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


def log_prior(scores: Tensor, level: Level = Level()) -> Tensor:  # noqa: B008
    """log(1 − sigmoid((D(G(z)) − centre) / scale)), per image and without its λ: low where D is high, and unbounded.

    A critic trained as `Vanilla` gives logits, for which the default level is Yeh's formula. A Wasserstein critic has
    no origin and no unit: `critic_level` puts both at its scores on generated images, so that 1 − sigmoid is 1/2 for a
    typical one. That stands in for Yeh's prior here and is in no paper.

    Source: Yeh et al. 2017, equation (5).

    Example:
        >>> log_prior(torch.zeros(1)).exp().tolist()
        [0.5]
    """
    return -softplus((scores - level.centre) / level.scale)


@torch.no_grad()
def critic_level(G: nn.Module, D: nn.Module, latent: Distribution, samples: int = 256) -> Level:
    """Mean and standard deviation of D(G(z)), for `log_prior` with a Wasserstein critic."""
    scores = D(G(latent.sample(samples))).float()
    return Level(float(scores.mean()), float(scores.std().clamp_min(1e-6)))


class Loss:
    """L(x) = pixel ‖W (x − y)‖ + gradient ‖W (∇x − ∇y)‖ + prior L_p(x), for many images y at once.

    Norms are sums over pixels and channels (`norm`), as in Yeh's formula, so a weight has the same meaning whatever the
    number of images; nothing is averaged over a batch. W of the second term is `edge_weight`.

    Args:
        D: critic (n, c, h, w) → (n,), in eval mode; not called if prior is 0.
        y: incomplete images (n, c, h, w) in [-1, 1]; what they hold at missing pixels is not looked at.
        mask: (h, w), (1, 1, h, w) or (n, 1, h, w), 1 = known, 0 = missing.
        pixel, gradient, prior: weights, not negative. The talk's tables call them alpha, beta and eta.
        prior_form: "critic" for −D, the talk's; "log" for log(1 − sigmoid(D)), Yeh's, where `prior` is their lambda.
        level: of "log", for a critic whose scores are no logits.
        norm: "l1" or "l2".
        window: of W; None takes all known pixels alike.

    Raises:
        UsageError: shapes that do not fit, images outside [-1, 1], a negative weight, an image of which nothing is
            known, or nothing missing, where W is zero everywhere.

    Source: the talk, "2nd Step" and the rows of its tables; Yeh et al. 2017, equations (2) to (5).

    Example:
        One pixel is missing; W is 1/3 to the right of it, where x is off by 3, and so is the difference of the two
        pixels there, which should be 0 and is -1. The differences with the missing pixel do not count.

        >>> y, x = torch.zeros(1, 1, 1, 4), torch.tensor([[[[0.0, 9.0, 3.0, 2.0]]]])
        >>> loss = Loss(nn.Identity(), y, torch.tensor([[1, 0, 1, 1]]), pixel=1, gradient=3, prior=0, window=3)
        >>> loss(x, torch.tensor([0])).tolist()                              # 3 / 3 + 3 · 1 / 3
        [2.0]
    """

    def __init__(
        self,
        D: Callable[[Tensor], Tensor],
        y: Tensor,
        mask: Tensor,
        *,
        pixel: float = 1.0,
        gradient: float = 0.5,
        prior: float = 0.1,
        prior_form: str = "critic",
        level: Level = Level(),  # noqa: B008
        norm: str = "l1",
        window: int | None = WINDOW,
    ) -> None:
        known = checked_mask(mask, y)
        self.y = checked_images(torch.where(known, y, 0.0), "y")
        if not bool(known.flatten(1).any(1).all()):
            raise UsageError("the mask leaves nothing known: there is nothing that the search could fit")
        if window is not None and bool(known.flatten(1).all(1).any()):
            raise UsageError("nothing is missing, so W is zero; window=None fits all pixels")
        if min(pixel, gradient, prior) < 0:
            raise UsageError(f"the weights of the loss must not be negative, got {pixel}, {gradient}, {prior}")
        self.D, self.pixel, self.gradient, self.prior, self.level = D, pixel, gradient, prior, level
        self.prior_form, self.norm = choice(prior_form, "prior_form", PRIORS), choice(norm, "norm", NORMS)
        self.W, self.W_edge = weight(known, window).to(y), edge_weight(known, window).to(y)

    def __len__(self) -> int:
        return len(self.y)

    def __call__(self, x: Tensor, image: Tensor) -> Tensor:
        """(k,): what x (k, c, h, w) costs as completions of the images at these positions, (k,)."""
        return self.context(x, image) + self.prior_loss(x) if self.prior else self.context(x, image)

    def context(self, x: Tensor, image: Tensor) -> Tensor:
        """The contextual loss alone, (k,)."""
        off = x - self.y[image]
        loss = self.pixel * norm(_of(self.W, image) * off, self.norm)
        if self.gradient:
            loss = loss + self.gradient * norm(_of(self.W_edge, image) * grad(off), self.norm)
        return loss

    def prior_loss(self, x: Tensor) -> Tensor:
        """The prior loss with its weight, (k,)."""
        scores = self.D(x).to(x.dtype).reshape(len(x))
        return self.prior * (critic_prior(scores) if self.prior_form == "critic" else log_prior(scores, self.level))


def _of(weights: Tensor, image: Tensor) -> Tensor:
    """The rows of these images; one row stands for all."""
    return weights if len(weights) == 1 else weights[image]
