"""The exercises on Wasserstein distance and total variation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from genimg.numerics import transport
from genimg.teach.check.asking import NotYet, call, compare, judged, number, numbers, several
from genimg.teach.check.verdict import Verdict

LOG2 = math.log(2)
PLACES = torch.tensor([0.0, 1.0, 3.0], dtype=torch.float64)
P1 = torch.tensor([0.5, 0.5, 0.0], dtype=torch.float64)
P2 = torch.tensor([0.0, 0.25, 0.75], dtype=torch.float64)


@judged
def three_points(answer: object) -> Verdict:
    """Whether {"delta", "supremum", "W1", "bounded", "lipschitz"} fit the two laws of the exercise on three points.

    Example:
        >>> three_points({"delta": 1.5, "supremum": 1.5, "W1": 2, "bounded": [1, 1, -1], "lipschitz": [0, -1, -3]})
        Not yet: delta is in [0, 1]: half of the sum of |p1 - p2|
    """
    names = ("delta", "supremum", "W1", "bounded", "lipschitz")
    if not (isinstance(answer, Mapping) and set(answer) == set(names)):
        raise NotYet(f"hand in a dictionary with the keys {', '.join(names)}")
    shapes = ((), (), (), (3,), (3,))
    delta, supremum, w1, bounded, steep = (numbers(answer[n], s, n) for n, s in zip(names, shapes, strict=True))
    compare(
        delta,
        0.75,
        [
            (1.5, "delta is in [0, 1]: half of the sum of |p1 - p2|"),
            (0.5, "not the largest difference at one point: the event may contain several"),
        ],
        "delta is half of the sum of |p1 - p2|",
    )
    mistakes = [(0.75, "critics between -1 and 1 have a range of 2: the supremum is twice delta")]
    compare(supremum, 1.5, mistakes, "the supremum over -1 <= D <= 1 is the sum of |p1 - p2|")
    mistakes = [
        (1.25, "the points lie at 0, 1, 3 and not at 0, 1, 2: multiply by the distances"),
        (4.5, "the costs are squared; W1 is in the unit of x"),
        (math.sqrt(4.5), "this is W2, with squared costs; W1 takes the distance itself"),
        (0.75, "only how much mass moves; multiply by how far"),
        (1.0, "the area between the distribution functions has two pieces, one of them of width 2"),
    ]
    compare(w1, 2.0, mistakes, "W1 is the area between the two distribution functions")
    _critic("bounded", bounded, 1.5)
    if float(bounded.abs().max()) > 1 + 1e-6:
        raise NotYet("the bounded critic leaves [-1, 1]")
    _critic("lipschitz", steep, 2.0)
    if float((steep.diff().abs() / PLACES.diff()).max()) > 1 + 1e-6:
        raise NotYet("the Lipschitz critic is steeper than 1 somewhere: mind the distances of the points")
    return Verdict(True, "Critic and distance of one value certify each other.")


def _critic(name: str, values: Tensor, best: float) -> None:
    reached = float(((P1 - P2) * values).sum())
    if abs(reached + best) < 1e-3:
        raise NotYet(f"{name}: the sign is the other way round, D is large on the first law")
    if reached < best - 1e-3:
        raise NotYet(f"{name}: its difference of means is {reached:.4g}, and {best:g} is possible")


@judged
def translation(critic: object) -> Verdict:
    """Whether critic(x, v), (n, d) and (d,) -> (n,), is 1-Lipschitz and proves that a shift by v costs |v|.

    Example:
        >>> translation(lambda x, v: x @ v / v.norm())
        Not yet: the sign is the other way round: D must fall along v, from the first law to the second
    """
    rng = torch.Generator().manual_seed(0)
    for v in ([0.5], [3.0, -4.0], [0.2, 0.1, -0.3, 2.0]):
        shift = torch.tensor(v, dtype=torch.float64)
        length = float(shift.norm())
        x = torch.randn(40, len(v), generator=rng, dtype=torch.float64)
        points = torch.cat([x, x + shift])
        values = numbers(call(critic, points, shift), (80,), "the critic at 80 points")
        reached = float((values[:40] - values[40:]).mean())
        apart = torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")
        slope = float(((values[:, None] - values).abs() / apart.fill_diagonal_(math.inf)).max())
        if not slope <= 1 + 1e-4:  # nor is a critic that is infinite
            raise NotYet(f"not 1-Lipschitz: for |v| = {length:.3g} it has slope {slope:.3g}; divide by something")
        if reached < 0 and abs(reached + length) < 1e-3 * length:
            raise NotYet("the sign is the other way round: D must fall along v, from the first law to the second")
        if reached < (1 - 1e-3) * length:
            raise NotYet(f"1-Lipschitz, but it proves {reached:.3g} only, where |v| = {length:.3g}")
    return Verdict(True)


@judged
def diameter(grey: object, pair: object) -> Verdict:
    """Whether `grey` is the diameter of 28 x 28 images in [-1, 1], and pair(c) gives points of [0, 1], W1 < c delta.

    pair(c) returns two tensors of points, each the law that is uniform on them.

    Example:
        >>> diameter(28.0, lambda c: ([0.0], [c / 2]))
        Not yet: the values go from -1 to 1: two pixels may be 2 apart
    """
    mistakes = [
        (28.0, "the values go from -1 to 1: two pixels may be 2 apart"),
        (1568.0, "the distance is Euclidean: the root of a sum of squares, not a sum"),
        (784.0, "the distance is Euclidean: the root of a sum of squares; and pixels may be 2 apart"),
        (2.0, "this is the range of one pixel; an image has 784"),
        (28 * math.sqrt(2), "a difference of 2 counts as 4 under the root"),
    ]
    compare(numbers(grey, (), "R"), 56.0, mistakes, "how far are a black and a white image apart?")
    from genimg.numerics.divergence import delta
    from genimg.numerics.transport import w1_1d

    for c in (0.5, 0.01, 1e-5):
        sides = [torch.as_tensor(_points(part)) for part in several(call(pair, c), 2, "pair(c)")]
        if any(float(part.min()) < 0 or float(part.max()) > 1 for part in sides):
            raise NotYet("the points must lie in [0, 1]")
        places, where = torch.unique(torch.cat(sides), return_inverse=True)
        count = [torch.bincount(w, minlength=len(places)).double() for w in where.split([len(part) for part in sides])]
        total = float(delta(count[0] / count[0].sum(), count[1] / count[1].sum()))
        if total == 0:
            raise NotYet("the two laws are equal")
        if not w1_1d(*sides) < c * total:
            raise NotYet(f"for c = {c:g} it has W1 = {w1_1d(*sides):.3g} and c delta = {c * total:.3g}")
    return Verdict(True, "delta sees whether points agree, W1 how nearly.")


def _points(part: Any) -> Tensor:
    """Points of the line, as many as there are."""
    try:
        n = len(part)
    except TypeError:
        n = 1
    if n == 0:
        raise NotYet("a law needs at least one point")
    return numbers(part, (n,), "each of the two laws")


@judged
def kinks(entries: object, split: object) -> Verdict:
    """Whether entries(n, m) bounds the positive entries of a vertex, and split(n, m) the generated points that split.

    Example:
        >>> kinks(lambda n, m: n + m, lambda n, m: n)
        Not yet: one of the n + m equations follows from the others: both groups sum to 1
    """
    sizes = ((6, 1501), (2, 10), (1, 7), (4, 4))
    n, m = torch.tensor(sizes, dtype=torch.float64).T
    found = torch.tensor([number(call(entries, *size), "entries(n, m)") for size in sizes], dtype=torch.float64)
    mistakes = [
        (n + m, "one of the n + m equations follows from the others: both groups sum to 1"),
        (n * m, "so many entries has the matrix; how many independent equations are there?"),
        (m, "each column needs one entry at least; a vertex may have more"),
        (n + m - 2, "only one of the equations is redundant"),
    ]
    compare(found, n + m - 1, mistakes, "a vertex has as many positive entries as there are independent equations")
    found = torch.tensor([number(call(split, *size), "split(n, m)") for size in sizes], dtype=torch.float64)
    mistakes = [
        (n, "n + m - 1 entries, one for each of the m columns: how many are left over?"),
        (m - 1, "this counts the real points; asked are generated ones, the columns"),
        ((n - 1) / 2, "a column is split by one entry too many already"),
    ]
    compare(found, n - 1, mistakes, "each column takes one entry; what is left over can split at most as many columns")
    return Verdict(True)


@judged
def blur(js: object, reach: object) -> Verdict:
    """Whether js(theta, sigma) is that of N(0, sigma²) and N(theta, sigma²), and |theta| / sigma = reach gives 99 %.

    Example:
        >>> blur(lambda theta, sigma: (theta / sigma) ** 2 / 2, 5.0)
        Not yet: this is KL; Jensen-Shannon compares both laws with their average
    """
    cases = ((0.1, 0.3), (0.5, 0.3), (-0.2, 0.1), (0.004, 0.002), (30.0, 40.0), (1.0, 0.03))
    found = torch.tensor([number(call(js, *case), "js(theta, sigma)") for case in cases], dtype=torch.float64)
    scaled = torch.tensor([abs(theta) / sigma for theta, sigma in cases], dtype=torch.float64)
    right = _blurred(scaled)
    mistakes = [
        (right / LOG2, "logarithms are natural in this book: this is the divergence in bits"),
        (2 * right, "twice too large: the divergence is half of the sum of two"),
        (scaled**2 / 2, "this is KL; Jensen-Shannon compares both laws with their average"),
    ]
    if bool(((found - right).abs() < 2e-3).all()):
        off = abs(number(reach, "reach") - 5.63)
        if off > 0.15:
            raise NotYet("js is right; for which theta / sigma does it pass 0.99 log 2?")
        return Verdict(True)
    for wrong, hint in mistakes:
        if bool(((found - wrong).abs() < 2e-3 * wrong.clamp(min=1)).all()):
            raise NotYet(hint)
    if bool(((found - right).abs() < 2e-3)[:3].all()):
        raise NotYet("right for sigma near 0.1, not for very small or large ones: let the grid go with sigma")
    raise NotYet("not the divergence: at theta = 0.5, sigma = 0.3 it should be near " + f"{float(right[1]):.2f}")


def _blurred(shift: Tensor) -> Tensor:
    """JS of N(0, 1) and N(shift, 1), at shifts (n,)."""
    from genimg.numerics.divergence import js

    middle = shift[:, None] / 2
    x = torch.linspace(-1, 1, 4001, dtype=torch.float64) * (middle.abs() + 9)
    p, q = (torch.exp(-((x - side * middle) ** 2) / 2) for side in (-1, 1))
    return js(p / p.sum(1, keepdim=True), q / q.sum(1, keepdim=True))


@judged
def lipschitz(critic: object, x: object, y: object) -> Verdict:
    """Whether critic, (n, 2) -> (n,), is 1-Lipschitz and proves 90 % of W1 between the samples x and y.

    Example:
        >>> lipschitz(lambda z: 2 * z[:, 0], torch.tensor([[0.0, 0.0]]), torch.tensor([[1.0, 0.0]]))
        Not yet: not 1-Lipschitz: slope 2 between two points
    """
    from genimg.numerics.transport import w1_primal

    samples = [z for z in (x, y) if isinstance(z, Tensor) and z.ndim == 2 and z.shape[1] == 2 and len(z)]
    if len(samples) < 2 or not bool(torch.cat(samples).isfinite().all()):
        raise NotYet("x and y are samples, tensors (n, 2) and (m, 2)")
    x, y = (z.detach().cpu().float() for z in samples)
    if (exact := w1_primal(x, y).value) == 0:
        raise NotYet("x and y are the same sample, and there is nothing to prove")
    rng = torch.Generator().manual_seed(0)
    both = torch.cat([x, y])
    # Between the samples and around them: a critic is a function of the plane, not a list of values on the points.
    around = both[torch.randint(len(both), (1000,), generator=rng)]
    points = torch.cat([both, around + 0.3 * torch.randn(around.shape, generator=rng)])
    values = numbers(call(critic, points), (len(points),), f"the critic at {len(points)} points")
    apart = torch.cdist(points.double(), points.double(), compute_mode="donot_use_mm_for_euclid_dist")
    differences = (values[:, None] - values).abs() - 1e-5  # what float32 leaves of a small difference
    slope = float((differences / apart.fill_diagonal_(math.inf).clamp(min=1e-9)).max())
    if not slope <= 1.001:
        raise NotYet(f"not 1-Lipschitz: slope {slope:.3g} between two points")
    reached = float(values[: len(x)].mean() - values[len(x) : len(both)].mean())
    share = reached / exact
    if share < -0.5:
        raise NotYet("the sign is the other way round: D is large on the first law")
    if share < 0.9:
        raise NotYet(f"1-Lipschitz; it proves {int(100 * share)} % of W1, and 90 % are asked for")
    return Verdict(True, f"It proves {int(100 * share)} % of W1.")


@judged
def sinkhorn(plan: object) -> Verdict:
    """Whether plan(cost, eps), (n, m) and a number, is the entropic plan between uniform laws, also for small eps.

    Example:
        >>> sinkhorn(lambda cost, eps: torch.full_like(cost, 1 / cost.numel()))
        Not yet: the row and column sums are right, but this is another plan than the one with entropy
    """
    rng = torch.Generator().manual_seed(0)
    for n, m, eps in ((5, 4, 1.0), (8, 8, 0.2), (6, 9, 0.01)):
        cost = torch.rand(n, m, generator=rng, dtype=torch.float64) * 10 * eps + (eps < 0.1)
        right = transport.sinkhorn(cost, eps).pi
        found = call(plan, cost.clone(), eps)
        if isinstance(found, Tensor) and found.shape == right.shape and not bool(found.isfinite().all()):
            raise NotYet(f"infinite or NaN at eps = {eps:g}: exp(-C / eps) has left the floats; stay in logarithms")
        pi = numbers(found, (n, m), f"the plan of a cost ({n}, {m})")
        if abs(float(pi.sum()) - 1) > 1e-3:
            raise NotYet(f"the plan must have sum 1, not {float(pi.sum()):.3g}: the weights are 1/{n} and 1/{m}")
        for axis, name in ((1, "row"), (0, "column")):
            sums = pi.sum(axis)
            if float((sums - sums.mean()).abs().max()) > 1e-3 * float(sums.mean()):
                raise NotYet(f"the {name} sums are not equal at eps = {eps:g}: take more steps, and do both halves")
        if float((pi - right).abs().max()) > 1e-2 * float(right.max()):
            raise NotYet("the row and column sums are right, but this is another plan than the one with entropy")
    return Verdict(True, "In logarithms eps may be as small as you have patience.")
