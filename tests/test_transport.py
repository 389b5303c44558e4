import math

import ot
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from genimg._base.errors import UsageError
from genimg.numerics.divergence import delta
from genimg.numerics.transport import (
    c_transform,
    distances,
    sinkhorn,
    sinkhorn_divergence,
    sliced_w1,
    transport_cost,
    w1_1d,
    w1_dual,
    w1_primal,
    w2_1d,
)

coordinate = st.floats(-3, 3, width=32)
weight = st.integers(0, 5)


@st.composite
def clouds(draw, d=2, count=2):
    """`count` weighted clouds of 1 to 6 points; points may coincide and weights may vanish."""
    found = []
    for _ in range(count):
        n = draw(st.integers(1, 6))
        x = torch.tensor(draw(st.lists(st.lists(coordinate, min_size=d, max_size=d), min_size=n, max_size=n)))
        w = torch.tensor(draw(st.lists(weight, min_size=n, max_size=n).filter(any)), dtype=torch.float64)
        found.append((x, w / w.sum()))
    return found


@st.composite
def pmfs(draw, count=2):
    k = draw(st.integers(1, 7))
    rows = [draw(st.lists(weight, min_size=k, max_size=k).filter(any)) for _ in range(count)]
    return [torch.tensor(row, dtype=torch.float64) / sum(row) for row in rows]


def random_clouds(n=40, m=30, d=2, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=rng), torch.rand(m, d, generator=rng) + 1


@given(clouds())
def test_primal_equals_dual(pair):
    (x, a), (y, b) = pair
    assert w1_primal(x, y, a, b).value == pytest.approx(w1_dual(x, y, a, b).value, abs=1e-7)


@given(clouds())
def test_the_coupling_has_the_marginals(pair):
    (x, a), (y, b) = pair
    value, pi = w1_primal(x, y, a, b)
    assert (pi >= 0).all()
    torch.testing.assert_close(pi.sum(dim=1), a)
    torch.testing.assert_close(pi.sum(dim=0), b)
    assert value == pytest.approx(float((pi * distances(x, y)).sum()))


@given(clouds(), st.lists(st.lists(coordinate, min_size=2, max_size=2), min_size=2, max_size=5))
def test_the_dual_potential_is_one_lipschitz_function_of_the_whole_space(pair, elsewhere):
    (x, a), (y, b) = pair
    value, f, g, _ = dual = w1_dual(x, y, a, b)
    z = torch.cat([x, y, torch.tensor(elsewhere)])
    D = dual.at(z)
    torch.testing.assert_close(D[: len(x) + len(y)], torch.cat([f, g]))
    assert ((D[:, None] - D[None, :]).abs() <= distances(z, z) + 1e-9).all()
    assert value == pytest.approx(float(a @ f - b @ g), abs=1e-9)
    assert float(a @ f + b @ g) == pytest.approx(0, abs=1e-9)


@given(clouds())
def test_complementary_slackness(pair):
    """Where the optimal coupling moves mass, the optimal potential falls at slope 1."""
    (x, a), (y, b) = pair
    pi, dual = w1_primal(x, y, a, b).pi, w1_dual(x, y, a, b)
    slack = distances(x, y) - (dual.f[:, None] - dual.g[None, :])
    assert float((pi * slack).sum()) == pytest.approx(0, abs=1e-7)


@given(clouds(), st.tuples(coordinate, coordinate))
def test_translation_costs_the_length_of_the_vector(pair, v):
    x, a = pair[0]
    v = torch.tensor(v)
    assert w1_primal(x, x.double() + v, a, a).value == pytest.approx(float(v.double().norm()), abs=1e-9)
    assert w1_dual(x, x.double() + v, a, a).value == pytest.approx(float(v.double().norm()), abs=1e-7)


@given(clouds(), st.randoms(use_true_random=False))
def test_the_order_of_points_is_irrelevant(pair, random):
    (x, a), (y, b) = pair
    order = list(range(len(x)))
    random.shuffle(order)
    assert w1_primal(x[order], y, a[order], b).value == pytest.approx(w1_primal(x, y, a, b).value, abs=1e-9)
    assert w1_primal(x, x[order], a, a[order]).value == pytest.approx(0, abs=1e-12)


@given(clouds(count=3))
def test_w1_is_a_metric(laws):
    (x, a), (y, b), (z, c) = laws
    forth, back = w1_primal(x, y, a, b).value, w1_primal(y, x, b, a).value
    assert forth == pytest.approx(back, abs=1e-9)
    assert forth <= w1_primal(x, z, a, c).value + w1_primal(z, y, c, b).value + 1e-9
    assert forth == pytest.approx(2 * w1_primal(x.double() / 2, y.double() / 2, a, b).value, abs=1e-9)


@given(clouds(d=1))
def test_on_the_line_sorting_finds_the_same(pair):
    (x, a), (y, b) = pair
    assert w1_1d(x, y, a, b) == pytest.approx(w1_primal(x, y, a, b).value, abs=1e-9)
    other = ot.wasserstein_1d(x[:, 0].double().numpy(), y[:, 0].double().numpy(), a.numpy(), b.numpy(), p=1)
    assert w1_1d(x[:, 0], y[:, 0], a, b) == pytest.approx(float(other), abs=1e-9)


@given(pmfs())
def test_total_variation_is_transport_with_the_01_cost(pair):
    p, q = pair
    assert transport_cost(1 - torch.eye(len(p)), p, q).value == pytest.approx(float(delta(p, q)), abs=1e-9)


@given(pmfs(), st.lists(st.tuples(coordinate, coordinate), min_size=7, max_size=7))
def test_w1_is_at_most_the_diameter_times_delta(pair, support):
    p, q = pair
    x = torch.tensor(support[: len(p)])
    assert w1_primal(x, x, p, q).value <= float(distances(x, x).max() * delta(p, q)) + 1e-9


@given(st.integers(0, 1000), st.integers(1, 8), st.integers(1, 8))
def test_three_c_transforms_are_one(seed, n, m):
    rng = torch.Generator().manual_seed(seed)
    cost = torch.rand(n, m, generator=rng, dtype=torch.float64)
    f = torch.randn(n, generator=rng, dtype=torch.float64)
    fc = c_transform(f, cost)
    fcc = c_transform(fc, cost.T)
    assert (f[:, None] + fc[None, :] <= cost + 1e-12).all()  # admissible
    assert ((f[:, None] + fc[None, :] - cost).amax(dim=0).abs() < 1e-12).all()  # and maximal: every column touches
    assert (fcc >= f - 1e-12).all()
    torch.testing.assert_close(c_transform(fcc, cost), fc)


def test_for_a_distance_the_c_transform_of_a_1_lipschitz_function_is_its_negative():
    x, _ = random_clouds()
    cost = distances(x, x)
    lipschitz, steep = x[:, 0].double(), 3 * x[:, 0].double()
    torch.testing.assert_close(c_transform(lipschitz, cost), -lipschitz)
    assert not torch.allclose(c_transform(steep, cost), -steep)
    fc = c_transform(steep, cost)
    assert ((fc[:, None] - fc[None, :]).abs() <= cost + 1e-12).all()


@pytest.mark.parametrize("d", [1, 2, 5])
def test_pot_agrees(d):
    x, y = random_clouds(d=d)
    cost = ot.dist(x.double().numpy(), y.double().numpy(), metric="euclidean")
    expected = ot.emd2(ot.unif(40), ot.unif(30), cost)
    assert w1_primal(x, y).value == pytest.approx(expected, abs=1e-9)
    assert w1_dual(x, y).value == pytest.approx(expected, abs=1e-7)


def test_the_cost_is_a_distance_never_squared():
    x, y = torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0]])
    assert w1_primal(x, y).value == w1_dual(x, y).value == 5.0
    assert w1_primal(10 * x, 10 * y).value == 50.0
    assert distances(1e4 + x, 1e4 + x + 1e-2).item() == pytest.approx(math.sqrt(2) * 1e-2, rel=1e-1)


def test_the_dual_is_positive_on_the_first_law():
    x, y = random_clouds()
    dual = w1_dual(x, y)
    assert dual.f.mean() > 0 > dual.g.mean()


def test_two_gaussians_with_one_shape():
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(20_000, generator=rng)
    assert w1_1d(x, x + 2) == pytest.approx(2, abs=1e-5)
    assert w1_1d(x, 2 * x) == pytest.approx(float(x.abs().double().mean()), abs=1e-5)


def test_sliced_w1_is_a_lower_bound_and_agrees_with_pot():
    x, y = random_clouds()
    sliced = sliced_w1(x, y, 500, torch.Generator().manual_seed(0))
    assert 0.3 * w1_primal(x, y).value < sliced < w1_primal(x, y).value
    theirs = ot.sliced_wasserstein_distance(x.double().numpy(), y.double().numpy(), n_projections=4000, p=1, seed=1)
    assert sliced == pytest.approx(float(theirs), rel=0.05)


def test_sliced_w1_of_a_translation_of_images():
    rng = torch.Generator().manual_seed(0)
    images = torch.rand(50, 1, 8, 8, generator=rng)
    expected = math.sqrt(2 / (math.pi * 64)) * 0.5 * 8  # E|<u, v>| for a vector of 64 entries 1/2, large dimension
    assert sliced_w1(images, images + 0.5, 4000, rng) == pytest.approx(expected, rel=0.05)
    assert sliced_w1(images, images[torch.randperm(50, generator=rng)], 10, rng) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("solve", [w1_primal, w1_dual])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"a": torch.tensor([0.5, 0.7])}, "weights a must be at least 0 and sum to 1"),
        ({"b": torch.tensor([1.5, -0.5])}, "weights b must be at least 0"),
        ({"a": torch.ones(3) / 3}, r"shape \(2,\)"),
        ({"y": torch.zeros(2, 3)}, "one space"),
        ({"x": torch.tensor([[0.0], [math.nan]])}, "NaN"),
        ({"y": torch.zeros(0, 1)}, "must hold points"),
    ],
)
def test_bad_input_is_one_clear_line(solve, change, message):
    with pytest.raises(UsageError, match=message):
        solve(**{"x": torch.zeros(2, 1), "y": torch.ones(2, 1), **change})


def test_bad_costs_and_lines():
    with pytest.raises(UsageError, match="finite matrix"):
        transport_cost(torch.tensor([[math.inf]]))
    with pytest.raises(UsageError, match="one value per row"):
        c_transform(torch.zeros(3), torch.zeros(2, 3))
    with pytest.raises(UsageError, match="use w1_primal"):
        w1_1d(torch.zeros(2, 2), torch.zeros(2, 2))


@given(clouds(d=1))
def test_w2_on_the_line_is_transport_with_squared_costs(pair):
    (x, a), (y, b) = pair
    squared = transport_cost(distances(x, y).square(), a, b).value
    assert w2_1d(x, y, a, b) ** 2 == pytest.approx(squared, abs=1e-9)
    assert w2_1d(x, y, a, b) >= w1_1d(x, y, a, b) - 1e-9


def test_w2_of_gaussians_adds_means_and_deviations():
    """W2(N(m, s), N(n, t))^2 = (m - n)^2 + (s - t)^2."""
    levels = (torch.arange(20_000, dtype=torch.float64) + 0.5) / 20_000
    normal = torch.special.ndtri(levels)
    assert w2_1d(normal, 3 + 2 * normal) ** 2 == pytest.approx(9 + 1, rel=1e-3)


@pytest.mark.parametrize("eps", [0.05, 0.3, 3.0])
def test_sinkhorn_is_that_of_pot(eps):
    x, y = random_clouds(12, 9)
    rng = torch.Generator().manual_seed(1)
    a, b = (torch.rand(n, generator=rng, dtype=torch.float64) + 0.1 for n in (12, 9))
    a, b, cost = a / a.sum(), b / b.sum(), distances(x, y)
    found = sinkhorn(cost, eps, a, b)
    theirs = torch.from_numpy(
        ot.bregman.sinkhorn_log(a.numpy(), b.numpy(), cost.numpy(), eps, numItermax=100_000, stopThr=1e-12)
    )
    torch.testing.assert_close(found.pi, theirs, atol=1e-7, rtol=1e-5)
    torch.testing.assert_close(found.pi.sum(0), b, atol=1e-12, rtol=0)
    torch.testing.assert_close(found.pi.sum(1), a, atol=1e-8, rtol=0)
    primal = float((found.pi * cost).sum() + eps * (found.pi * (found.pi / torch.outer(a, b)).log()).sum())
    assert found.value == pytest.approx(primal, abs=1e-7)
    assert found.cost == pytest.approx(float((theirs * cost).sum()), abs=1e-6)


def test_entropy_goes_from_the_best_plan_to_the_independent_one():
    x, y = random_clouds(15, 15)
    cost, exact = distances(x, y), w1_primal(x, y)
    found = [sinkhorn(cost, eps, steps=100_000) for eps in (0.02, 0.1, 1.0, 1000.0)]
    costs = [one.cost for one in found]
    assert costs == sorted(costs) and costs[0] >= exact.value - 1e-9
    assert costs[0] == pytest.approx(exact.value, abs=0.02)
    assert float((found[-1].pi - 1 / 225).abs().max()) < 1e-4


def test_sinkhorn_bears_weights_that_vanish():
    cost = distances(torch.tensor([0.0, 5.0, 1.0]), torch.tensor([0.0, 1.0]))
    found = sinkhorn(cost, 0.1, torch.tensor([0.5, 0.0, 0.5]))
    assert found.pi[1].tolist() == [0.0, 0.0] and math.isfinite(found.value)


def test_the_debiased_divergence():
    x, y = random_clouds(8, 10)
    assert sinkhorn_divergence(x, x.flip(0), 0.5) == pytest.approx(0, abs=1e-7)
    assert sinkhorn(distances(x, x), 0.5).value > 0.1  # what is taken away
    assert 0 < sinkhorn_divergence(x, y, 0.5) == pytest.approx(sinkhorn_divergence(y, x, 0.5), abs=1e-7)
    # An entropy of plans between n and m points is between 0 and the logarithm of the smaller number, so that
    # W1 - eps (log n + log m) / 2 <= S <= W1 + eps log min(n, m).
    off = {eps: sinkhorn_divergence(x, y, eps) - w1_primal(x, y).value for eps in (0.5, 0.2)}
    for eps, value in off.items():
        assert -eps * math.log(8 * 10) / 2 <= value <= eps * math.log(8)
    assert abs(off[0.2]) < abs(off[0.5])
    energy = float(distances(x, y).mean() - distances(x, x).mean() / 2 - distances(y, y).mean() / 2)
    assert sinkhorn_divergence(x, y, 1e4) == pytest.approx(energy, abs=1e-3)


def test_bad_input_of_sinkhorn_and_w2():
    with pytest.raises(UsageError, match="eps must be"):
        sinkhorn(torch.zeros(2, 2), 0.0)
    with pytest.raises(RuntimeError, match="take more, or a larger eps"):
        sinkhorn(distances(*random_clouds()), 1e-3, steps=5)
    with pytest.raises(UsageError, match="use transport_cost"):
        w2_1d(torch.zeros(2, 2), torch.zeros(2, 2))
