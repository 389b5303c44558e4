"""How fast is the latent search: many images at once or one by one, from good starts or from random ones?

Test digits under one mask, with the generator and critic of the zoo. All ways use the same loss and step size:

  one by one    each image alone, from one random z, all steps: what public implementations do for one image
  batched       all images at once from the same starts, all steps; that it finds the same is checked
  good starts   all at once, each from the best of many random z, until the mean error is that of the two above
  stopping      good starts, each image until its own loss has converged: what `inpaint` does

They take turns within each round, so that a busy machine slows them alike; shown are medians of images per second and
their ratio to the first way, all from this one run. PSNR is of the overlay, peak 2, from the mean MSE.

The second table is the PSNR over iterations, of random and of good starts.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import click
import torch
from torch import Tensor, nn

import genimg as gi
from genimg.problems.inpaint import Loss, SearchStep, best_starts, masks, search_steps


def psnr(G: nn.Module, y: Tensor, mask: Tensor, z: Tensor) -> float:
    """Of the overlay of G(z) for z (n, r, d), from the mean MSE."""
    with torch.no_grad():
        filled = torch.where(mask == 1, y, G(z[:, 0]))
    return gi.metrics.psnr(filled, y, peak=2, average="mse")


@click.command(help=(__doc__ or "").split("\n\n")[0], context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--model", default="digits", show_default=True, help="In the zoo, or a file.")
@click.option("--images", "count", type=int, default=32, show_default=True, help="Test digits.")
@click.option("--mask", "hidden", type=click.Choice(list(masks.PRESETS)), default="squares", show_default=True)
@click.option("--steps", type=int, default=200, show_default=True, help="Of the search.")
@click.option("--candidates", type=int, default=256, show_default=True, help="Of which the best is a good start.")
@click.option("--lr", type=float, default=0.1, show_default=True, help="Of Adam.")
@click.option("--rounds", type=int, default=3, show_default=True, help="Searches of each way.")
@click.option("--threads", type=int, default=1, show_default=True, help="Of torch on the CPU.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
def main(
    model: str,
    count: int,
    hidden: str,
    steps: int,
    candidates: int,
    lr: float,
    rounds: int,
    threads: int,
    device: str,
    seed: int,
) -> None:
    """Measures and prints two tables."""
    torch.set_num_threads(threads)
    where = gi.devices.pick(device)
    G, D = gi.zoo.load(model, where)
    channels, size = gi.inpaint.files.shape(G)
    digits = gi.data.load("mnist", "test", subset=True).floats()[:count]
    y = torch.nn.functional.interpolate(digits, (size, size), mode="area").expand(-1, channels, -1, -1).to(where)
    mask = masks.preset(hidden, size, seed).to(where)
    latent = gi.Gaussian(int(G.latent), gi.rng(seed, where))
    pool = latent.sample(candidates)
    random = latent.sample(count)[:, None]
    loss = Loss(D, y, mask)

    def search(start: Tensor, upto: int, **options: Any) -> Iterator[SearchStep]:
        return search_steps(G, loss, start, steps=upto, lr=lr, **({"patience": None} | options))

    def last(path: Iterator[SearchStep]) -> SearchStep:
        *_, step = path
        return step

    def one_by_one() -> Tensor:
        found = []
        for k in range(count):
            alone = search_steps(G, Loss(D, y[k : k + 1], mask), random[k : k + 1], steps=steps, lr=lr, patience=None)
            found.append(last(alone).best_z)
        return torch.cat(found)

    # The second table first: it also finds how many steps good starts need.
    curves: dict[str, list[float]] = {"random": [], "good": []}
    curves["random"] = [psnr(G, y, mask, step.best_z) for step in search(random, steps)]
    curves["good"] = [psnr(G, y, mask, step.best_z) for step in search(best_starts(G, loss, pool), steps)]
    needed = next((k for k, value in enumerate(curves["good"]) if value >= curves["random"][-1]), steps)

    ways: dict[str, Callable[[], Tensor]] = {
        "one by one": one_by_one,
        "batched": lambda: last(search(random, steps)).best_z,
        "good starts": lambda: last(search(best_starts(G, loss, pool), needed)).best_z,
        "stopping": lambda: last(search(best_starts(G, loss, pool), steps, patience=50)).best_z,
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    reached: dict[str, float] = {}
    for _ in range(rounds):
        for name, way in ways.items():
            start = time.perf_counter()
            z = way()
            reached[name] = psnr(G, y, mask, z)  # waits for a GPU
            times[name].append(time.perf_counter() - start)
    if abs(reached["one by one"] - reached["batched"]) > 0.5:
        raise click.ClickException(f"one by one and batched differ: {reached}")

    about = f"{model} {size}x{size}, {count} images, mask {hidden}, at most {steps} steps"
    click.echo(f"{gi.devices.describe(where)}; {about}; median of {rounds}")
    click.echo(f"{'':12} {'images / s':>11} {'ratio':>7} {'PSNR':>7}")
    median = {name: statistics.median(times[name]) for name in ways}
    for name in ways:
        ratio = median["one by one"] / median[name]
        click.echo(f"{name:12} {count / median[name]:11.2f} {ratio:7.1f} {reached[name]:7.2f}")
    click.echo(f"good starts reach the PSNR of random ones after {needed} of {steps} steps\n")
    shown = [k for k in (0, 5, 10, 20, 50, 100, 200, 500, 1000) if k <= steps]
    click.echo(f"{'PSNR at step':12}" + "".join(f"{k:8}" for k in shown))
    for name, curve in curves.items():
        click.echo(f"{name:12}" + "".join(f"{curve[k]:8.2f}" for k in shown))


if __name__ == "__main__":
    main()
