"""The exercises on laws that maps make."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch

from genimg.teach.check.asking import NotYet, call, compare, judged, number, numbers, several
from genimg.teach.check.verdict import Verdict


@judged
def quantile(generator: object) -> Verdict:
    """Whether a function of a Gaussian z, (n,) -> (n,), has the exponential law with density e^-x on x > 0.

    Any function with that law is right, increasing or not.

    Example:
        >>> quantile(lambda z: -torch.special.log_ndtr(-z)), quantile(lambda z: torch.special.ndtr(z))
        (Right., Not yet: all values are below 1: a distribution function takes x to u, and here u must become x)
    """
    u = (torch.arange(4000, dtype=torch.float64) + 0.5) / 4000
    x = numbers(call(generator, torch.special.ndtri(u)), (4000,), "G(z)", nan=True)
    if bool(x.isnan().any()):
        raise NotYet(
            "G(z) is NaN for some z: z is any number, u must lie in (0, 1); which function takes one to other?"
        )
    x = x.sort().values
    if float(x[0]) < 0:
        raise NotYet(
            "the sign is the other way round: an exponential variable is never negative"
            if _off(-x.flip(0), u) < 2e-3
            else "some values are negative, an exponential variable never is"
        )
    if _off(x, u) > 2e-3:
        if float(x[-1]) <= 1:
            raise NotYet("all values are below 1: a distribution function takes x to u, and here u must become x")
        if _off(x / x.mean(), u) < 2e-3:
            raise NotYet(f"an exponential law, but with mean {float(x.mean()):.2f}; the one with density exp(-x) has 1")
        raise NotYet(f"the law is not exponential: the distribution functions differ by up to {_off(x, u):.2f}")
    tail = numbers(call(generator, torch.tensor([-9.0, 9.0], dtype=torch.float64)), (2,), "G(z)", nan=True)
    if bool(tail.isfinite().all()):
        return Verdict(True)
    return Verdict(True, "At z = 9 it is infinite: 1 - Φ(9) rounds to 0.")


@judged
def fold(density: object) -> Verdict:
    """Whether a function (n,) -> (n,) is the density of exp|z| for a Gaussian z.

    Example:
        >>> import math
        >>> fold(lambda x: 2 * torch.exp(-x.log() ** 2 / 2) / math.sqrt(2 * math.pi))
        Not yet: the determinant is missing: where G stretches, the law becomes thin
    """
    x = torch.tensor([1.2, 1.5, 2.0, 3.0, 5.0, 10.0], dtype=torch.float64)
    below = torch.tensor([-1.0, 0.2, 0.7], dtype=torch.float64)
    gauss = torch.exp(-(x.log() ** 2) / 2) / math.sqrt(2 * math.pi)
    found = numbers(call(density, x), (6,), "the density")
    mistakes = [
        (gauss / x, "only one half of the mass: two values of z are sent to each x, and their contributions add up"),
        (2 * gauss, "the determinant is missing: where G stretches, the law becomes thin"),
        (gauss, "the determinant is missing, and a second z that is sent to the same x"),
        (2 * gauss * x, "divide by |G'(z)|, do not multiply: where G stretches, the law becomes thin"),
        (
            2 * torch.exp(-(x**2) / 2) / math.sqrt(2 * math.pi) / x,
            "p_Z is evaluated at x; the formula takes it at z, with G(z) = x",
        ),
    ]
    otherwise = "not the density; write down which z are sent to x, and the slope of G at each of them"
    compare(found, 2 * gauss / x, mistakes, otherwise)
    found = numbers(call(density, below), (3,), "the density", nan=True)
    if not bool((found == 0).all()):
        raise NotYet("right for x > 1, but no z is sent to an x below 1: the density is 0 there")
    return Verdict(True)


@judged
def shell(moments: object) -> Verdict:
    """Whether a function of d gives mean and variance of |x|² for a Gaussian x in R^d.

    Example:
        >>> shell(lambda d: (d, d))
        Not yet: the variance of one x_i² is not 1: it is E x_i⁴ - (E x_i²)²
    """
    d = torch.tensor([1.0, 5.0, 768.0], dtype=torch.float64)
    answers = [several(call(moments, int(k)), 2, "mean and variance") for k in d]
    mean = torch.tensor([number(first, "the mean") for first, _ in answers], dtype=torch.float64)
    variance = torch.tensor([number(second, "the variance") for _, second in answers], dtype=torch.float64)
    compare(
        mean,
        d,
        [
            (d.sqrt(), "about the mean of |x|; asked is that of |x|²"),
            (torch.ones_like(d), "this is E x_i², of one term"),
        ],
        "the mean of a sum is the sum of the means, and E x_i² = 1",
    )
    mistakes = [
        (d, "the variance of one x_i² is not 1: it is E x_i⁴ - (E x_i²)²"),
        (3 * d, "E x_i⁴ = 3, but the square of the mean has to be subtracted"),
        (torch.full_like(d, 2), "this is the variance of one x_i²; those of independent terms add up"),
        ((2 * d).sqrt(), "this is the standard deviation"),
        (2 * d**2, "the terms are independent: add variances, not standard deviations"),
        (3 * d**2, "the terms are independent: add variances; and E x_i⁴ is not yet a variance"),
    ]
    compare(variance, 2 * d, mistakes, "the terms x_i² are independent: what is the variance of one, with E x_i⁴ = 3?")
    return Verdict(True, "|x| is √d, give or take 1/√2: a thin shell.")


@judged
def collapse(collapsed: object) -> Verdict:
    """Whether a function of data (n, d) gives (sigma, ELBO) of a VAE whose decoder ignores z.

    Example:
        >>> collapse(lambda x: (x.std(), 0.0))
        Not yet: one spread about one common mean: the decoder returns a point, with a mean for each coordinate
    """
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(2000, 3, generator=rng, dtype=torch.float64)
    x = x * torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64) + torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    first, second = several(call(collapsed, x), 2, "sigma and ELBO")
    sigma, elbo = numbers(first, (), "sigma"), numbers(second, (), "the ELBO")
    variance = x.var(0)
    best = variance.mean()
    mistakes = [
        (x.std(), "one spread about one common mean: the decoder returns a point, with a mean for each coordinate"),
        (x.square().mean().sqrt(), "the decoder returns the mean of the data: subtract it before you square"),
        (variance.sum().sqrt(), "the variances are summed: one sigma serves all coordinates, so take their mean"),
        (best, "this is sigma², take the root"),
        (variance.sqrt().mean(), "average the variances, not the standard deviations"),
    ]
    compare(sigma, best.sqrt(), mistakes, "which sigma maximises the mean of log N(x; mean of the data, sigma² I)?")
    one = -(math.log(2 * math.pi) + best.log() + 1) / 2
    mistakes = [
        (one, "sigma is right; the ELBO is that of one coordinate, and x has d"),
        (-3 * one, "sigma is right; the ELBO has the wrong sign: it is a log-density, not a loss"),
        (3 * one + 1.5, "sigma is right; the ELBO lacks the mean of |x - mean|² / (2 sigma²), which is d / 2"),
        (3 * one + 1.5 * math.log(2 * math.pi), "sigma is right; the ELBO lacks the constant log(2 π)"),
    ]
    compare(elbo, 3 * one, mistakes, "sigma is right; the ELBO is the mean of log N(x; mean of the data, sigma² I)")
    return Verdict(True)


@judged
def thin(divergence: object, trainable: object) -> Verdict:
    """Whether KL(real || curve) is right, and who can learn to be a curve: {"flow": …, "VAE": …, "GAN": …}.

    Example:
        >>> thin(0.69, {"flow": False, "VAE": False, "GAN": True})
        Not yet: no finite number: P_real puts all its mass where the law of G has none
    """
    value = number(divergence, "the divergence")
    if value == -math.inf:
        raise NotYet("a divergence is never negative")
    if value != math.inf:
        raise NotYet("no finite number: P_real puts all its mass where the law of G has none")
    form = '{"flow": True or False, "VAE": True or False, "GAN": True or False}'
    if not (isinstance(trainable, Mapping) and set(trainable) == {"flow", "VAE", "GAN"}):
        raise NotYet(f"the second answer is {form}")
    if not all(isinstance(answer, bool) for answer in trainable.values()):
        raise NotYet(f"the second answer is {form}")
    if trainable["flow"]:
        raise NotYet("a flow is invertible: which dimension must its latent space have?")
    if trainable["VAE"]:
        raise NotYet("what does log p(x | z) of a point beside the curve tend to, as sigma tends to 0?")
    if not trainable["GAN"]:
        raise NotYet("the game of G and D needs samples, and a curve has those")
    return Verdict(True)


def _off(x: torch.Tensor, u: torch.Tensor) -> float:
    """How far the distribution function of sorted values is from the exponential one, at the levels u."""
    return float((1 - torch.exp(-x) - u).abs().max())
