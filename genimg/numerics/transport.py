r"""The Wasserstein-1 distance, exactly, from both sides of its duality.

W1(P1, P2) = inf over couplings pi of E ||x - y|| = sup over 1-Lipschitz D of E_{P1} D - E_{P2} D.

The primal is solved by the network simplex of POT, the dual by the HiGHS solver of SciPy: two programs that share
no code, so that equal values certify each other. Inputs may be of any float type and on any device; everything is
computed and returned in float64 on the CPU. Costs are Euclidean and never squared: W1 has the units of x. Besides
stand its blurred relative (Sinkhorn), and W2 on the line.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from genimg._base.errors import UsageError, at_least, positive


class Primal(NamedTuple):
    """A transport cost and the coupling that attains it: `pi` (n, m) has row sums a and column sums b."""

    value: float
    pi: Tensor


class Entropic(NamedTuple):
    """An entropic transport cost and the blurred coupling `pi` (n, m) that attains it.

    `value` is <C, pi> + eps KL(pi || a b^T), which is also <a, f> + <b, g>; `cost` is <C, pi> alone, never below the
    optimal cost; f (n,) and g (m,) are the potentials.
    """

    value: float
    cost: float
    pi: Tensor
    f: Tensor
    g: Tensor


class Dual(NamedTuple):
    """A dual value and the 1-Lipschitz potential D that attains it: `f` = D(x), `g` = D(y), with the points `y` (m, d).

    The additive constant of D is free; it is fixed by E_{P1} D + E_{P2} D = 0, so that D is positive on average on
    the first law (real) and negative on the second (fake).
    """

    value: float
    f: Tensor
    g: Tensor
    y: Tensor

    def at(self, points: Tensor) -> Tensor:
        """The potential at any points (k, d) or (k,): D(z) = min_j g_j + ||z - y_j||, returned as (k,).

        The McShane extension: 1-Lipschitz on the whole space, equal to `g` on y and to `f` on x.

        Example:
            >>> w1_dual(torch.tensor([2.0]), torch.tensor([0.0])).at(torch.tensor([-1.0, 0.0, 1.0, 2.0])).tolist()
            [0.0, -1.0, 0.0, 1.0]
        """
        return c_transform(-self.g, distances(self.y, points))


def distances(x: Tensor, y: Tensor) -> Tensor:
    """Euclidean distances (n, m) between the rows of x (n, d) or (n,) and of y (m, d) or (m,).

    Example:
        >>> distances(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0], [0.0, 1.0]])).tolist()
        [[5.0, 1.0]]
    """
    x, y = _pair(x, y)
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")


def w1_primal(x: Tensor, y: Tensor, a: Tensor | None = None, b: Tensor | None = None) -> Primal:
    """W1 between two weighted point clouds by an optimal coupling: min <pi, ||x_i - y_j||> over pi >= 0 with
    row sums a and column sums b.

    Args:
        x, y: points of the two laws, (n, d) and (m, d), or (n,) and (m,) on the line; more axes are flattened.
        a, b: weights (n,) and (m,) >= 0 with sum 1; uniform when omitted.

    Returns:
        Primal(value, pi), the value in units of x.

    Raises:
        UsageError: for empty clouds, NaN, different dimensions, or weights that are no probabilities.

    Source: Villani, Optimal transport: old and new, 2008, Definition 6.1 with p = 1.

    Example:
        Half of the mass stays at 0, half moves from 1 to 3.

        >>> w1_primal(torch.tensor([0.0, 1.0]), torch.tensor([0.0, 3.0])).value
        1.0
    """
    return transport_cost(distances(x, y), a, b)


def transport_cost(cost: Tensor, a: Tensor | None = None, b: Tensor | None = None) -> Primal:
    """The optimal transport cost for any cost matrix (n, m), with the coupling that attains it.

    With the 0-1 cost 1_{x != y} the value is the total variation distance delta, in [0, 1].

    Args:
        cost: what it costs to move a unit of mass from i to j, (n, m), any finite numbers.
        a, b: weights (n,) and (m,) >= 0 with sum 1; uniform when omitted.

    Returns:
        Primal(value, pi), the value in units of the cost.

    Raises:
        UsageError: for a cost that is no finite matrix, or weights that are no probabilities.

    Source: Peyré and Cuturi, Computational optimal transport, 2019, equation (2.11).

    Example:
        >>> p, q = torch.tensor([0.5, 0.5]), torch.tensor([1.0, 0.0])
        >>> transport_cost(1 - torch.eye(2), p, q).value
        0.5
    """
    import ot

    cost = _matrix(cost)
    a, b = _weights(a, cost.shape[0], "a"), _weights(b, cost.shape[1], "b")
    pi, log = ot.emd(a.numpy(), b.numpy(), cost.numpy(), numItermax=10_000_000, log=True)
    if log["warning"]:
        raise RuntimeError(f"POT found no optimal coupling: {log['warning']}")
    pi = torch.from_numpy(pi)
    return Primal(float((pi * cost).sum()), pi)


def w1_dual(x: Tensor, y: Tensor, a: Tensor | None = None, b: Tensor | None = None) -> Dual:
    """W1 by Kantorovich-Rubinstein duality: max sum_i a_i D(x_i) - sum_j b_j D(y_j) over 1-Lipschitz D.

    The linear program has a value f_i per point of x and g_j per point of y and the n*m constraints
    f_i - g_j <= ||x_i - y_j||. From any solution of it D(z) = min_j g_j + ||z - y_j|| is 1-Lipschitz everywhere, and
    since D(x_i) >= f_i and D(y_j) <= g_j it is as good: the solution returned is D on x and on y.

    Args:
        x, y: as for `w1_primal`. Time grows with n*m: a few hundred points a side take seconds.
        a, b: weights (n,) and (m,) >= 0 with sum 1; uniform when omitted.

    Returns:
        Dual(value, f, g, y), the value in units of x; `.at(points)` evaluates the potential anywhere.

    Raises:
        UsageError: as for `w1_primal`.

    Source: Villani, Optimal transport: old and new, 2008, Remark 6.5.

    Example:
        >>> dual = w1_dual(torch.tensor([0.0, 1.0]), torch.tensor([0.0, 3.0]))
        >>> dual.value, (dual.g[0] - dual.g[1]).item()
        (1.0, 3.0)
    """
    import numpy as np
    from scipy.optimize import linprog
    from scipy.sparse import eye_array, hstack, kron

    cost = _matrix(distances(x, y))
    n, m = cost.shape
    a, b = _weights(a, n, "a"), _weights(b, m, "b")
    differences = hstack([kron(eye_array(n), np.ones((m, 1))), -kron(np.ones((n, 1)), eye_array(m))], format="csr")
    found = linprog(
        torch.cat([-a, b]).numpy(),
        A_ub=differences,
        b_ub=cost.reshape(-1).numpy(),
        bounds=[(0.0, 0.0)] + [(None, None)] * (n + m - 1),  # one value pinned: D is free up to a constant
        method="highs",
    )
    if not found.success:
        raise RuntimeError(f"HiGHS did not solve the dual: {found.message}")
    potential = -torch.from_numpy(found.x[n:])
    f, g = c_transform(potential, cost.T), c_transform(potential, distances(y, y))
    first, second = float(a @ f), float(b @ g)
    middle = (first + second) / 2
    return Dual(first - second, f - middle, g - middle, _points(y, "y"))


def w1_1d(x: Tensor, y: Tensor, a: Tensor | None = None, b: Tensor | None = None) -> float:
    """W1 on the line, where sorting replaces optimisation: the area between the two distribution functions,
    the integral of |F1(t) - F2(t)| dt.

    Args:
        x, y: points of the two laws, (n,) and (m,), or (n, 1) and (m, 1).
        a, b: weights (n,) and (m,) >= 0 with sum 1; uniform when omitted.

    Raises:
        UsageError: for points off the line, else as for `w1_primal`.

    Source: Peyré and Cuturi, Computational optimal transport, 2019, Remark 2.30.

    Example:
        >>> w1_1d(torch.tensor([0.0, 1.0]), torch.tensor([0.0, 3.0]))
        1.0
    """
    x, y = _pair(x, y)
    if x.shape[1] != 1:
        raise UsageError(f"w1_1d takes points on the line, got dimension {x.shape[1]}; use w1_primal")
    return float(_columns(x, y, a, b))


def w2_1d(x: Tensor, y: Tensor, a: Tensor | None = None, b: Tensor | None = None) -> float:
    """W2 on the line: the root of the mean squared difference of the quantile functions, in units of x.

    The quantile functions are the Brenier map: mass keeps its order, whatever the convex cost.

    Arguments and errors as for `w1_1d`.

    Source: Peyré and Cuturi, Computational optimal transport, 2019, Remark 2.30 with p = 2.

    Example:
        One half stays, one half moves from 1 to 3.

        >>> round(w2_1d(torch.tensor([0.0, 1.0]), torch.tensor([0.0, 3.0])) ** 2, 6)
        2.0
    """
    x, y = _pair(x, y)
    if x.shape[1] != 1:
        raise UsageError(f"w2_1d takes points on the line, got dimension {x.shape[1]}; use transport_cost")
    a, b = _weights(a, len(x), "a"), _weights(b, len(y), "b")
    (x, i), (y, j) = x[:, 0].sort(), y[:, 0].sort()
    cdf_x, cdf_y = a[i].cumsum(0), b[j].cumsum(0)
    levels = torch.cat([torch.zeros(1, dtype=torch.float64), cdf_x, cdf_y]).clamp(max=1).sort().values
    middle, mass = (levels[1:] + levels[:-1]) / 2, levels.diff()
    quantiles = [at[torch.searchsorted(cdf, middle).clamp(max=len(at) - 1)] for at, cdf in ((x, cdf_x), (y, cdf_y))]
    return float((mass * (quantiles[0] - quantiles[1]).square()).sum().sqrt())


def sinkhorn(
    cost: Tensor,
    eps: float,
    a: Tensor | None = None,
    b: Tensor | None = None,
    steps: int = 10_000,
    tolerance: float = 1e-9,
) -> Entropic:
    """Entropic optimal transport by Sinkhorn's iteration: min over couplings of <C, pi> + eps KL(pi || a b^T).

    pi = a b^T exp((f + g - C) / eps) for two potentials, each of which makes one of the marginals right:
    f = -eps log sum_j b_j exp((g_j - C_ij) / eps), and likewise g. Logarithms are never left, so that eps may be small.

    Args:
        cost: (n, m), finite.
        eps: the strength of the entropy, > 0, in units of the cost. As eps -> 0 the optimal plan, as eps -> inf a b^T.
        a, b: weights (n,) and (m,) >= 0 with sum 1; uniform when omitted.
        steps: at most so many; small eps needs many.
        tolerance: of the sum of |row sums - a|, after which it stops; column sums are exact.

    Returns:
        Entropic(value, cost, pi, f, g).

    Raises:
        UsageError: for a cost or weights that are none, or an eps that is not positive.
        RuntimeError: if the row sums are not right after all steps.

    Source: Cuturi, Sinkhorn distances, 2013; in logarithms Peyré and Cuturi 2019, section 4.4.

    Example:
        >>> cost = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
        >>> sinkhorn(cost, eps=100.0).pi.round(decimals=2).tolist()
        [[0.25, 0.25], [0.25, 0.25]]
        >>> sinkhorn(cost, eps=0.1).pi.round(decimals=2).tolist()
        [[0.5, 0.0], [0.0, 0.5]]
    """
    cost = _matrix(cost)
    a, b = _weights(a, cost.shape[0], "a"), _weights(b, cost.shape[1], "b")
    positive(eps, "eps")
    f, g = torch.zeros_like(a), torch.zeros_like(b)
    log_a, log_b = a.log(), b.log()
    for _ in range(steps):
        g = -eps * torch.logsumexp(log_a[:, None] + (f[:, None] - cost) / eps, dim=0)
        next_f = -eps * torch.logsumexp(log_b + (g - cost) / eps, dim=1)
        # With the old f the column sums are right, and the row sums are a exp((f - next_f) / eps).
        off = (a * torch.expm1((f - next_f) / eps)).abs().sum()
        if off <= tolerance:
            break
        f = next_f
    else:
        raise RuntimeError(f"Sinkhorn: row sums are off by {off:.1e} after {steps} steps; take more, or a larger eps")
    pi = torch.exp(log_a[:, None] + log_b + (f[:, None] + g - cost) / eps)
    return Entropic(float(a @ f + b @ g), float((pi * cost).sum()), pi, f, g)


def sinkhorn_divergence(x: Tensor, y: Tensor, eps: float, a: Tensor | None = None, b: Tensor | None = None) -> float:
    """The debiased entropic cost S(x, y) = OT(x, y) - OT(x, x) / 2 - OT(y, y) / 2, with Euclidean cost.

    OT is the `value` of `sinkhorn`. The blurred plan moves mass between neighbours, so OT(x, x) is not 0. S(x, x) is 0,
    and S is positive for different laws. It tends to W1 as eps -> 0, and to half of an energy distance as eps -> inf.

    Source: Feydy et al., Interpolating between optimal transport and MMD using Sinkhorn divergences, 2019, equation 3.

    Example:
        >>> abs(sinkhorn_divergence(torch.tensor([0.0, 1.0]), torch.tensor([1.0, 0.0]), eps=0.5)) < 1e-8
        True
    """
    first = sinkhorn(distances(x, y), eps, a, b).value
    return first - sinkhorn(distances(x, x), eps, a, a).value / 2 - sinkhorn(distances(y, y), eps, b, b).value / 2


def sliced_w1(x: Tensor, y: Tensor, directions: int = 128, rng: torch.Generator | None = None) -> float:
    """The mean of W1 over random one-dimensional projections: a lower bound of W1 that needs only sorting.

    SW1 = mean over `directions` random unit vectors u of W1(<u, x>, <u, y>). Never above W1, zero only for equal laws
    (as directions grow), but smaller by a factor of about 0.8 / sqrt(d) for a translation in d dimensions.

    Args:
        x, y: points (n, d) and (m, d), or images (n, c, h, w), which are flattened.
        directions: how many projections.
        rng: generator of the directions.

    Raises:
        UsageError: for empty clouds, NaN, or different dimensions.

    Source: Bonneel et al., Sliced and Radon Wasserstein barycenters of measures, 2015, with p = 1.

    Example:
        On the line the only directions are +1 and -1, and nothing is lost.

        >>> round(sliced_w1(torch.tensor([0.0, 1.0]), torch.tensor([0.0, 3.0]), rng=torch.Generator()), 6)
        1.0
    """
    x, y = _pair(x, y)
    at_least(directions, 1, "directions")
    u = torch.randn(x.shape[1], directions, generator=rng, dtype=torch.float64)
    u = u / u.norm(dim=0)
    return float(_columns(x @ u, y @ u).mean())


def c_transform(f: Tensor, cost: Tensor) -> Tensor:
    """The c-transform f^c(y_j) = min_i cost_ij - f_i, from (n,) and (n, m) to (m,).

    f^c is the largest g with f_i + g_j <= cost_ij: the best second half of a dual pair whose first half is f. Doing it
    three times is doing it once, f^{ccc} = f^c. When the cost is a distance, f^c is 1-Lipschitz for every f, and
    f^c = -f exactly when f is 1-Lipschitz: the two potentials of the dual are one D and its negative.

    Source: Villani, Optimal transport: old and new, 2008, Definition 5.2 and Particular Case 5.4, there with the other
    sign: psi = -f.

    Example:
        >>> c_transform(torch.tensor([0.0, 5.0]), torch.tensor([[0.0, 1.0], [1.0, 0.0]])).tolist()
        [-4.0, -5.0]
    """
    f, cost = f.detach().to("cpu", torch.float64), _matrix(cost)
    if f.shape != cost.shape[:1]:
        raise UsageError(f"f must have one value per row of the cost, got {tuple(f.shape)} for {tuple(cost.shape)}")
    return (cost - f[:, None]).amin(dim=0)


def _columns(x: Tensor, y: Tensor, a: Tensor | None = None, b: Tensor | None = None) -> Tensor:
    """W1 on the line for each pair of columns of x (n, k) and y (m, k): the area between the two CDFs, (k,)."""
    a, b = _weights(a, len(x), "a"), _weights(b, len(y), "b")
    t, order = torch.cat([x, y]).sort(dim=0)
    cdf_difference = torch.cat([a, -b])[order].cumsum(dim=0)
    return (cdf_difference[:-1].abs() * t.diff(dim=0)).sum(dim=0)


def _points(x: Tensor, name: str) -> Tensor:
    if x.ndim == 0 or x.numel() == 0:
        raise UsageError(f"{name} must hold points, (n, d) or (n,), got shape {tuple(x.shape)}")
    x = x.detach().to("cpu", torch.float64)
    x = x[:, None] if x.ndim == 1 else x.flatten(1)
    if not x.isfinite().all():
        raise UsageError(f"{name} holds NaN or infinity; transport needs finite points")
    return x


def _pair(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    x, y = _points(x, "x"), _points(y, "y")
    if x.shape[1] != y.shape[1]:
        raise UsageError(f"x and y must live in one space, got dimensions {x.shape[1]} and {y.shape[1]}")
    return x, y


def _matrix(cost: Tensor) -> Tensor:
    cost = cost.detach().to("cpu", torch.float64)
    if cost.ndim != 2 or cost.numel() == 0 or not cost.isfinite().all():
        raise UsageError(f"cost must be a finite matrix (n, m), got shape {tuple(cost.shape)}")
    return cost


def _weights(w: Tensor | None, n: int, name: str) -> Tensor:
    if w is None:
        return torch.full((n,), 1 / n, dtype=torch.float64)
    w = w.detach().to("cpu", torch.float64)
    if w.shape != (n,):
        raise UsageError(f"weights {name} must have shape ({n},), one per point, got {tuple(w.shape)}")
    total = float(w.sum())
    if not (bool((w >= 0).all()) and abs(total - 1) < 1e-5):
        raise UsageError(f"weights {name} must be at least 0 and sum to 1, got minimum {w.min():.3g}, sum {total:.6g}")
    return w / total  # float32 probabilities sum to 1 only to 1e-7, the solvers want it exact
