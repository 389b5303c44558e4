import pytest
import torch

from genimg import check, inpaint, poisson

JUNK = [None, "a string", 3.5, lambda *given: None, lambda *given: "text", lambda *given: 1 / 0]


@pytest.mark.parametrize("junk", JUNK)
def test_junk_is_not_yet_an_answer(junk):
    for verdict in (check.rim_weights(junk, junk, junk), check.edited_row(junk), check.hedging(junk)):
        assert not verdict and repr(verdict).startswith("Not yet:")


# The weight beside a hole.


def beside(d, r):
    return max(r + 1 - d, 0) / (2 * r + 1)


def corner(r):
    return r**2 / (2 * r + 1) ** 2


def scratch(r):
    return 1 / (2 * r + 1)


def measured(hole, column, r, row=20):
    mask = torch.ones(40, 40)
    mask[hole] = 0
    return inpaint.weight(mask, 2 * r + 1)[0, 0, row, column]


def test_the_formulas_and_the_package_are_right():
    assert check.rim_weights(beside, corner, scratch)
    assert check.rim_weights(
        lambda d, r: measured((slice(None), slice(0, 20)), 19 + d, r),
        lambda r: measured((slice(0, 20), slice(0, 20)), 20, r),
        lambda r: measured((slice(None), 19), 20, r),
    )


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ((lambda d, r: 1 - beside(d, r), corner, scratch), "upside down"),
        ((lambda d, r: (r + 1 - d) / (2 * r + 1), corner, scratch), "negative"),
        ((lambda d, r: max(r - d, 0) / (2 * r + 1), corner, scratch), "at d = 1"),
        ((lambda d, r: max(r + 1 - d, 0), corner, scratch), "side of the window"),
        ((lambda d, r: max(r + 1 - d, 0) / (2 * r + 1) ** 2, corner, scratch), "as many pixels"),
        ((lambda d, r: 3 / 7, corner, scratch), "how many of the"),
        ((beside, lambda r: 1 - corner(r), scratch), "corner: upside down"),
        ((beside, lambda r: r / (2 * r + 1), scratch), "beside an edge"),
        ((beside, lambda r: (r + 1) ** 2 / (2 * r + 1) ** 2, scratch), "itself is known"),
        ((beside, corner, lambda r: 1 / (2 * r + 1) ** 2), "as long as"),
        ((beside, corner, lambda r: 1 - scratch(r)), "scratch: upside down"),
        ((beside, corner, lambda r: r / (2 * r + 1)), "wide hole"),
        ((beside, corner, 1 / 7), "hand in the function"),
    ],
)
def test_typical_weights_are_named(wrong, word):
    verdict = check.rim_weights(*wrong)
    assert word in verdict.says and not verdict


# A row.


def edit(y, g, known):
    return poisson.edit(y.view(1, 1, 1, -1), g.view(1, 1, 1, -1), known.view(1, -1)).flatten()


def by_hand(y, g, known, at_border=None, steps=1, guide=1):
    i = (known == 0).nonzero().flatten()
    first, last = int(i[0]), int(i[-1])
    left = y[first - 1] - g[first - 1]
    right = y[last + 1] - g[last + 1] if last + 1 < len(y) else (left if at_border is None else at_border)
    t = (i - first + 1) / (len(i) + steps)
    x = y.clone()
    x[i] = guide * g[i] + (1 - t) * left + t * right
    return x


def test_the_row_by_hand_and_by_the_package_are_right():
    assert check.edited_row(edit) and check.edited_row(by_hand)


def shifted(end):
    def moved(y, g, known):
        i = (known == 0).nonzero().flatten()
        at = int(i[0]) - 1 if end == "left" or int(i[-1]) + 1 == len(y) else int(i[-1]) + 1
        return torch.where(known == 1, y, g + y[at] - g[at])

    return moved


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (lambda y, g, known: edit(y, g, 1 - known), "other way round"),
        (lambda y, g, known: torch.where(known == 1, y, g), "overlay"),
        (lambda y, g, known: by_hand(y, g, known, guide=0), "h alone"),
        (lambda y, g, known: edit(y, 0 * g, known), "harmonic fill"),
        (shifted("left"), "left end"),
        (shifted("right"), "right end"),
        (lambda y, g, known: by_hand(y, g, known, steps=0), "n + 1 steps"),
        (lambda y, g, known: by_hand(y, g, known, at_border=0), "h is not 0 there"),
        (lambda y, g, known: by_hand(y, g, known, at_border=3), "does not change there"),
        (lambda y, g, known: edit(y, g, known) + 0.1, "a known pixel has changed"),
        (lambda y, g, known: torch.where(known == 1, y, 0), "affine between"),
        (lambda y, g, known: y[known == 0], "shape"),
    ],
)
def test_typical_rows_are_named(wrong, word):
    assert word in check.edited_row(wrong).says and not check.edited_row(wrong)


# The mean of several answers.


def parts(x, y, mean=torch.mean, about=None, correction=0, power=2):
    middle = x.mean(0)
    size = (lambda v: v.square().sum(-1)) if power == 2 else (lambda v: v.norm(dim=-1))
    spread = size(x - (middle if about is None else y)).sum() / (len(x) - correction)
    return mean(size(x - y)), size(middle - y), spread


def test_sums_and_means_over_pixels_are_right():
    assert check.hedging(parts)
    assert check.hedging(lambda x, y: [float(value) / x.shape[1] for value in parts(x, y)])


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (lambda x, y: parts(x, y, correction=1), "r − 1"),
        (lambda x, y: parts(x, y, power=1), "without the square"),
        (lambda x, y: [parts(x, y)[k] for k in (1, 0, 2)], "exchanged"),
        (lambda x, y: parts(x, y, about=y), "not about y"),
        (lambda x, y: (parts(x, y, torch.sum)[0], parts(x, y)[1], parts(x, y)[2] * len(x)), "not sums"),
        (lambda x, y: (*parts(x, y)[:2], parts(x, y)[2] * len(x)), "not a sum"),
        (lambda x, y: (2.0, 1.0, 1.0), "other numbers"),
        (lambda x, y: (3.0, 1.0, 1.0), "should be the sum"),
        (lambda x, y: parts(x, y)[:2], "3 things"),
    ],
)
def test_typical_parts_are_named(wrong, word):
    assert word in check.hedging(wrong).says and not check.hedging(wrong)
