"""One loop, four constraints on D: the critic is the dual variable of a distance between P_real and P_G.

| objective | constraint on D | supremum of the critic's objective |
|---|---|---|
| `Vanilla` | D = sigmoid of a logit | −log 4 + 2 JS |
| `WassersteinClip` | weights in [−c, c], hence k-Lipschitz for an unknown k | k · W1 |
| `WassersteinGP` | ‖∇D‖ near 1 on segments, softly | W1 plus a bias of order 1/λ |
| `TotalVariation` | −1 ≤ D ≤ 1, softly | ‖P1 − P2‖_TV = 2 δ |
| `TanhTotalVariation` | D_TV = tanh of D | ‖P1 − P2‖_TV = 2 δ |

Conventions: two laws are always (real, fake); D is large on real; every loss is minimised; `distance` is the dual value
that the critic has reached, in the units of the table (for the two total variations halved: δ in [0, 1]).
An objective holds the constants of its paper and never steps an optimiser.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import relu, softplus

from genimg._base import ranks
from genimg._base.errors import UsageError, positive

Critic = Callable[[Tensor], Tensor]


class CriticLoss(NamedTuple):
    """What a critic minimises (`loss`, differentiable), the dual value reached (`distance`) and its penalty."""

    loss: Tensor
    distance: Tensor
    penalty: Tensor


class Objective(Protocol):
    """What the loops of `genimg.gan.training` ask of an objective."""

    def critic_loss(self, D: Critic, real: Tensor, fake: Tensor, rng: torch.Generator) -> CriticLoss: ...

    def generator_loss(self, D: Critic, fake: Tensor) -> Tensor: ...

    def project(self, D: nn.Module) -> None: ...


def _score(D: Critic, x: Tensor) -> Tensor:
    """D(x) as float32 whatever the precision of the network: means of scores are differences of large numbers."""
    return D(x).float()


def gradient_penalty(D: Critic, real: Tensor, fake: Tensor, rng: torch.Generator, target: float = 1.0) -> Tensor:
    """E[(‖∇D(x̂)‖ − target)²] with x̂ uniform on the segments between pairs of real and fake samples.

    One u ~ U(0, 1) per sample, never per pixel; the norm is taken over all coordinates of a sample; `1e-12` under the
    root keeps the derivative finite where the gradient vanishes.

    Args:
        D: critic; its scores may have any shape (n, …) and are summed per sample.
        real, fake: (n, …) of one shape.
        rng: draws u, on the samples' device.
        target: the norm that costs nothing: 1 for the Wasserstein distance, 0 for a critic that should be smooth.

    Returns:
        A non-negative scalar, differentiable with respect to the weights of D.

    Source: Gulrajani et al. 2017, equation 3 and algorithm 1.

    Example:
        >>> w = torch.tensor([3.0, 4.0])                    # a linear critic has gradient w everywhere: (5 - 1)^2
        >>> x = torch.zeros(2, 2)
        >>> round(float(gradient_penalty(lambda x: x @ w, x, x + 1, torch.Generator().manual_seed(0))), 4)
        16.0
    """
    if real.shape != fake.shape:
        raise UsageError(f"gradient penalty: real {tuple(real.shape)} and fake {tuple(fake.shape)} must have one shape")
    ones = [1] * (real.ndim - 1)
    u = ranks.share(lambda n: torch.rand(n, *ones, generator=rng, device=real.device), ranks.count() * len(real))
    between = (u * real.detach() + (1 - u) * fake.detach()).requires_grad_(True)
    (slope,) = torch.autograd.grad(_score(D, between).sum(), between, create_graph=True)
    norm = (slope.float().flatten(1).square().sum(1) + 1e-12).sqrt()
    return (norm - target).square().mean()


@dataclass(frozen=True)
class Vanilla:
    """The original game, min_G max_D E[log D(x)] + E[log(1 − D(G(z)))]; the network D gives logits.

    `distance` is V(G, D), at most −log 4 + 2 JS. The generator minimises E[log(1 − D(G(z)))] if `saturating`, else
    −E[log D(G(z))], which has the same fixed point and a gradient that does not vanish where D is confident.

    Source: Goodfellow et al. 2014, equation 1 and section 3.

    Example:
        >>> x = torch.zeros(4, 1)                                    # D = 1/2 everywhere gives -log 4
        >>> round(float(Vanilla().critic_loss(lambda x: 0 * x, x, x, torch.Generator()).distance), 4)
        -1.3863
    """

    saturating: bool = False

    def critic_loss(self, D: Critic, real: Tensor, fake: Tensor, rng: torch.Generator) -> CriticLoss:
        loss = softplus(-_score(D, real)).mean() + softplus(_score(D, fake)).mean()
        return CriticLoss(loss, -loss.detach(), torch.zeros_like(loss.detach()))

    def generator_loss(self, D: Critic, fake: Tensor) -> Tensor:
        score = _score(D, fake)
        return -softplus(score).mean() if self.saturating else softplus(-score).mean()

    def project(self, D: nn.Module) -> None:
        """Nothing: the sigmoid is the constraint."""


class _Wasserstein:
    """max E[D(real)] − E[D(fake)], and the generator's −E[D(G(z))]."""

    def generator_loss(self, D: Critic, fake: Tensor) -> Tensor:
        return -_score(D, fake).mean()

    def project(self, D: nn.Module) -> None:
        """Nothing, unless a subclass constrains weights."""


@dataclass(frozen=True)
class WassersteinClip(_Wasserstein):
    """WGAN: after every step all parameters of D are clipped to [−c, c].

    D is then k-Lipschitz for some k that depends on c and the architecture, so `distance` estimates k · W1.

    Source: Arjovsky, Chintala & Bottou 2017, algorithm 1 (c = 0.01).
    """

    c: float = 0.01

    def __post_init__(self) -> None:
        positive(self.c, "c")

    def critic_loss(self, D: Critic, real: Tensor, fake: Tensor, rng: torch.Generator) -> CriticLoss:
        distance = _score(D, real).mean() - _score(D, fake).mean()
        return CriticLoss(-distance, distance.detach(), torch.zeros_like(distance.detach()))

    @torch.no_grad()
    def project(self, D: nn.Module) -> None:
        """Clips every parameter of D to [−c, c], in place."""
        for weight in D.parameters():
            weight.clamp_(-self.c, self.c)


@dataclass(frozen=True)
class WassersteinGP(_Wasserstein):
    """WGAN-GP: −(E[D(real)] − E[D(fake)]) + λ E[(‖∇D(x̂)‖ − 1)²].

    `distance` is the difference of means without the penalty. At the optimum it exceeds W1: in one dimension it is
    W1 + (1/2λ)∫ΔF²/ρ and the penalised value W1 + (1/4λ)∫ΔF²/ρ, with ΔF the difference of the distribution functions
    and ρ the density of x̂ (maximise h·ΔF − λ(h − 1)²ρ over the slope h at every point).

    Attributes:
        lam: λ.
        share: of the pairs of a batch on whose segments the penalty is taken. The penalty is most of a critic's step;
            a quarter of the pairs estimates the same mean, with more noise, at a quarter of the cost.
        drift: weight of E[D(real)²], which keeps scores near zero: W1 does not change if a constant is added to D.

    Source: Gulrajani et al. 2017, equation 3 (λ = 10); the talk, "Wasserstein GAN"; drift: Karras et al. 2018,
    appendix A (0.001); share: this project.

    Example:
        >>> x, D = torch.ones(4, 2), lambda x: x.sum(1)                  # slope √2, scores 2 on real and 0 on fake
        >>> out = WassersteinGP(lam=10, share=0.25, drift=0.1).critic_loss(D, x, 0 * x, torch.Generator())
        >>> float(out.distance), round(float(out.penalty), 4)            # 10 (√2 − 1)² + 0.1 · 2²
        (2.0, 2.1157)
    """

    lam: float = 10.0
    share: float = 1.0
    drift: float = 0.0

    def __post_init__(self) -> None:
        positive(self.lam, "lam")
        if not 0 < self.share <= 1:
            raise UsageError(f"share must be in (0, 1], got {self.share}")
        if not self.drift >= 0:
            raise UsageError(f"drift must not be negative, got {self.drift}")

    def critic_loss(self, D: Critic, real: Tensor, fake: Tensor, rng: torch.Generator) -> CriticLoss:
        on_real = _score(D, real)
        distance = on_real.mean() - _score(D, fake).mean()
        some = math.ceil(self.share * len(real))
        penalty = self.lam * gradient_penalty(D, real[:some], fake[:some], rng)
        if self.drift:
            penalty = penalty + self.drift * on_real.square().mean()
        return CriticLoss(penalty - distance, distance.detach(), penalty.detach())


@dataclass(frozen=True)
class TotalVariation(_Wasserstein):
    """−(E[D(real)] − E[D(fake)]) + λ E[d(D, [−1, 1])²], the penalty averaged over both batches.

    The talk prefers this soft bound to a tanh (`TanhTotalVariation`), whose gradient vanishes because the solution
    tends to ±1 almost everywhere. `distance` is δ in [0, 1]: half the difference of means of D clamped to [−1, 1],
    which is a lower bound of the total variation distance whatever D is.

    The bound gives way a little: where the laws have densities p and q the optimum is s · (1 + |p − q| / (λ (p + q)))
    with s = sign(p − q), the root of (p − q) − λ (p + q) (|D| − 1) s. A score beyond ±1 thus still tells how sure D is.

    `smooth` > 0 adds smooth · E[‖∇D(x̂)‖²] on the segments of WGAN-GP. That is this project's variant and not the talk's
    method: the supremum is then a distance that sees how far apart two supports lie, and is below 2 δ.

    Source: Chatillon & Ballester 2020; the talk, "Training our anomaly detector D_TV" (λ is this project's choice).

    Example:
        >>> real, fake = torch.ones(3, 1), -torch.ones(3, 1)        # D = 3x leaves [-1, 1] by 2 on every sample
        >>> out = TotalVariation(lam=10).critic_loss(lambda x: 3 * x, real, fake, torch.Generator())
        >>> float(out.distance), float(out.penalty), float(out.loss)
        (1.0, 40.0, 34.0)
        >>> float(TotalVariation(lam=10, smooth=2).critic_loss(lambda x: 3 * x, real, fake, torch.Generator()).penalty)
        58.0
    """

    lam: float = 10.0
    smooth: float = 0.0

    def __post_init__(self) -> None:
        positive(self.lam, "lam")
        if self.smooth:
            positive(self.smooth, "smooth")

    def critic_loss(self, D: Critic, real: Tensor, fake: Tensor, rng: torch.Generator) -> CriticLoss:
        on_real, on_fake = _score(D, real), _score(D, fake)
        outside = (relu(on_real.abs() - 1).square().mean() + relu(on_fake.abs() - 1).square().mean()) / 2
        penalty = self.lam * outside
        if self.smooth:
            penalty = penalty + self.smooth * gradient_penalty(D, real, fake, rng, target=0.0)
        delta = (on_real.detach().clamp(-1, 1).mean() - on_fake.detach().clamp(-1, 1).mean()) / 2
        return CriticLoss(penalty - (on_real.mean() - on_fake.mean()), delta, penalty.detach())


@dataclass(frozen=True)
class TanhTotalVariation:
    """−(E[tanh D(real)] − E[tanh D(fake)]): the hard bound that the talk warns of, D_TV = tanh ∘ D.

    The gradient with respect to D carries the factor 1 − tanh² D, which is 4 exp(−2 |D|) for large |D|: a sample on
    which D is sure, rightly or wrongly, no longer teaches it anything. tanh increases, so D and D_TV rank images alike
    and the network's own output serves as the score; a tanh applied in float32 would tie everything beyond |D| = 9.

    Source: the talk, "Training our anomaly detector D_TV": "bad gradient behavior".

    Example:
        >>> x = torch.full((3, 1), 20.0)                    # sure and wrong: D says 20 on fakes and -20 on real
        >>> D = torch.nn.Linear(1, 1, bias=False)
        >>> _ = torch.nn.init.ones_(D.weight)
        >>> out = TanhTotalVariation().critic_loss(D, -x, x, torch.Generator())
        >>> out.loss.backward()
        >>> float(out.distance), float(D.weight.grad)       # the worst critic there is, and no way out of it
        (-1.0, 0.0)
    """

    def critic_loss(self, D: Critic, real: Tensor, fake: Tensor, rng: torch.Generator) -> CriticLoss:
        difference = _score(D, real).tanh().mean() - _score(D, fake).tanh().mean()
        return CriticLoss(-difference, difference.detach() / 2, torch.zeros_like(difference.detach()))

    def generator_loss(self, D: Critic, fake: Tensor) -> Tensor:
        return -_score(D, fake).tanh().mean()

    def project(self, D: nn.Module) -> None:
        """Nothing: tanh is the constraint."""
