"""The exercises on Wasserstein GANs and their penalty."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from genimg.gan.networks import known
from genimg.teach.check.asking import NotYet, call, compare, derivative, judged, number, numbers
from genimg.teach.check.verdict import Verdict


@judged
def two_points(slope: object, means: object, value: object) -> Verdict:
    """Whether slope, means and value, functions of (a, lam), are those of the penalised critic of points a and 0.

    Example:
        >>> two_points(lambda a, lam: 1.0, lambda a, lam: a, lambda a, lam: a)
        Not yet: slope 1 would be right under a constraint; here a steeper critic gains a and pays a little
    """
    cases = ((2.0, 10.0), (5.0, 1.0), (0.3, 0.1))
    a, lam = torch.tensor(cases, dtype=torch.float64).T
    answers = []
    for function, name in ((slope, "slope"), (means, "means"), (value, "value")):
        found = [number(call(function, *case), f"{name}(a, lam)") for case in cases]
        answers.append(torch.tensor(found, dtype=torch.float64))
    mistakes = [
        (
            torch.ones_like(a),
            "slope 1 would be right under a constraint; here a steeper critic gains a and pays a little",
        ),
        (1 + a / lam, "the derivative of (s - 1)² is 2 (s - 1)"),
        (1 - a / (2 * lam), "the sign is the other way round: a steeper critic gains"),
        (a / (2 * lam), "the penalty is smallest at slope 1, not at 0"),
        (1 + 1 / (2 * lam), "the gain of slope s is s a, not s"),
    ]
    compare(answers[0], 1 + a / (2 * lam), mistakes, "slope: maximise s a - lam (s - 1)² over s")
    mistakes = [
        (a, "means: this is W1, and the critic is steeper than 1"),
        (a + a**2 / (4 * lam), "means: the penalty is subtracted; a training log shows the difference of means alone"),
        (1 + a / (2 * lam), "means: this is the slope; the points are a apart"),
    ]
    compare(answers[1], a + a**2 / (2 * lam), mistakes, "means: the slope times the distance of the points")
    mistakes = [
        (a, "value: this is W1, and the penalised value exceeds it"),
        (a + a**2 / (2 * lam), "value: this is the difference of means; subtract the penalty"),
        (a + a**2 / (2 * lam) - a**2 / (4 * lam**2), "value: the penalty is lam times (s - 1)²"),
        (a + 3 * a**2 / (4 * lam), "value: subtract the penalty, do not add it"),
    ]
    compare(answers[2], a + a**2 / (4 * lam), mistakes, "value: the difference of means minus lam (s - 1)²")
    return Verdict(True, "The critic overshoots in proportion to the distance.")


@judged
def escaping(generator: object) -> Verdict:
    """Whether G(theta, z), z (n,) -> (n,), is continuous in theta on [0, 1/4], has G(0, z) = 0, and E|G| = 1 else.

    Example:
        >>> escaping(lambda theta, z: (z < theta) / theta if theta > 0 else 0 * z)
        Not yet: not continuous in theta: at z = 0.03 it jumps by 33 near theta = 0.03
    """
    probe = torch.tensor([0.03, 0.1, 0.2, 0.6, 0.9], dtype=torch.float64)
    if not bool((_generated(generator, 0.0, probe) == 0).all()):
        raise NotYet("G(0, z) must be 0 for every z")
    # z = e^-s: mass that escapes sits at ever smaller z, where an even grid of z has no points.
    s = torch.linspace(0, 600, 600_001, dtype=torch.float64)
    for theta in (0.25, 0.13, 0.06):
        distance = float(torch.trapezoid(_generated(generator, theta, torch.exp(-s)).abs() * torch.exp(-s), s))
        if not abs(distance - 1) < 0.01:
            raise NotYet(f"W1(P_0, P_theta) = E|G| is {distance:.3g} at theta = {theta}, and 1 is asked for")
    small = _generated(generator, 1e-5, probe)
    if not bool((small.abs() < 0.02).all()):
        k = int(small.abs().argmax())
        raise NotYet(
            f"G(theta, z) does not tend to 0: at z = {float(probe[k]):g}, theta = 1e-5 it is {float(small[k]):.3g}"
        )
    jump, where, k = _largest_step(generator, probe, 1e-4, 0.25, 2001)
    fine, _, _ = _largest_step(generator, probe[k : k + 1], max(where - 1.3e-4, 1e-9), where + 1.3e-4, 2001)
    if fine > jump / 3 and fine > 1e-3:  # a step that stays as the grid becomes finer is a jump
        raise NotYet(
            f"not continuous in theta: at z = {float(probe[k]):g} it jumps by {fine:.2g} near theta = {where:.2g}"
        )
    return Verdict(True, "Every z converges, the law does not: mass escapes.")


def _generated(generator: object, theta: float, z: Tensor) -> Tensor:
    return numbers(call(generator, theta, z), (len(z),), f"G({theta:g}, z)")


def _largest_step(generator: object, z: Tensor, low: float, high: float, count: int) -> tuple[float, float, int]:
    """The largest |G(theta', z) - G(theta, z)| between neighbours of a grid of theta, that theta, and which z."""
    thetas = torch.linspace(low, high, count, dtype=torch.float64)
    values = torch.stack([_generated(generator, float(theta), z) for theta in thetas])
    steps = values.diff(dim=0).abs()
    at = int(steps.argmax())
    row, k = divmod(at, len(z))
    return float(steps[row, k]), float(thetas[row] + thetas[row + 1]) / 2, k


@judged
def multiple(best: object) -> Verdict:
    """Whether best(m, N, lam) is the s that maximises s m - lam E[(s N - 1)²], for samples N (n,).

    Example:
        >>> multiple(lambda m, N, lam: (m / (2 * lam) + N.mean()) / N.mean() ** 2)
        Not yet: the square inside the mean: E[N²] is not E[N]²
    """
    rng = torch.Generator().manual_seed(0)
    cases = [(m, 0.2 + scale * torch.rand(500, generator=rng, dtype=torch.float64), lam) for m, scale, lam in
             ((2.0, 1.0, 10.0), (0.7, 3.0, 0.5), (-0.4, 2.0, 1.0))]  # fmt: skip
    found = torch.tensor([number(call(best, *case), "best(m, N, lam)") for case in cases], dtype=torch.float64)
    m, lam = (torch.tensor([case[k] for case in cases], dtype=torch.float64) for k in (0, 2))
    first = torch.stack([N.mean() for _, N, _ in cases])
    second = torch.stack([N.square().mean() for _, N, _ in cases])
    right = (m / (2 * lam) + first) / second
    mistakes = [
        ((m / lam + first) / second, "the derivative of a square has a factor 2"),
        ((m / (2 * lam) + first) / first**2, "the square inside the mean: E[N²] is not E[N]²"),
        (first / second, "the difference of means is left out: s also multiplies m"),
        (
            (first - m / (2 * lam)) / second,
            "the penalty is subtracted: where is the derivative of s m - lam E[(s N - 1)²] zero?",
        ),
        ((m / 2 + first) / second, "lam is left out"),
        ((m * lam / 2 + first) / second, "lam is at the wrong place: a weak penalty lets s grow"),
        (1 / first, "this makes the mean slope 1; the objective asks for something else"),
    ]
    compare(found, right, mistakes, "set the derivative of s m - lam E[(s N - 1)²] with respect to s to zero")
    return Verdict(True, "At the optimum s = 1, which is m = 2 lam E[N (N - 1)].")


@judged
def clip_bound(bound: object) -> Verdict:
    """Whether bound(widths, c) is the product over the layers of c sqrt(n_in n_out).

    Example:
        >>> clip_bound(lambda widths, c: c * math.prod(math.sqrt(a * b) for a, b in zip(widths, widths[1:])))
        Not yet: c appears once per layer: the bound is a product of one factor for each
    """
    cases = (([2, 128, 128, 128, 1], 0.01), ([784, 64, 1], 0.1), ([1, 16, 16, 16, 16, 1], 0.05))
    found = torch.tensor([number(call(bound, list(w), c), "bound(widths, c)") for w, c in cases], dtype=torch.float64)
    sizes = [math.prod(math.sqrt(a * b) for a, b in zip(w, w[1:], strict=False)) for w, _ in cases]
    size, c = torch.tensor(sizes, dtype=torch.float64), torch.tensor([c for _, c in cases], dtype=torch.float64)
    layers = torch.tensor([len(w) - 1 for w, _ in cases], dtype=torch.float64)
    right = c**layers * size
    mistakes = [
        (c * size, "c appears once per layer: the bound is a product of one factor for each"),
        (c**layers * size**2, "the root is missing: a matrix of entries c has norm c sqrt(rows x columns)"),
        (c ** (layers + 1) * size, "one c too many: n widths have n - 1 matrices between them"),
        (c**layers, "the sizes of the matrices are missing: entries of size c add up"),
        (c ** (layers - 1) * size, "one c too few: n widths have n - 1 matrices between them"),
    ]
    # Small numbers: compared by their logarithms.
    logs = [(wrong.log(), hint) for wrong, hint in mistakes]
    compare(found.clamp(min=1e-300).log(), right.log(), logs, "multiply c sqrt(n_in n_out) over the layers")
    return Verdict(True)


@judged
def one_sided(objective: object) -> Verdict:
    """Whether the `critic_loss` of an objective with a `lam` is that of WGAN-GP with the one-sided penalty.

    Linear critics know their slope.

    Example:
        >>> from genimg.gan.objectives import WassersteinGP
        >>> one_sided(WassersteinGP(lam=10.0))
        Not yet: two-sided: a critic of slope 0.5 pays, and it is allowed
    """
    lam = number(getattr(objective, "lam", None), "objective.lam")
    for shape in ((64, 12), (64, 1, 3, 4)):
        x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
        flat, steep = (float(_loss(objective, torch.full((12,), s / math.sqrt(12)), x, x).detach()) for s in (0.5, 3.0))
        if abs(flat) > 1e-3 * lam:
            raise NotYet("two-sided: a critic of slope 0.5 pays, and it is allowed")
        hints = {
            0.0: "a critic of slope 3 pays nothing: the norm is over all coordinates of a sample, not over one",
            4.0: "lam is missing from the penalty",
            2 * lam: "the excess over 1 is to be squared",
            8 * lam: "the norm is compared with 1, not its square",
            64 * lam: "the norm is compared with 1, not its square",
        }
        if abs(steep - 4 * lam) > 1e-2 * lam:
            other = f"a critic of slope 3 should pay 4 lam = {4 * lam:g} on samples {shape}; it pays {steep:.3g}"
            raise NotYet(next((hint for paid, hint in hints.items() if abs(steep - paid) < 1e-2 * lam), other))
    x = torch.randn(64, 12, generator=torch.Generator().manual_seed(0))
    weight = torch.ones(12, requires_grad=True)
    loss = _loss(objective, weight, x, x + 1)
    if not loss.requires_grad:
        raise NotYet("the loss has no derivative with respect to the weights of D")
    pull = derivative(loss, weight)
    if pull is None:
        raise NotYet("the loss does not depend on the weights of D")
    wanted = 1 + 2 * lam * (1 - 1 / math.sqrt(12))  # of minus the difference of means, and of the penalty
    if abs(float(pull.mean()) - 1) < 1e-3:
        raise NotYet("the penalty has no derivative: create_graph=True makes the slope a function of the weights")
    if abs(float(pull.mean()) - wanted + 2) < 1e-2:
        raise NotYet("the penalty is right; the critic minimises penalty - distance, not penalty + distance")
    if abs(float(pull.mean()) - wanted) > 1e-2:
        raise NotYet("the penalty is right; the loss should be penalty - (mean of D on real - mean of D on fake)")
    return Verdict(True)


def _loss(objective: object, weight: Tensor, real: Tensor, fake: Tensor) -> Tensor:
    """What the critic x -> <weight, x> minimises."""
    step = getattr(objective, "critic_loss", None)
    out = call(step, known.Linear(weight), real, fake, torch.Generator().manual_seed(1))
    loss: Any = getattr(out, "loss", None)
    if not isinstance(loss, Tensor) or loss.ndim:
        raise NotYet("critic_loss should return gi.objectives.CriticLoss(loss, distance, penalty)")
    numbers(loss, (), "the loss")
    return loss
