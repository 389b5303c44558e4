"""What does W1 between two samples of n points cost, by which way, and how far is it from the exact value?

  sorting        `gi.transport.w1_1d`, on the line only
  primal LP      `gi.transport.w1_primal`: POT's network simplex, with the matrix of costs
  dual LP        `gi.transport.w1_dual`: HiGHS, n² constraints
  Sinkhorn       POT's entropic value at a regularisation of a twentieth of the median cost
  sliced         `gi.transport.sliced_w1` with 128 directions: another distance, a lower bound of W1
  critic         `gi.critic_steps` with the gradient penalty, 300 steps: what a GAN does

Two Gaussians whose means are two units apart, on the line and in 16 dimensions. The error is relative to the exact
value for the same points: sorting on the line, the primal LP elsewhere.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click
import torch
from measure import benchmark, keep, out_option, seconds
from torch import Tensor

import genimg as gi

DUAL_MOST = 200  # the dual has n² constraints
Way = Callable[[Tensor, Tensor], float]


def sinkhorn(x: Tensor, y: Tensor) -> float:
    """The cost of POT's entropic coupling."""
    import ot

    cost = gi.transport.distances(x, y)
    even = torch.full((len(x),), 1 / len(x), dtype=cost.dtype)
    pi = ot.sinkhorn(even.numpy(), even.numpy(), cost.numpy(), reg=float(cost.median()) / 20, numItermax=2000)
    return float((torch.from_numpy(pi) * cost).sum())


def critic(x: Tensor, y: Tensor, steps: int = 300) -> float:
    """The dual value that a small network reaches on these points."""
    D = gi.networks.mlp([x.shape[1], 64, 64, 1], seed=0)
    real, fake = gi.Empirical(x, gi.rng(0)), gi.Empirical(y, gi.rng(1))
    options = {"steps": steps, "rng": gi.rng(2), "batch": min(256, len(x)), "lr": 2e-3}
    for _ in gi.critic_steps(D, real, fake, gi.WassersteinGP(), **options):
        pass
    with torch.no_grad():
        return float(D(x).mean() - D(y).mean())


def ways(dim: int, n: int) -> dict[str, Way]:
    """Those that can be asked for."""
    exact = {"sorting": lambda x, y: gi.transport.w1_1d(x[:, 0], y[:, 0])} if dim == 1 else {}
    dual = {"dual LP": lambda x, y: gi.transport.w1_dual(x, y).value} if n <= DUAL_MOST else {}
    return {
        **exact,
        "primal LP": lambda x, y: gi.transport.w1_primal(x, y).value,
        **dual,
        "Sinkhorn": sinkhorn,
        "sliced": lambda x, y: gi.transport.sliced_w1(x, y, rng=gi.rng(3)),
        "critic": critic,
    }


@benchmark(__doc__)
@click.option("--points", type=click.IntRange(1), multiple=True, default=(50, 100, 200, 400, 800), show_default=True)
@click.option(
    "--dim", type=click.IntRange(1), multiple=True, default=(1, 16), show_default=True, help="Dimension of the points."
)
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="Calls of each way.")
@out_option
def main(points: tuple[int, ...], dim: tuple[int, ...], rounds: int, out: Path | None) -> None:
    """Measures and prints a table."""
    cpu, rows = torch.device("cpu"), []
    click.echo(f"median of {rounds} calls; error relative to the exact value for the same points")
    for d in dim:
        for n in points:
            x, y = (torch.randn(n, d, generator=gi.rng(seed)) for seed in (0, 1))
            x[:, 0] += 2
            known = ways(d, n)
            values = {name: way(x, y) for name, way in known.items()}  # warms up
            exact = next(iter(values.values()))
            if "dual LP" in values and abs(values["dual LP"] / exact - 1) > 1e-6:
                raise click.ClickException("primal and dual disagree")
            for name, way in known.items():
                taken = statistics.median(seconds(partial(way, x, y), cpu) for _ in range(rounds))
                error = abs(values[name] / exact - 1)
                click.echo(f"d = {d:2}, n = {n:5}  {name:10}{1000 * taken:12.2f} ms   error {error:.1e}")
                rows.append(
                    {"dim": d, "n": n, "way": name, "ms": round(1000 * taken, 3), "error": float(f"{error:.2g}")}
                )
    keep(out, cpu, rows=rows, rounds=rounds)


if __name__ == "__main__":
    main()
