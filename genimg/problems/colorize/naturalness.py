"""The perceptual test of the talk in numbers: which share of its pictures a method makes look natural to people.

Answers of one observer hang together (some say yes to everything), and so do answers about one picture. An interval
that takes every answer for an independent one is therefore too narrow; both kinds are given, each under its name.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import torch
from torch import Tensor

from genimg._base.errors import UsageError, at_least
from genimg._base.seeding import child, rng
from genimg.problems.colorize.answers import Answer

REAL = "real"
"""The method that made no picture: what the others are compared with."""


class Interval(NamedTuple):
    """Two ends between which a number may well lie."""

    low: float
    high: float


class Estimate(NamedTuple):
    """A number and two intervals.

    Attributes:
        value: the share in [0, 1], or a difference of two in [-1, 1].
        independent: as if every answer were independent: Wilson's interval, for a difference Newcombe's.
        clustered: by a bootstrap over observers and images; None with a single observer, about whose like it could
            say nothing.
    """

    value: float
    independent: Interval
    clustered: Interval | None


class Naturalness(NamedTuple):
    """How natural the pictures of a method look.

    Attributes:
        method: its name.
        answers: their number.
        share: of "natural".
        difference: share minus that of the real images; None for these, and where none were shown.
    """

    method: str
    answers: int
    share: Estimate
    difference: Estimate | None


def naturalness(
    answers: Sequence[Answer], *, level: float = 0.05, draws: int = 2000, seed: int = 0
) -> list[Naturalness]:
    """Per method, in the order of their first answers, the share of "natural" and its difference to the real images.

    The clustered intervals are percentiles of a bootstrap in which observers and images are each drawn with
    replacement and an answer counts as often as its observer times its image. They err on the wide side, by a factor of
    up to sqrt(3) where neither observers nor images differ (Owen). Where all answers agree they have no width at all:
    look at the independent interval then.

    Args:
        answers: of any number of observers.
        level: 0.05 for intervals of 95 %.
        seed: of the bootstrap; all methods share its draws, so that what is common to two methods leaves their
            difference.

    Raises:
        UsageError: for no answers, or a level that is none.

    Source: Wilson, Probable inference, the law of succession, and statistical inference, 1927; Newcombe, Interval
    estimation for the difference between independent proportions, 1998, method 10; Owen, The pigeonhole bootstrap,
    2007. The talk, slide "Perceptual evaluation", gives shares without intervals.

    Example:
        Two of two real pictures look natural, and one of two coloured ones.

        >>> said = [("a", "real", True), ("b", "real", True), ("a", "gan", True), ("b", "gan", False)]
        >>> real, gan = naturalness([Answer(image, method, yes, 2.0, "ann") for image, method, yes in said])
        >>> real.share.value, gan.share.value, gan.difference.value, real.difference
        (1.0, 0.5, -0.5, None)
    """
    if not answers:
        raise UsageError("there are no answers")
    at_least(draws, 100, "draws")
    methods = list(dict.fromkeys(answer.method for answer in answers))
    counts = _counts(answers, methods)
    yes, total = counts.sum((2, 3)).long().tolist()
    several = counts.shape[2] > 1
    drawn = _bootstrap(counts, draws, seed) if several else torch.empty(0, len(methods))
    real = methods.index(REAL) if REAL in methods else None
    result = []
    for m, method in enumerate(methods):
        share = Estimate(
            yes[m] / total[m], wilson(yes[m], total[m], level), _percentiles(drawn[:, m], level) if several else None
        )
        difference = None
        if real is not None and m != real:
            difference = Estimate(
                yes[m] / total[m] - yes[real] / total[real],
                newcombe(yes[m], total[m], yes[real], total[real], level),
                _percentiles(drawn[:, m] - drawn[:, real], level) if several else None,
            )
        result.append(Naturalness(method, total[m], share, difference))
    return result


def _counts(answers: Sequence[Answer], methods: list[str]) -> Tensor:
    """(2, methods, observers, images): how many yes, how many answers."""
    observers = {name: i for i, name in enumerate(dict.fromkeys(answer.observer for answer in answers))}
    images = {name: i for i, name in enumerate(dict.fromkeys(answer.image for answer in answers))}
    counts = torch.zeros(2, len(methods), len(observers), len(images), dtype=torch.float64)
    for answer in answers:
        at = (methods.index(answer.method), observers[answer.observer], images[answer.image])
        counts[(0, *at)] += answer.natural
        counts[(1, *at)] += 1
    return counts


def _bootstrap(counts: Tensor, draws: int, seed: int) -> Tensor:
    """(draws, methods): shares; NaN where no answer was drawn."""
    generator = rng(child(seed, "naturalness"))

    def often(n: int) -> Tensor:
        """(draws, n): how often each of n was drawn, n times with replacement."""
        which = torch.randint(n, (draws, n), generator=generator)
        return torch.zeros(draws, n, dtype=torch.float64).scatter_add_(1, which, torch.ones(draws, n).double())

    observers, images = often(counts.shape[2]), often(counts.shape[3])
    yes, total = torch.einsum("do,kmoi,di->kdm", observers, counts, images)
    return yes / total


def _percentiles(values: Tensor, level: float) -> Interval:
    ends = torch.tensor([level / 2, 1 - level / 2], dtype=torch.float64)
    return Interval(*torch.nanquantile(values, ends).tolist())


def wilson(yes: int, answers: int, level: float = 0.05) -> Interval:
    """The shares p that `yes` of `answers` independent answers do not contradict: |yes/n - p| <= z sqrt(p (1 - p) / n).

    Raises:
        UsageError: for no answers, more yes than answers, or a level outside (0, 1).

    Source: Wilson 1927.

    Example:
        >>> [round(end, 4) for end in wilson(81, 263)]
        [0.2553, 0.3662]
    """
    at_least(answers, 1, "answers")
    if not 0 <= at_least(yes, 0, "yes") <= answers:
        raise UsageError(f"yes must be at most the number of answers ({answers}), got {yes}")
    z = _quantile(1 - _probability(level, "level") / 2)
    p, n = yes / answers, answers
    middle, half = p + z**2 / (2 * n), z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    # Exact at the ends, where rounding would leave 1e-17.
    low = 0.0 if yes == 0 else (middle - half) / (1 + z**2 / n)
    high = 1.0 if yes == answers else (middle + half) / (1 + z**2 / n)
    return Interval(low, high)


def newcombe(yes1: int, answers1: int, yes2: int, answers2: int, level: float = 0.05) -> Interval:
    """The difference of two shares, first minus second, of independent answers: Wilson's ends, added in squares.

    Source: Newcombe 1998, method 10, without continuity correction.

    Example:
        >>> [round(end, 4) for end in newcombe(56, 70, 48, 80)]
        [0.0524, 0.3339]
    """
    one, two = wilson(yes1, answers1, level), wilson(yes2, answers2, level)
    p, q = yes1 / answers1, yes2 / answers2
    return Interval(p - q - math.hypot(p - one.low, two.high - q), p - q + math.hypot(one.high - p, q - two.low))


def observers_needed(
    p1: float, p2: float, images: int, power: float = 0.8, level: float = 0.05, correlation: float = 0.0
) -> int:
    """How many observers tell two methods apart, if each judges `images` pictures of either method.

    A two-sided test of two proportions by the normal approximation needs, of each method,
    (z_level sqrt(2 m (1 - m)) + z_power sqrt(p1 (1 - p1) + p2 (1 - p2)))^2 / (p1 - p2)^2 answers, m = (p1 + p2) / 2.

    Args:
        p1, p2: the shares of "natural" that one expects, in [0, 1].
        images: pictures of each method per observer.
        power: probability of finding the difference if it is there.
        level: probability of finding one that is not there.
        correlation: of two answers of one observer on one method, in [0, 1]; 0 takes a lenient observer for chance.
            Then 1 + (images - 1) correlation answers are worth one. This is cautious: leniency towards both methods
            leaves their difference.

    Raises:
        UsageError: for equal shares, or numbers outside their ranges.

    Source: Fleiss, Levin and Paik, Statistical methods for rates and proportions, 2003, chapter 4, without continuity
    correction; Kish, Survey sampling, 1965, for the design effect.

    Example:
        ChromaGAN with and without its class distribution in the talk, 76.9 and 70.9 %: 840 answers of each.

        >>> observers_needed(0.769, 0.709, images=10), observers_needed(0.769, 0.709, images=10, correlation=0.1)
        (84, 160)
    """
    for value, name in ((p1, "p1"), (p2, "p2"), (correlation, "correlation")):
        if not 0 <= value <= 1:
            raise UsageError(f"{name} must be between 0 and 1, got {value}")
    if p1 == p2:
        raise UsageError(f"p1 and p2 are both {p1}: no number of observers tells them apart")
    at_least(images, 1, "images")
    z, z_power = _quantile(1 - _probability(level, "level") / 2), _quantile(_probability(power, "power"))
    m = (p1 + p2) / 2
    root = z * math.sqrt(2 * m * (1 - m)) + z_power * math.sqrt(p1 * (1 - p1) + p2 * (1 - p2))
    effect = 1 + (images - 1) * correlation
    return math.ceil(effect * (root / (p1 - p2)) ** 2 / images)


def _quantile(p: float) -> float:
    return NormalDist().inv_cdf(p)


def _probability(value: float, name: str) -> float:
    if not 0 < value < 1:
        raise UsageError(f"{name} must be between 0 and 1, got {value}")
    return value
