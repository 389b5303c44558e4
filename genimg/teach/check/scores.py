"""Checks of the exercises of chapter 08: how a PSNR is averaged, and how far a number is from chance."""

from __future__ import annotations

import math

import torch

from genimg.teach.check.asking import NotYet, call, compare, judged, numbers, several
from genimg.teach.check.verdict import Verdict


@judged
def psnr_averages(averages: object, of_the_talk: object) -> Verdict:
    """Exercise ex-08-psnr: the PSNR of the mean error and the mean of the PSNRs, and which of them the talk reports.

    Args:
        averages: `averages(errors)`, the mean squared error of each image (n,), grey values from 0 to 255, to the pair.
        of_the_talk: "mse" for the PSNR of the mean error, "images" for the mean over images.

    Example:
        >>> def averages(errors):
        ...     return 10 * torch.log10(255**2 / errors.mean()), 10 * torch.log10(255**2 / errors).mean()
        >>> psnr_averages(averages, "mse").right
        True
        >>> psnr_averages(lambda errors: averages(errors)[::-1], "mse")
        Not yet: the two are exchanged: the mean of PSNRs is the larger one, by Jensen's inequality
    """
    errors = torch.tensor([100.0, 400.0, 1600.0, 900.0, 50.0], dtype=torch.float64)
    pair = several(call(averages, errors), 2, "the answer")
    given = torch.stack([numbers(value, (), "a PSNR") for value in pair])
    right = _pair(errors)
    compare(
        given,
        right,
        [
            (right.flip(0), "the two are exchanged: the mean of PSNRs is the larger one, by Jensen's inequality"),
            (right[[0, 0]], "both are the PSNR of the mean error: for the other one average after the logarithm"),
            (right[[1, 1]], "both are means of PSNRs: for the first one average the errors before the logarithm"),
            (2 * right, "20 log is for amplitudes: the root of an MSE; here it is 10 log"),
            (right * math.log(10), "the logarithm is to the base 10"),
            (right - 20 * math.log10(255), "the peak is missing: 255², for grey values from 0 to 255"),
            (right - 10 * math.log10(255), "the peak is squared: 255² / MSE"),
            (-right, "the sign: a larger PSNR is a smaller error, 255² above the fraction line"),
            (_pair(errors.square()), "these are squared errors already"),
        ],
        "PSNR = 10 log10(255² / MSE): once of the mean of all errors, once of each image and then averaged",
    )
    if not isinstance(of_the_talk, str) or of_the_talk not in ("mse", "images"):
        raise NotYet('the two PSNRs are right; which of them the talk reports is either "mse" or "images"')
    if of_the_talk == "images":
        raise NotYet("the two PSNRs are right; a mean over images would lie above 10 log10(255² / MSE): does it?")
    return Verdict(True, "The same pictures have two PSNRs; a table must say which.")


def _pair(errors: torch.Tensor) -> torch.Tensor:
    """The PSNR of the mean error, the mean of the PSNRs."""
    return torch.stack([10 * torch.log10(255**2 / errors.mean()), 10 * torch.log10(255**2 / errors).mean()])


@judged
def way_from_chance(way: object) -> Verdict:
    """Exercise ex-08-chance: which share of the way from chance to 1 an area under a precision-recall curve covers.

    Args:
        way: `way(area, positives, negatives)`, the area and the numbers of test images of either kind, to a share.

    Example:
        One positive in four: from 1/4 to 1 it is 3/4, and 0.7 covers 0.45 of them.

        >>> way_from_chance(lambda area, p, n: (area - p / (p + n)) / (1 - p / (p + n))).right
        True
        >>> way_from_chance(lambda area, p, n: (area - 0.5) / 0.5)
        Not yet: one half is chance for an AUROC; for precision and recall it depends on the shares of the classes
    """
    cases = [(0.7, 1000, 3000), (0.9, 5000, 2500), (0.4, 700, 1300), (0.2, 300, 200)]
    area, p, n = torch.tensor(cases, dtype=torch.float64).T
    given = torch.stack([numbers(call(way, *case), (), "the share") for case in cases])

    def covered(chance: torch.Tensor) -> torch.Tensor:
        return (area - chance) / (1 - chance)

    chance = p / (p + n)
    compare(
        given,
        covered(chance),
        [
            (covered(0.5 + 0 * p), "one half is chance for an AUROC; for precision and recall it depends on the shares "
            "of the classes"),
            (covered(1 - chance), "chance is the share of the positive class, not of the negative one"),
            (covered(p / n), "chance is the share of the positives among all images, not their ratio to the negatives"),
            (chance, "that is chance; how much of the way from there to 1 is covered?"),
            (area - chance, "that is the distance from chance; divide it by the whole way, 1 − chance"),
            (area / chance, "not a ratio to chance: the way begins at chance and ends at 1"),
            ((area - chance) / chance, "not a ratio to chance: the way begins at chance and ends at 1"),
            (100 * covered(chance), "a share in [0, 1], not a percentage"),
            (covered(chance).clamp_min(0), "below chance the share is negative: do not cut it off"),
        ],
        "chance is the share of the positives; the way goes from there to 1",
    )  # fmt: skip
    return Verdict(True, "The same number can be far from chance, or near it.")
