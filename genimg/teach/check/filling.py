"""Checks of the exercises of chapter 07: the weight beside a hole, Poisson editing on a row, the mean of answers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from genimg._base.seeding import rng
from genimg.numerics import poisson
from genimg.teach.check.asking import NotYet, call, compare, judged, number, numbers, several
from genimg.teach.check.verdict import Verdict


@judged
def rim_weights(beside: object, corner: object, scratch: object) -> Verdict:
    """Exercise ex-07-weight: W beside the straight edge of a large hole, a corner, and a scratch one pixel wide.

    Args:
        beside: `beside(d, r)`, at distance d = 1, 2, 3, … from the hole, for a window of side 2r + 1.
        corner: `corner(r)`, at the pixel diagonally beside a corner of a large hole.
        scratch: `scratch(r)`, at the pixel beside the scratch.

    Example:
        >>> corner, scratch = lambda r: (r / (2 * r + 1)) ** 2, lambda r: 1 / (2 * r + 1)
        >>> rim_weights(lambda d, r: max(r + 1 - d, 0) / (2 * r + 1), corner, scratch).right
        True
        >>> rim_weights(lambda d, r: min(r + d, 2 * r + 1) / (2 * r + 1), corner, scratch)
        Not yet: beside: upside down: that is the share of the known pixels, and W counts the missing ones
    """
    cases = [(d, r) for r in (1, 3, 4) for d in (1, 2, 3, 4, 6)]
    d, r = torch.tensor(cases, dtype=torch.float64).T
    side, columns = 2 * r + 1, (r + 1 - d).clamp_min(0)
    compare(
        _all(beside, cases, "beside"),
        columns / side,
        [
            (
                1 - columns / side,
                "beside: upside down: that is the share of the known pixels, and W counts the missing ones",
            ),
            ((r + 1 - d) / side, "beside: no share is negative: what if the window does not reach the hole?"),
            ((r - d).clamp_min(0) / side, "beside: at d = 1 already r columns of the window are in the hole"),
            ((r + 1 - d).clamp_min(0), "beside: W is a share: divide by the side of the window"),
            (columns * side, "beside: W is a share: divide by the number of pixels in the window"),
            (columns / side**2, "beside: each missing column has as many pixels as the window is high"),
        ],
        "beside: how many of the 2r + 1 columns of the window lie in the hole?",
    )
    r = torch.tensor([1.0, 2, 3, 5], dtype=torch.float64)
    side = 2 * r + 1
    compare(
        _all(corner, [(int(k),) for k in r], "corner"),
        r**2 / side**2,
        [
            (1 - r**2 / side**2, "corner: upside down: that is the share of the known pixels"),
            (
                r / side,
                "corner: that is the pixel beside an edge; beside a corner both its rows and its columns are cut",
            ),
            ((r + 1) ** 2 / side**2, "corner: the pixel itself is known, so its own row and column are"),
            (r**2, "corner: W is a share: divide by the number of pixels in the window"),
        ],
        "corner: how many rows and how many columns of the window reach into the hole?",
    )
    compare(
        _all(scratch, [(int(k),) for k in r], "scratch"),
        1 / side,
        [
            (1 - 1 / side, "scratch: upside down: that is the share of the known pixels"),
            (1 / side**2, "scratch: it is one pixel wide, but as long as the window is high"),
            (r / side, "scratch: that is a wide hole; how many columns of the window are missing here?"),
        ],
        "scratch: how many columns of the window are missing?",
    )
    return Verdict(True, "Beside a scratch there is less to make up, and W is smaller.")


def _all(function: object, cases: Sequence[tuple[int, ...]], name: str) -> Tensor:
    """A reader's function on all cases."""
    return torch.tensor([number(call(function, *case), name) for case in cases], dtype=torch.float64)


@judged
def edited_row(edit: object) -> Verdict:
    """Exercise ex-07-line: Poisson editing of a row of pixels with one hole, which may reach its right end.

    Args:
        edit: `edit(y, g, known)`, values, guide and mask of the row, (n,) each, to the edited row (n,).

    Example:
        >>> def edit(y, g, known):
        ...     return poisson.edit(*(x.view(1, 1, 1, -1) for x in (y, g)), known.view(1, -1)).flatten()
        >>> edited_row(edit).right
        True
        >>> edited_row(lambda y, g, known: torch.where(known == 1, y, g))
        Not yet: that is the overlay: the guide is pasted, and the seam stays
    """
    for hole in (slice(2, 6), slice(4, 9)):
        draw = rng(0)
        y, g = torch.randn(9, generator=draw).double(), torch.randn(9, generator=draw).double()
        known = torch.ones(9, dtype=torch.float64)
        known[hole] = 0
        free = hole.stop == 9
        given = numbers(call(edit, y, g, known), (9,), "the row")
        start, n = hole.start, hole.stop - hole.start
        left = y[start - 1] - g[start - 1]
        right = left if free else y[hole.stop] - g[hole.stop]
        i = torch.arange(1, n + 1, dtype=torch.float64)

        def filled(inside: Tensor, y: Tensor = y, hole: slice = hole) -> Tensor:
            return torch.cat([y[: hole.start], inside, y[hole.stop :]])

        line = (1 - i / (n + 1)) * left + i / (n + 1) * right
        inverted = _edit(y, g, 1 - known)
        mistakes = [
            (inverted, "1 is known and 0 is missing in a mask, and here it was read the other way round"),
            (filled(g[hole]), "that is the overlay: the guide is pasted, and the seam stays"),
            (filled(line), "that is the correction h alone: the guide is missing, x = g + h"),
            (
                filled(_edit(y, 0 * g, known)[hole]),
                "that is the harmonic fill: where are the differences of the guide?",
            ),
            (filled(g[hole] - line), "the sign of the correction: it is y − g on the known pixels"),
        ]
        if free:
            mistakes += [
                (filled(g[hole] + (1 - i / (n + 1)) * left), "beyond the border there is nothing: h is not 0 there")
            ]
        else:
            steps = (1 - i / n) * left + i / n * right
            mistakes += [
                (
                    filled(g[hole] + left),
                    "the guide was moved to the height of the left end; the right end counts as well",
                ),
                (
                    filled(g[hole] + right),
                    "the guide was moved to the height of the right end; the left end counts as well",
                ),
                (filled(g[hole] + (left + right) / 2), "h is not constant: it is affine from one end to the other"),
                (filled(g[hole] + steps), "from y_0 to y_{n+1} it is n + 1 steps, not n"),
            ]
        exact = _edit(y, g, known)
        if not bool(((given - y) * known).abs().max() < 1e-3) and not torch.allclose(given, inverted, atol=1e-3):
            raise NotYet("a known pixel has changed: where the mask is 1, x = y")
        where = "with a hole at the border: the last pixel has one neighbour only, so h does not change there"
        compare(given, exact, mistakes, where if free else "x = g + h, and h is affine between y − g at its two ends")
    return Verdict(True, "A row needs no solver, and a free border never tilts the guide.")


def _edit(y: Tensor, g: Tensor, known: Tensor) -> Tensor:
    """Poisson editing of a row."""
    return poisson.edit(y.view(1, 1, 1, -1), g.view(1, 1, 1, -1), known.view(1, -1)).flatten()


@judged
def hedging(parts: object) -> Verdict:
    """Exercise ex-07-average (a): three averages of which the first is the sum of the others.

    Args:
        parts: `parts(answers, y)`, r answers (r, n) and the truth (n,) to (the mean of ‖x_k − y‖², ‖x̄ − y‖², the mean
            of ‖x_k − x̄‖²). Means over the pixels in place of sums are fine, too.

    Example:
        >>> def parts(answers, y):
        ...     mean = answers.mean(0)
        ...     return ((answers - y) ** 2).sum(1).mean(), ((mean - y) ** 2).sum(), answers.var(0, correction=0).sum()
        >>> hedging(parts).right
        True
        >>> hedging(lambda answers, y: (*parts(answers, y)[:2], answers.var(0).sum()))
        Not yet: the spread was divided by r − 1: the identity needs the mean over the r answers
    """
    draw = rng(3)
    y = torch.randn(6, generator=draw).double()
    answers = y + 0.5 + torch.randn(4, 6, generator=draw).double()
    values = several(call(parts, answers, y), 3, "the answer")
    given = torch.stack([numbers(value, (), "a part") for value in values])
    mean = answers.mean(0)
    single, both, spread = (
        (answers - y).square().sum(1).mean(),
        (mean - y).square().sum(),
        (answers - mean).square().sum(),
    )
    right = torch.stack([single, both, spread / 4])
    if _same_up_to_scale(given, right, (1, 1 / 6)):
        return Verdict(True, "The more the answers differ, the more their mean gains.")
    about_y = torch.stack([single, both, single])
    norms = torch.stack([(answers - y).norm(dim=1).mean(), (mean - y).norm(), (answers - mean).norm(dim=1).mean()])
    mistakes = [
        (
            torch.stack([single, both, spread / 3]),
            "the spread was divided by r − 1: the identity needs the mean over the r answers",
        ),
        (norms, "norms without the square: then the identity does not hold"),
        (right[[1, 0, 2]], "the first two are exchanged: the answers on average, then their mean"),
        (about_y, "the spread is about the mean of the answers, not about y"),
        (torch.stack([4 * single, both, spread]), "means over the answers, not sums"),
        (torch.stack([single, both, spread]), "the spread is a mean over the answers, not a sum"),
    ]
    for wrong, hint in mistakes:
        if _same_up_to_scale(given, wrong, (1, 1 / 6)):
            raise NotYet(hint)
    if abs(float(given[0] - given[1] - given[2])) < 1e-3:
        raise NotYet("the first is the sum of the others, as it should be, but they are other numbers")
    raise NotYet("the first should be the sum of the others; squares of differences, summed over pixels")


def _same_up_to_scale(given: Tensor, wanted: Tensor, scales: tuple[float, ...]) -> bool:
    """Whether these are the numbers wanted, in one of several units."""
    return any(torch.allclose(given, scale * wanted, rtol=1e-3, atol=1e-4) for scale in scales)
