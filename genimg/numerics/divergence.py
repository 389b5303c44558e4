r"""KL, JS and the total variation of two laws with known probabilities, and the critics that attain them.

Laws are the last axis of a tensor: probability mass functions (..., k) with sum 1, or densities on a grid with
spacing `dx`, for which sums become integrals. Leading axes are a batch. Logarithms are natural (nats); everything is
float64 and differentiable. The order of two laws is always (real, fake) = (P1, P2).
"""

from __future__ import annotations

import torch
from torch import Tensor

from genimg._base.errors import UsageError, positive


def kl(p: Tensor, q: Tensor, dx: float = 1.0) -> Tensor:
    """Kullback-Leibler divergence KL(p || q) = sum p log(p / q), in [0, inf] nats, with 0 log 0 = 0.

    Infinite as soon as p puts mass where q has none.

    Args:
        p: probabilities (..., k), or densities when `dx` is given.
        q: probabilities (..., k).
        dx: spacing of the grid of a density.

    Returns:
        (...,) float64.

    Raises:
        UsageError: for negative entries, or sums (times dx) other than 1.

    Source: Kullback and Leibler, On information and sufficiency, 1951.

    Example:
        >>> kl(torch.tensor([1.0, 0.0]), torch.tensor([0.5, 0.5])).exp().item()
        2.0
    """
    p, q = _laws(p, q, dx)
    return _kl(p, q) * dx


def js(p: Tensor, q: Tensor, dx: float = 1.0) -> Tensor:
    """Jensen-Shannon divergence, JS = (KL(p || m) + KL(q || m)) / 2 with m = (p + q) / 2, in [0, log 2] nats.

    log 2 for disjoint laws, however near or far: what W1 repairs. Arguments, result and errors as for `kl`.

    Source: Goodfellow et al., Generative adversarial nets, 2014, equation (5) (there 2 JS - log 4 = V(G, D*)).

    Example:
        >>> js(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])).exp().item()
        2.0
    """
    p, q = _laws(p, q, dx)
    # log(2 p / (p + q)), not log(p / m): halving may underflow where a tail is almost zero, and make JS infinite.
    return (_kl(p, p + q, 2) + _kl(q, p + q, 2)) / 2 * dx


def delta(p: Tensor, q: Tensor, dx: float = 1.0) -> Tensor:
    """Total variation distance, delta = sup_A |P1(A) - P2(A)| = sum |p - q| / 2, in [0, 1].

    Arguments, result and errors as for `kl`.

    Source: Villani, Optimal transport: old and new, 2008, chapter 6; the talk's slide "Total Variation" writes
    delta = ||P1 - P2||_TV / 2, which is this, and delta = sup over -1 <= D <= 1 of E1 D - E2 D, which is 2 delta:
    the supremum over 0 <= D <= 1 is delta.

    Example:
        >>> delta(torch.tensor([0.75, 0.25]), torch.tensor([0.25, 0.75])).item()
        0.5
    """
    p, q = _laws(p, q, dx)
    return (p - q).abs().sum(-1) / 2 * dx


def hahn(p: Tensor, q: Tensor) -> Tensor:
    """The optimal dual variable of the total variation, D* = 1_P - 1_N, in {-1, 0, 1}.

    (P, N) is the Hahn decomposition of the signed measure p - q: P = {p > q}, N = {p < q}. Where p = q a decomposition
    may choose either side; 0 is the choice that favours neither. `tv_dual(p, q, hahn(p, q))` is 2 delta.

    Args:
        p: probabilities or densities (..., k).
        q: likewise.

    Source: the talk, slides "Distances. Total Variation" and "Optimal dual variable".

    Example:
        >>> hahn(torch.tensor([0.5, 0.3, 0.2]), torch.tensor([0.2, 0.3, 0.5])).tolist()
        [1.0, 0.0, -1.0]
    """
    p, q = _laws(p, q, None)
    return (p - q).sign()


def tv_dual(p: Tensor, q: Tensor, D: Tensor, dx: float = 1.0) -> Tensor:
    """What a bounded critic certifies, E_{P1} D - E_{P2} D for -1 <= D <= 1: at most 2 delta, in [-2, 2].

    Args:
        p: probabilities (..., k), or densities when `dx` is given.
        q: likewise.
        D: values (..., k) in [-1, 1].
        dx: spacing of the grid of a density.

    Raises:
        UsageError: for a D that leaves [-1, 1], else as for `kl`.

    Source: the talk, slide "Distances. Total Variation".

    Example:
        >>> p, q = torch.tensor([0.75, 0.25]), torch.tensor([0.25, 0.75])
        >>> tv_dual(p, q, torch.tensor([1.0, -1.0])).item(), 2 * delta(p, q).item()
        (1.0, 1.0)
    """
    p, q = _laws(p, q, dx)
    D = _within(D, -1.0, 1.0)
    return ((p - q) * D).sum(-1) * dx


def optimal_discriminator(p: Tensor, q: Tensor) -> Tensor:
    """The discriminator that maximises V(G, D): D* = p / (p + q), in [0, 1]; 1/2 where both vanish and D is free.

    Args:
        p: probabilities or densities of the real law, (..., k).
        q: of the generated law.

    Source: Goodfellow et al., Generative adversarial nets, 2014, Proposition 1.

    Example:
        >>> optimal_discriminator(torch.tensor([0.75, 0.25, 0.0]), torch.tensor([0.25, 0.75, 0.0])).tolist()
        [0.75, 0.25, 0.5]
    """
    p, q = _laws(p, q, None)
    total = p + q
    return torch.where(total > 0, p / torch.where(total > 0, total, 1.0), 0.5)


def gan_value(p: Tensor, q: Tensor, D: Tensor, dx: float = 1.0) -> Tensor:
    """The value of the original GAN game, V = sum p log D + sum q log(1 - D), in [-inf, 0] nats.

    At the optimal discriminator it is -log 4 + 2 JS(p, q).

    Args:
        p: probabilities (..., k) of the real law, or densities when `dx` is given.
        q: of the generated law.
        D: values (..., k) in [0, 1]: probabilities, not logits.
        dx: spacing of the grid of a density.

    Raises:
        UsageError: for a D that leaves [0, 1], else as for `kl`.

    Source: Goodfellow et al., Generative adversarial nets, 2014, equations (1) and (6).

    Example:
        >>> p = torch.tensor([0.5, 0.5])
        >>> (-gan_value(p, p, optimal_discriminator(p, p))).exp().item()
        4.0
    """
    p, q = _laws(p, q, dx)
    D = _within(D, 0.0, 1.0)
    return (torch.xlogy(p, D) + torch.xlogy(q, 1 - D)).sum(-1) * dx


def _kl(p: Tensor, q: Tensor, scale: float = 1.0) -> Tensor:
    """sum p log(scale p / q)."""
    return (torch.xlogy(p, scale * p) - torch.xlogy(p, q)).sum(-1)


def _laws(p: Tensor, q: Tensor, dx: float | None) -> tuple[Tensor, Tensor]:
    """Both in float64, checked; renormalised unless dx is None, since float32 probabilities sum to 1 only to 1e-7."""
    if p.ndim == 0 or q.ndim == 0 or p.shape[-1] != q.shape[-1] or p.shape[-1] == 0:
        raise UsageError(f"p and q must share their last axis, got shapes {tuple(p.shape)} and {tuple(q.shape)}")
    return _law(p, "p", dx), _law(q, "q", dx)


def _law(p: Tensor, name: str, dx: float | None) -> Tensor:
    p = p.double()
    if not bool((p >= 0).all()):  # also catches NaN
        raise UsageError(f"{name} must be at least 0 everywhere, got minimum {float(p.min()):.3g}")
    if dx is None:
        return p
    total = p.sum(-1, keepdim=True) * positive(dx, "dx")
    if not bool(((total - 1).abs() < 1e-3).all()):
        worst = total.flatten()[(total.flatten() - 1).abs().argmax()]
        raise UsageError(f"{name} must sum to 1, got {float(worst):.6g}; pass dx=… for a density on a grid")
    return p / total


def _within(D: Tensor, low: float, high: float) -> Tensor:
    D = D.double()
    if not bool(((low - 1e-6 <= D) & (high + 1e-6 >= D)).all()):
        raise UsageError(f"D must lie in [{low:g}, {high:g}], got {float(D.min()):.3g} to {float(D.max()):.3g}")
    return D.clamp(low, high)
