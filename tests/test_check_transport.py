import math

import pytest
import torch

from genimg import check
from genimg.numerics.divergence import delta, hahn, js, tv_dual
from genimg.numerics.transport import w1_dual

JUNK = [None, "a string", 3.5, lambda *given: None, lambda *given: "text", lambda *given: 1 / 0, lambda *given: []]
LOG2 = math.log(2)


@pytest.mark.parametrize("junk", JUNK)
def test_junk_is_not_yet_an_answer(junk):
    x = torch.zeros(2, 2)
    verdicts = [
        check.three_points(junk),
        check.three_points(THREE | {"lipschitz": junk}),
        check.translation(junk),
        check.diameter(junk, near),
        check.diameter(56, junk),
        check.kinks(junk, lambda n, m: n - 1),
        check.kinks(lambda n, m: n + m - 1, junk),
        check.blur(junk, 5.6),
        check.blur(blurred, junk),
        check.lipschitz(junk, x, x + 1),
        check.sinkhorn(junk),
        check.lipschitz(lambda z: z[:, 0], junk, x),
        check.lipschitz(lambda z: z[:, 0], x, x),
        check.lipschitz(lambda z: z[:, 0], x, x[:0]),
    ]
    for verdict in verdicts:
        assert not verdict and repr(verdict).startswith("Not yet: ") and "\n" not in repr(verdict)


THREE = {"delta": 0.75, "supremum": 1.5, "W1": 2.0, "bounded": [1, 1, -1], "lipschitz": [0, -1, -3]}


def test_three_points_as_the_package_computes_them():
    places, p, q = torch.tensor([0.0, 1.0, 3.0]), torch.tensor([0.5, 0.5, 0.0]), torch.tensor([0.0, 0.25, 0.75])
    found = w1_dual(places, places, p, q)
    bounded = hahn(p, q)
    by_package = {"delta": delta(p, q), "supremum": tv_dual(p, q, bounded), "W1": found.value, "bounded": bounded}
    assert check.three_points(by_package | {"lipschitz": found.f}) and check.three_points(THREE)
    assert check.three_points(THREE | {"lipschitz": [7, 6, 4]})  # the constant is free


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"delta": 1.5}, "delta is in [0, 1]"),
        ({"delta": 0.5}, "several"),
        ({"supremum": 0.75}, "twice delta"),
        ({"W1": 1.25}, "and not at 0, 1, 2"),
        ({"W1": 4.5}, "squared"),
        ({"W1": math.sqrt(4.5)}, "this is W2"),
        ({"W1": 0.75}, "how far"),
        ({"bounded": [-1, -1, 1]}, "the sign"),
        ({"bounded": [2, 2, -2]}, "leaves [-1, 1]"),
        ({"bounded": [1, 0, -1]}, "1.5 is possible"),
        ({"lipschitz": [0, 1, 3]}, "the sign"),
        ({"lipschitz": [0, -1, -2]}, "2 is possible"),
        ({"lipschitz": [0, -2, -4]}, "steeper than 1"),
        ({"lipschitz": [0, 1]}, "shape (3,)"),
        ({"w1": 2.0}, "keys"),
    ],
)
def test_typical_numbers_are_named(changed, word):
    verdict = check.three_points(THREE | changed)
    assert word in verdict.says and not verdict


def along(x, v):
    return -x @ v / v.norm()


def test_every_critic_that_falls_along_v_is_right():
    assert check.translation(along) and check.translation(lambda x, v: along(x, v)[:, None] + 3)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (lambda x, v: -along(x, v), "the sign"),
        (lambda x, v: -x @ v * 10, "not 1-Lipschitz"),
        (lambda x, v: -x @ v / v.norm() ** 2 / 2, "proves"),
        (lambda x, v: -x.norm(dim=1), "proves"),
        (lambda x, v: -v.norm(), "shape (80,)"),
        (lambda x, v: -x @ v / 0, "not 1-Lipschitz"),
    ],
)
def test_typical_critics_are_named(wrong, word):
    verdict = check.translation(wrong)
    assert word in verdict.says and not verdict


def near(c):
    return [0.5], [0.5 + c / 4]


@pytest.mark.parametrize(
    ("grey", "pair", "word"),
    [
        (28, near, "from -1 to 1"),
        (2 * 784, near, "not a sum"),
        (784, near, "a sum of squares"),
        (2, near, "one pixel"),
        (28 * math.sqrt(2), near, "counts as 4"),
        (50, near, "black"),
        (56, lambda c: ([0.0], [0.001]), "for c = 1e-05"),
        (56, lambda c: ([0.3], [0.3]), "equal"),
        (56, lambda c: ([0.0], [-c / 2]), "in [0, 1]"),
        (56, lambda c: ([], [c]), "one point"),
        (56, lambda c: [0.0], "2 things"),
    ],
)
def test_one_distance_bounds_the_other(grey, pair, word):
    assert check.diameter(56, near) and check.diameter(2 * math.sqrt(784), lambda c: (0.0, torch.tensor(c / 2)))
    assert check.diameter(56, lambda c: (torch.tensor([0.0, 0.9]), torch.tensor([c / 2, 0.9])))
    verdict = check.diameter(grey, pair)
    assert word in verdict.says and not verdict


@pytest.mark.parametrize(
    ("entries", "split", "word"),
    [
        (lambda n, m: n + m, lambda n, m: n - 1, "follows from the others"),
        (lambda n, m: n * m, lambda n, m: n - 1, "how many independent"),
        (lambda n, m: m, lambda n, m: n - 1, "may have more"),
        (lambda n, m: n + m - 2, lambda n, m: n - 1, "only one"),
        (lambda n, m: 7, lambda n, m: n - 1, "as many positive entries"),
        (lambda n, m: n + m - 1, lambda n, m: n, "left over"),
        (lambda n, m: n + m - 1, lambda n, m: m - 1, "the columns"),
        (lambda n, m: n + m - 1, lambda n, m: (n - 1) / 2, "one entry too many"),
        (lambda n, m: n + m - 1, lambda n, m: 0, "each column takes one"),
    ],
)
def test_entries_of_a_vertex(entries, split, word):
    assert check.kinks(lambda n, m: n + m - 1, lambda n, m: n - 1)
    verdict = check.kinks(entries, split)
    assert word in verdict.says and not verdict


def blurred(theta, sigma):
    t = torch.linspace(-9, 9 + abs(theta) / sigma, 4001, dtype=torch.float64)
    p, q = (torch.exp(-((t - m) ** 2) / 2) for m in (0, abs(theta) / sigma))
    return js(p / p.sum(), q / q.sum())


def on_one_grid(theta, sigma):
    t = torch.linspace(-3, 3, 2001, dtype=torch.float64)
    p, q = (torch.exp(-(((t - m) / sigma) ** 2) / 2) for m in (0, theta))
    return js(p / p.sum(), q / q.sum())


@pytest.mark.parametrize(
    ("wrong", "reach", "word"),
    [
        (lambda theta, sigma: blurred(theta, sigma) / LOG2, 5.6, "bits"),
        (lambda theta, sigma: 2 * blurred(theta, sigma), 5.6, "twice too large"),
        (lambda theta, sigma: (theta / sigma) ** 2 / 2, 5.6, "this is KL"),
        (on_one_grid, 5.6, "go with sigma"),
        (lambda theta, sigma: abs(theta), 5.6, "not the divergence"),
        (blurred, 3.0, "0.99 log 2"),
    ],
)
def test_blurred_lines(wrong, reach, word):
    assert check.blur(blurred, 5.63) and blurred(5.63, 1.0) / LOG2 == pytest.approx(0.99, abs=1e-4)
    verdict = check.blur(wrong, reach)
    assert word in verdict.says and not verdict


def test_a_lipschitz_critic_between_two_samples():
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(30, 2, generator=rng)
    y = x + torch.tensor([3.0, 4.0])
    exact = w1_dual(x, y)
    assert check.lipschitz(exact.at, x, y)
    assert "98 %" in check.lipschitz(lambda z: -0.985 * (0.6 * z[:, :1] + 0.8 * z[:, 1:]), x, y).says
    for wrong, word in [
        (lambda z: -exact.at(z), "the sign"),
        (lambda z: 2 * exact.at(z), "not 1-Lipschitz: slope 2"),
        (lambda z: exact.at(z) / 2.2, "45 % of W1"),
        (lambda z: exact.at(z).sum(), "shape"),
        (lambda z: exact.at(z) / 0, "not 1-Lipschitz"),
    ]:
        verdict = check.lipschitz(wrong, x, y)
        assert word in verdict.says and not verdict


def entropic(cost, eps, steps=3000, logs=True, halves=2):
    """Sinkhorn between uniform laws, with the mistakes that one makes."""
    n, m = cost.shape
    f, g = torch.zeros(n, dtype=cost.dtype), torch.zeros(m, dtype=cost.dtype)
    if not logs:
        K = torch.exp(-cost / eps)
        u, v = torch.ones_like(f), torch.ones_like(g)
        for _ in range(steps):
            u = 1 / n / (K @ v)
            v = 1 / m / (K.T @ u)
        return u[:, None] * K * v
    for _ in range(steps):
        f = -eps * (torch.logsumexp((g - cost) / eps, 1) - math.log(m))
        if halves == 2:
            g = -eps * (torch.logsumexp((f[:, None] - cost) / eps, 0) - math.log(n))
    return torch.exp((f[:, None] + g - cost) / eps) / (n * m)


def test_sinkhorn_in_logarithms():
    assert check.sinkhorn(entropic)


@pytest.mark.parametrize(
    ("plan", "word"),
    [
        (
            lambda c, e: entropic(c - 1 * (e > 0.1), e, logs=False) if e > 0.1 else entropic(c * 1e3, e, logs=False),
            "left the floats",
        ),
        (lambda c, e: entropic(c, e) * c.numel(), "sum 1"),
        (lambda c, e: entropic(c, e, halves=1), "both halves"),
        (lambda c, e: entropic(c, 2 * e), "another plan"),
    ],
)
def test_sinkhorn_says_what_is_wrong(plan, word):
    assert word in repr(check.sinkhorn(plan))
