"""The exercises on the generative adversarial game."""

from __future__ import annotations

import math

import torch

from genimg.teach.check.asking import NotYet, call, compare, judged, number, numbers, same
from genimg.teach.check.verdict import Verdict

LOG2 = math.log(2)


@judged
def gaussian_logit(logit: object) -> Verdict:
    """Whether logit(x, mean1, std1, mean2, std2) is that of D* between N(mean1, std1²), real, and N(mean2, std2²).

    Example:
        >>> gaussian_logit(lambda x, m, s, n, t: ((x - m) / s) ** 2 / 2 - ((x - n) / t) ** 2 / 2 + math.log(s / t))
        Not yet: the sign is the other way round: the logit is large where the real law is denser
    """
    x = torch.linspace(-3, 4, 15, dtype=torch.float64)
    for laws in ((0.5, 1.5, -1.0, 0.7), (1.0, 2.0, 0.0, 2.0), (-0.3, 0.4, 0.6, 1.1)):
        mean1, std1, mean2, std2 = laws
        square = (((x - mean2) / std2) ** 2 - ((x - mean1) / std1) ** 2) / 2
        right = square + math.log(std2 / std1)
        mistakes = [
            (-right, "the sign is the other way round: the logit is large where the real law is denser"),
            (right.sigmoid(), "this is D* itself; its logit is log(D* / (1 - D*))"),
            (right.exp(), "this is the ratio of the densities; the logit is its logarithm"),
            (square, "log(std2 / std1) is missing: the densities are normalised"),
            (
                square + math.log(std1 / std2),
                "the normalising constants have the wrong sign: a density contains 1 / std",
            ),
            (square + 2 * math.log(std2 / std1), "a density contains 1 / std, not 1 / std²"),
            (2 * square + math.log(std2 / std1), "the factor 1/2 in the exponent of a Gaussian is missing"),
        ]
        found = numbers(call(logit, x, *laws), (15,), "the logit")
        compare(found, right, mistakes, "not the logit of D*: take the difference of the two log-densities")
    return Verdict(True)


@judged
def no_idea(c: object, value: object, experiment: object) -> Verdict:
    """Whether c is the best constant answer, `value` its V, and `experiment` (a letter) the one that decides.

    Example:
        >>> no_idea(0.5, -math.log(2), "C")
        Not yet: V is a sum of two logarithms, one for real and one for generated samples
    """
    if abs(number(c, "c") - 0.5) > 1e-6:
        raise NotYet("c is not the best constant: where is the derivative of log c + log(1 - c) zero?")
    mistakes = [
        (-LOG2, "V is a sum of two logarithms, one for real and one for generated samples"),
        (2 * LOG2, "the sign is the other way round: logarithms of probabilities are not positive"),
        (LOG2, "V is a sum of two logarithms of probabilities: neither is positive"),
        (-2.0, "logarithms are natural in this book"),
        (-math.log10(4), "logarithms are natural in this book"),
    ]
    compare(numbers(value, (), "the value"), -2 * LOG2, mistakes, "put c into log c + log(1 - c)")
    hints = {
        "A": "looking at samples says nothing about what V measures",
        "B": "training G longer changes the question: is the G of now any good?",
        "D": "the same D goes on from the same place: if it is dead it stays dead",
    }
    letter = experiment.strip().upper() if isinstance(experiment, str) else ""
    if letter != "C":
        raise NotYet(hints.get(letter, "the experiment is one of the letters 'A', 'B', 'C', 'D'"))
    return Verdict(True)


@judged
def js_of_shift(js: object) -> Verdict:
    """Whether js(s) is the Jensen-Shannon divergence of the uniform laws on [0, 1] and on [s, 1 + s], for any s.

    Example:
        >>> js_of_shift(lambda s: s)
        Not yet: logarithms are natural in this book: this is the divergence in bits
    """
    found = torch.tensor([number(call(js, s), "js(s)") for s in (0.0, 0.25, 0.8, 1.0)], dtype=torch.float64)
    s = torch.tensor([0.0, 0.25, 0.8, 1.0], dtype=torch.float64)
    mistakes = [
        (s, "logarithms are natural in this book: this is the divergence in bits"),
        (2 * s * LOG2, "twice too large: the divergence is half of the sum of two"),
        (s * LOG2 / 2, "twice too small: both laws have a part of mass s that the other does not touch"),
        ((1 - s) * LOG2, "where both densities are 1 the laws agree, and that part costs nothing"),
        (2 * s * LOG2 - 2 * LOG2, "this is V(G, D*); the divergence is (V + log 4) / 2"),
    ]
    compare(found, s * LOG2, mistakes, "split the line: where both laws have density 1, and where only one of them")
    if not abs(number(call(js, 3.0), "js(3)") - LOG2) < 1e-4:
        raise NotYet("right up to s = 1; beyond it the laws are disjoint, and the divergence is at most log 2")
    if not abs(number(call(js, -0.5), "js(-0.5)") - LOG2 / 2) < 1e-4:
        raise NotYet("right for s >= 0; a shift to the left is as far as one to the right")
    return Verdict(True, "Flat beyond s = 1: no slope for a generator there.")


@judged
def lost_modes(value: object, modes: object) -> Verdict:
    """Whether value(k, m) is V(G, D*) for a G on k of m equal modes, and `modes` the k that has V = -0.955 at m = 8.

    Example:
        >>> lost_modes(lambda k, m: math.log(k / (k + m)) + math.log(m / (k + m)), 4)
        Not yet: a real sample lies on a mode of G with probability k / m only: weight the first logarithm
    """
    pairs = ((1, 8), (3, 8), (8, 8), (5, 25))
    found = torch.tensor([number(call(value, k, m), "value(k, m)") for k, m in pairs], dtype=torch.float64)
    k, m = torch.tensor(pairs, dtype=torch.float64).T
    first, second = (k / (k + m)).log(), (m / (k + m)).log()
    right = k / m * first + second
    mistakes = [
        (first + second, "a real sample lies on a mode of G with probability k / m only: weight the first logarithm"),
        (first + k / m * second, "the weight k / m belongs to the real samples: G puts all its mass on its k modes"),
        (k / m * (first + second), "G puts all its mass on its k modes: only the real samples are there with k / m"),
        ((right + 2 * LOG2) / 2, "this is the Jensen-Shannon divergence; V is -log 4 plus twice that"),
        (right + 2 * LOG2, "this is twice the Jensen-Shannon divergence; -log 4 is missing"),
        (right / LOG2, "logarithms are natural in this book"),
    ]
    compare(
        found, right, mistakes, "on a mode of G the densities are 1/m and 1/k; on the others D* is 1 and log 1 is 0"
    )
    count = number(modes, "the number of modes")
    if count != 4:
        raise NotYet("the formula is right; try k = 1, …, 8 at m = 8: the value falls as modes are found")
    return Verdict(True)


@judged
def invariant(kept: object) -> Verdict:
    """Whether kept(theta, psi, eta) stays constant when G moves first in the bilinear game, and says where one is.

    Example:
        >>> invariant(lambda theta, psi, eta: theta**2 + psi**2 + eta * theta * psi)
        Not yet: this is kept when D moves first; here G does
    """
    for eta in (0.1, 0.5):
        theta, psi = [1.0], [0.3]
        for _ in range(100):
            theta.append(theta[-1] - eta * psi[-1])
            psi.append(psi[-1] + eta * theta[-1])
        path = torch.tensor([theta, psi], dtype=torch.float64)
        here = numbers(call(kept, path[0], path[1], eta), (101,), "the function")
        wider = numbers(call(kept, 2 * path[0], 2 * path[1], eta), (101,), "the function")
        moves = float((here - here.mean()).abs().max() / here.abs().max().clamp(min=1e-12))
        if moves > 1e-6:
            square, product = path[0] ** 2 + path[1] ** 2, eta * path[0] * path[1]
            if same(here, square + product):
                raise NotYet("this is kept when D moves first; here G does")
            if same(here, square):
                raise NotYet("kept only up to a term of the order of eta: the orbit is an ellipse, not a circle")
            raise NotYet(f"not constant: along an orbit with eta = {eta} it changes by {100 * moves:.2g} %")
        if not bool((here - wider).abs().max() > 1e-6):
            raise NotYet("a constant is kept, but says nothing: its level sets should be the orbits")
    return Verdict(True)


@judged
def saturating(slope: object, steps: object) -> Verdict:
    """Whether slope(theta) tends to the saturating slope as theta grows, and (saturating, non-saturating) steps fit.

    The exact slope is as right as its leading term.

    Example:
        >>> saturating(lambda theta: theta / 2 * math.exp(-(theta**2) / 8), (1000, 1))
        Not yet: this is the bound of the proposition: its ratio to the slope still grows with theta
    """
    theta = torch.tensor([10.0, 16.0, 24.0], dtype=torch.float64)
    y = torch.linspace(-12, 12, 200_001, dtype=torch.float64)
    inner = torch.stack([torch.exp(-(y**2) / 2) / (2 * torch.cosh(t * y / 2)) for t in theta]).sum(1) * (y[1] - y[0])
    exact = theta * torch.exp(-(theta**2) / 8) / math.sqrt(2 * math.pi) * inner
    found = torch.tensor([number(call(slope, float(t)), "the slope") for t in theta], dtype=torch.float64)
    ratio = found / exact
    bound = theta / 2 * torch.exp(-(theta**2) / 8)
    if bool((ratio < 0).any()):
        raise NotYet("the slope is positive: G moves towards smaller theta by descending")
    if not bool(((ratio - 1).abs() < torch.tensor([0.06, 0.03, 0.015])).all()):
        mistakes = [
            (bound, "this is the bound of the proposition: its ratio to the slope still grows with theta"),
            (
                torch.exp(-(theta**2) / 8),
                "the exponent is right, the constant is not: what is the integral of 1 / cosh?",
            ),
        ]
        for wrong, hint in mistakes:
            if bool(((found / wrong) - 1).abs().max() < 1e-3):
                raise NotYet(hint)
        if bool(ratio.max() < 1.06 * ratio.min()):
            raise NotYet(f"exponent and power of theta are right; the constant is off by a factor of {ratio[-1]:.2f}")
        raise NotYet("the ratio to the exact slope does not settle: compare the exponent and the power of theta")
    few = numbers(steps, (2,), "the numbers of steps")
    if not 500 <= float(few[0]) <= 2500:
        raise NotYet("the slope is right; about 1 / slope steps lead one unit on: what is that between 8 and 7?")
    if not 0 < float(few[1]) <= 2:
        raise NotYet("the non-saturating slope at 8 is about 8: with step size 1, where does one step lead?")
    return Verdict(True)
