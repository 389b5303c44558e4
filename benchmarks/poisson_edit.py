"""How fast is a Poisson edit: `genimg.numerics.poisson`, a plain sparse solve, or OpenCV's seamlessClone?

Colour pictures with square holes, and with a hole of no particular shape (strokes) of about the same size:

  ours, again   a mask whose solver is at hand, as for the second picture and all further ones
  ours, first   the solver is made anew
  sparse        the five-point matrix and `scipy.sparse.linalg.spsolve` with one right-hand side per channel
  opencv        seamlessClone, which rounds to bytes, needs a border of known pixels around the hole, and solves by
                sines in float32 on the bounding box of the hole

They take turns within each round, so that a busy machine slows them alike; shown are medians and their ratio to the
first column, all from this one run. That ours and the sparse solve agree is checked first; opencv solves another
problem at the border of the hole, so the largest difference of its bytes to ours is shown for what it is.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

import click
import numpy as np
import torch
from measure import seconds
from scipy import sparse
from scipy.sparse.linalg import spsolve
from torch import Tensor

import genimg as gi
from genimg.problems.inpaint import masks

NAMES = ("ours, again", "ours, first", "sparse", "opencv")


def plain(y: Tensor, g: Tensor, mask: Tensor) -> Tensor:
    """What one writes first: the matrix of the missing pixels, entry by entry of a stencil, and a direct solve."""
    missing = mask[0, 0].numpy() == 0
    number = np.full(missing.shape, -1)
    number[missing] = np.arange(missing.sum())
    p = np.argwhere(missing)
    degree = np.zeros(len(p))
    right = np.zeros((len(p), y.shape[1]))
    rows, columns = [], []
    for step in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        q = p + step
        inside = ((q >= 0) & (q < missing.shape)).all(1)
        own, q = np.flatnonzero(inside), q[inside]
        degree[own] += 1
        off = g[0][:, p[own, 0], p[own, 1]] - g[0][:, q[:, 0], q[:, 1]]
        hidden = missing[q[:, 0], q[:, 1]]
        right[own] += off.double().numpy().T
        right[own[~hidden]] += y[0][:, q[~hidden, 0], q[~hidden, 1]].double().numpy().T
        rows.append(own[hidden])
        columns.append(number[q[hidden, 0], q[hidden, 1]])
    i, j = np.concatenate(rows), np.concatenate(columns)
    A = sparse.diags(degree) - sparse.coo_matrix((np.ones(len(i)), (i, j)), (len(p), len(p)))
    out = y.clone()
    solved = spsolve(A.tocsc(), right, permc_spec="MMD_AT_PLUS_A").reshape(right.shape)
    out[0][:, p[:, 0], p[:, 1]] = torch.from_numpy(solved.T).float()
    return out


def first(y: Tensor, g: Tensor, mask: Tensor) -> Tensor:
    """Ours without what it remembers."""
    gi.poisson._solver.cache_clear()
    return gi.poisson.edit(y, g, mask)


def with_bytes(cv2: Any, y: Tensor, g: Tensor, mask: Tensor) -> tuple[Callable[[], Any], tuple[slice, slice]]:
    """OpenCV's call, its arguments made before, and the box that it fills."""
    target, source = (((x[0] + 1) * 127.5).round().byte().permute(1, 2, 0).contiguous().numpy() for x in (y, g))
    hidden = ((mask[0, 0] == 0).byte() * 255).numpy()
    at = np.argwhere(hidden)
    (top, left), (bottom, right) = at.min(0), at.max(0) + 1
    centre = (int(left + right) // 2, int(top + bottom) // 2)
    return lambda: cv2.seamlessClone(source, target, hidden, centre, cv2.NORMAL_CLONE), np.s_[top:bottom, left:right]


def cases(sizes: tuple[int, ...], seed: int) -> list[tuple[str, Tensor]]:
    """Name and mask of each problem."""
    found = []
    for size in sizes:
        found.append((f"{size}, square of {size // 2}", masks.centre_square(size)))
        wild = masks.strokes(size, 4, 0.15, seed)
        wild[..., [0, -1], :] = wild[..., :, [0, -1]] = 1  # opencv cannot fill up to the border
        found.append((f"{size}, strokes, {100 * float((wild == 0).float().mean()):.0f} %", wild))
    return found


@click.command(help=(__doc__ or "").split("\n\n")[0], context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--size", "sizes", type=int, multiple=True, default=(64, 1024), show_default=True, help="Sides.")
@click.option("--rounds", type=int, default=5, show_default=True, help="Calls of each way.")
@click.option("--threads", type=int, default=1, show_default=True, help="Of torch and OpenCV.")
@click.option("--opencv/--no-opencv", default=True, help="Compare with OpenCV.")
@click.option("--seed", type=int, default=0, show_default=True)
def main(sizes: tuple[int, ...], rounds: int, threads: int, opencv: bool, seed: int) -> None:
    """Measures and prints a table."""
    torch.set_num_threads(threads)
    cv2: Any = None
    if opencv:
        try:
            import cv2
        except ImportError:
            raise click.ClickException(
                "OpenCV is not installed; pip install opencv-python-headless, or --no-opencv"
            ) from None
        cv2.setNumThreads(threads)
    names = NAMES if opencv else NAMES[:-1]
    click.echo(f"{gi.devices.describe('cpu')}; 3 channels, float32; median of {rounds} calls, ms")
    click.echo(f"{'':26}" + "".join(f"{name:>13}" for name in names) + f"   ratio to {names[0]}")
    for name, mask in cases(sizes, seed):
        size = mask.shape[-1]
        wave = torch.linspace(0, 6, size)
        y = torch.stack([torch.outer(wave.sin(), (k + wave).cos()) for k in range(3)])[None] * 0.6
        g = y.flip(-1) + 0.1 * torch.rand(1, 3, size, size, generator=gi.rng(seed))
        exact = gi.poisson.edit(y, g, mask)
        worst = float((exact - plain(y, g, mask)).abs().max())
        if worst > 1e-5:
            raise click.ClickException(f"ours and the sparse solve disagree by {worst:.2g}")
        ways: dict[str, Callable[[], Any]] = {
            "ours, again": lambda y=y, g=g, mask=mask: gi.poisson.edit(y, g, mask),
            "ours, first": lambda y=y, g=g, mask=mask: first(y, g, mask),
            "sparse": lambda y=y, g=g, mask=mask: plain(y, g, mask),
        }
        told = f"; ours and sparse agree to {worst:.0e}"
        if opencv:
            ways["opencv"], box = with_bytes(cv2, y, g, mask)
            ours = ((exact[0].clamp(-1, 1) + 1) * 127.5).round().permute(1, 2, 0).numpy()
            told += f", opencv is off by {abs(ways['opencv']().astype(float) - ours)[box].max():.0f} of 255 at most"
        gi.poisson.edit(y, g, mask)
        times: dict[str, list[float]] = {name: [] for name in names}
        for _ in range(rounds):
            for way in ("ours, first", "ours, again", *names[2:]):  # the first leaves the solver for the other
                times[way].append(1000 * seconds(ways[way], y.device))
        median = {way: statistics.median(times[way]) for way in names}
        ratios = ", ".join(f"{way} {median[way] / median[names[0]]:.1f}" for way in names[1:])
        click.echo(f"{name:26}" + "".join(f"{median[way]:13.2f}" for way in names) + f"   {ratios}{told}")


if __name__ == "__main__":
    main()
