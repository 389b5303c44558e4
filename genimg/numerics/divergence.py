r"""KL, JS and the total variation of two laws with known probabilities, and the critics that attain them.

Laws are the last axis of a tensor: probability mass functions (..., k) with sum 1, or densities on a grid with
spacing `dx`, for which sums become integrals. Leading axes are a batch. Logarithms are natural (nats); everything is
float64 and differentiable. The order of two laws is always (real, fake) = (P1, P2).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from genimg._base.errors import UsageError, choice, positive


def kl(p: Tensor, q: Tensor, dx: float = 1.0) -> Tensor:
    """Kullback-Leibler divergence KL(p || q) = sum p log(p / q), in [0, inf] nats, with 0 log 0 = 0.

    Infinite as soon as p puts mass where q has none.

    Args:
        p, q: probabilities (..., k), or densities when `dx` is given.
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
        p, q: probabilities or densities (..., k).

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
        p, q: probabilities (..., k), or densities when `dx` is given.
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
        p, q: probabilities or densities of the real and of the generated law, (..., k).

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
        p, q: probabilities (..., k) of the real and of the generated law, or densities when `dx` is given.
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


def f_critic(p: Tensor, q: Tensor, which: str = "kl") -> Tensor:
    """The critic that attains an f-divergence, D* = f'(p / q): the dual variable of an f-GAN, unbounded.

    | which | f(u) | D* | sup of E1 D - E2 f*(D) |
    |---|---|---|---|
    | kl | u log u | 1 + log(p/q) | KL(p || q) |
    | pearson | (u - 1)^2 | 2 (p/q - 1) | chi-squared, sum (p - q)^2 / q |
    | hellinger | (sqrt u - 1)^2 | 1 - sqrt(q/p) | sum (sqrt p - sqrt q)^2 |

    Args:
        p, q: probabilities or densities (..., k) of the real and of the generated law.
        which: a row of the table.

    Returns:
        (..., k) float64; infinite where only one of the laws has mass, if f' is.

    Source: Nowozin, Cseke and Tomioka, f-GAN, 2016, table 1 and equation (4).

    Example:
        >>> f_critic(torch.tensor([0.5, 0.5]), torch.tensor([0.25, 0.75]), "pearson")[0].item()
        2.0
    """
    choice(which, "which", ("kl", "pearson", "hellinger"))
    p, q = _laws(p, q, None)
    if which == "kl":
        return 1 + p.log() - q.log()
    return 2 * (p / q - 1) if which == "pearson" else 1 - (q / p).sqrt()


def f_value(p: Tensor, q: Tensor, D: Tensor, which: str = "kl", dx: float = 1.0) -> Tensor:
    """What a critic certifies of an f-divergence, E1 D - E2 f*(D): at most D_f(p, q), for every D.

    Args:
        p, q, dx: as for `kl`.
        D: values (..., k); below 1 for `hellinger`, whose conjugate is infinite beyond.
        which: as for `f_critic`; f*(t) is exp(t - 1), t + t^2/4 for t >= -2 (else -1), and t / (1 - t).

    Source: Nowozin, Cseke and Tomioka, f-GAN, 2016, equation (4).

    Example:
        >>> p, q = torch.tensor([0.5, 0.5]), torch.tensor([0.25, 0.75])
        >>> round(f_value(p, q, f_critic(p, q)).item() - kl(p, q).item(), 12)
        0.0
    """
    choice(which, "which", ("kl", "pearson", "hellinger"))
    p, q = _laws(p, q, dx)
    D = D.double()
    if which == "kl":
        conjugate = (D - 1).exp()
    elif which == "pearson":
        conjugate = torch.where(D >= -2, D + D.square() / 4, -1.0)
    else:
        conjugate = torch.where(D < 1, D / (1 - D), torch.inf)
    return (p * D - q * conjugate).sum(-1) * dx


def mmd(x: Tensor, p: Tensor, q: Tensor, bandwidth: float = 1.0) -> tuple[Tensor, Tensor]:
    """Maximum mean discrepancy with a Gaussian kernel, and the critic of norm 1 that attains it.

    The critics are the unit ball of the kernel's Hilbert space, k(x, y) = exp(-|x - y|^2 / (2 bandwidth^2)). The best
    is D* = K (p - q) / MMD: no network is needed to find it.

    Args:
        x: where the masses lie, (k,) or (k, d).
        p, q: probabilities (k,).
        bandwidth: in the unit of x.

    Returns:
        MMD, a scalar, at most sqrt 2, and D* (k,), both float64; D* = 0 where the laws agree.

    Source: Gretton et al., A kernel two-sample test, 2012, section 2.

    Example:
        >>> value, D = mmd(torch.tensor([0.0, 100.0]), torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]))
        >>> round(value.item() ** 2, 6), [round(v, 3) for v in D.tolist()]
        (2.0, [0.707, -0.707])
    """
    p, q = _laws(p, q, 1.0)
    points = x.double().reshape(len(x), -1)
    if p.ndim != 1 or len(points) != len(p):
        raise UsageError(f"mmd: {len(points)} points, but masses of shape {tuple(p.shape)}")
    kernel = torch.exp(-torch.cdist(points, points).square() / (2 * positive(bandwidth, "bandwidth") ** 2))
    witness = kernel @ (p - q)
    value = ((p - q) @ witness).clamp(min=0).sqrt()
    return value, witness / value if value > 0 else witness


def hinge_value(p: Tensor, q: Tensor, D: Tensor, dx: float = 1.0) -> Tensor:
    """What a critic loses in the hinge game, E1 max(0, 1 - D) + E2 max(0, 1 + D): at least 2 (1 - delta), for every D.

    `hahn(p, q)` attains it: the hinge is the total variation again, with a bound that holds by itself.

    Args:
        p, q, dx: as for `kl`.
        D: values (..., k), unbounded.

    Source: Lim and Ye, Geometric GAN, 2017; Miyato et al., Spectral normalization, 2018, equation (16).

    Example:
        >>> p, q = torch.tensor([0.75, 0.25]), torch.tensor([0.25, 0.75])
        >>> hinge_value(p, q, hahn(p, q)).item(), 2 * (1 - delta(p, q)).item()
        (1.0, 1.0)
    """
    p, q = _laws(p, q, dx)
    D = D.double()
    return (p * (1 - D).clamp(min=0) + q * (1 + D).clamp(min=0)).sum(-1) * dx


def r1_critic(p: Tensor, q: Tensor, gamma: float, dx: float) -> Tensor:
    """The best logit of the vanilla game with the penalty (gamma / 2) E1[D'^2], on a grid of the line.

    The problem is concave: Newton's method with halved steps, to a gradient of 1e-10. As gamma falls to 0 the critic
    tends to log(p / q), as it grows to the best constant, 0.

    Args:
        p, q: densities (k,), of which at least one is positive at each point.
        gamma: weight of the penalty.
        dx: spacing of the grid.

    Returns:
        D (k,), float64.

    Source: Mescheder, Geiger and Nowozin, Which training methods for GANs do actually converge?, 2018, equation (9).

    Example:
        >>> t = torch.linspace(-3, 3, 61, dtype=torch.float64)
        >>> p, q = (torch.softmax(-((t - m) ** 2) / 2, 0) / 0.1 for m in (-0.5, 0.5))
        >>> [round(r1_critic(p, q, gamma, 0.1)[0].item(), 2) for gamma in (1e-9, 1e9)]     # log(p / q) = -t
        [3.0, 0.0]
    """
    p, q = _laws(p, q, dx)
    positive(gamma, "gamma")
    if p.ndim != 1 or not bool((p + q > 0).all()):
        raise UsageError("r1_critic: p and q must be (k,), and one of them positive at each point")
    between = gamma * (p[1:] + p[:-1]) / 2 / dx
    stiff = torch.diag(-between, 1) + torch.diag(-between, -1)
    stiff = stiff - torch.diag(stiff.sum(1))

    def value(D: Tensor) -> Tensor:
        return (dx * (p * logsigmoid(D) + q * logsigmoid(-D))).sum() - D @ stiff @ D / 2

    D = torch.zeros_like(p)
    for _ in range(200):
        slope = dx * (p * torch.sigmoid(-D) - q * torch.sigmoid(D)) - stiff @ D
        if slope.abs().max() < 1e-10:
            break
        curvature = torch.diag(dx * (p + q) * torch.sigmoid(D) * torch.sigmoid(-D)) + stiff
        step = torch.linalg.solve(curvature, slope)
        while value(D + step) < value(D) and step.abs().max() > 1e-12:
            step = step / 2
        D = D + step
    return D


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
