"""How many images per second does a detector score: one forward pass, AnoGAN's latent search, and the others?

  one pass      −D_TV(x): what HistoryAD does at test time, `gi.anomaly_score`
  latent search AnoGAN: z is searched for each image by gradient steps, with a G and a D of the same architecture
  neighbours    mean distance to 5 of the known images, `gi.anomaly.neighbour_distance`
  pyod …        the peers of `genimg.lab.experiments.peers`, if PyOD is installed; its AnoGAN is a small network without
                convolutions and takes few steps, as in the experiment

The time of a pass does not depend on the weights, so the networks of the first two are untrained. All take turns within
each round, so that a busy machine slows them alike; shown are medians over the rounds and the ratio to one pass, all
from this one run. Every way is called once before, unmeasured.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable
from functools import partial

import click
import torch
from measure import in_turns
from torch import Tensor, nn

import genimg as gi
from genimg._base.errors import UsageError
from genimg.lab.experiments import peers

Way = Callable[[Tensor], Tensor]


def search(
    G: nn.Module,
    features: nn.Module,
    x: Tensor,
    z: Tensor,
    steps: int = 500,
    weight: float = 0.1,
    lr: float = 0.01,
) -> Tensor:
    """min over z of (1 − weight) · Σ|x − G(z)| + weight · Σ|f(x) − f(G(z))|, per image.

    The images of a batch are searched at once but do not know each other: the loss is a sum over them and Adam works
    entry by entry.

    Args:
        G: z (n, latent) → (n, c, h, w), on the device of x.
        features: f, the discriminator without its last layer.
        x: (n, c, h, w).
        z: (n, latent), where the search begins; left alone.
        steps: 500 in EGBAD's code, STEPS_NUMBER.
        weight: the paper's lambda.
        lr: of Adam; no effect on the time.

    Returns:
        (n,) anomaly scores: the loss that is left.

    Source: Schlegl et al. 2017, the residual and the discrimination loss with feature matching; Zenati et al. 2018, the
    code `gan/run_mnist.py`.
    """
    z = z.clone().requires_grad_()
    with torch.no_grad():
        of_x = features(x)
    optimiser = torch.optim.Adam([z], lr=lr)

    def loss() -> Tensor:
        fake = G(z)
        residual, discrimination = (x - fake).abs(), (of_x - features(fake)).abs()
        return (1 - weight) * residual.flatten(1).sum(1) + weight * discrimination.flatten(1).sum(1)

    for _ in range(steps):
        (z.grad,) = torch.autograd.grad(loss().sum(), z)
        optimiser.step()
    return loss().detach().cpu()


def ways(known: Tensor, width: int, steps: int, seed: int, budget: peers.Budget) -> tuple[dict[str, Way], list[str]]:
    """Functions images (n, c, h, h) → scores (n,) by name, and what could not be had."""
    latent, device = 64, known.device
    _, channels, side, _ = known.shape
    G, D = (net.to(device).eval() for net in gi.networks.dcgan(latent, side, channels, width, seed=seed))
    law = gi.Gaussian(latent, gi.rng(gi.seeding.child(seed, "search"), device))
    found: dict[str, Way] = {
        "one pass": lambda x: gi.anomaly_score(D, x),
        "latent search": lambda x: search(G, D.blocks, x, law.sample(len(x)), steps),
        "neighbours": lambda x: gi.anomaly.neighbour_distance(x, known).cpu(),
    }
    try:
        for name in peers.METHODS:
            found[f"pyod {name}"] = peers.fitted(name, known, seed, budget)
    except UsageError as error:
        return found, [str(error)]
    return found, []


@click.command(help=(__doc__ or "").split("\n\n")[0], context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--images", type=int, default=256, show_default=True, help="Scored per call.")
@click.option("--known", type=int, default=10_000, show_default=True, help="Normal images, of those who keep them.")
@click.option("--steps", type=int, default=500, show_default=True, help="Of the latent search.")
@click.option("--width", type=int, default=16, show_default=True, help="Of both networks, `gi.networks.dcgan`.")
@click.option("--rounds", type=int, default=5, show_default=True, help="Calls of each way.")
@click.option("--threads", type=int, default=1, show_default=True, help="Of torch on the CPU.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
def main(images: int, known: int, steps: int, width: int, rounds: int, threads: int, device: str, seed: int) -> None:
    """Measures and prints a table."""
    torch.set_num_threads(threads)
    where = gi.devices.pick(device)
    digits = gi.data.load("mnist", "train", subset=True).floats()
    # Few digits ship with the package; repeated they cost a neighbour search as much as others would.
    x, reference = (digits.repeat(-(-n // len(digits)), 1, 1, 1)[:n].to(where) for n in (images, known))
    budget = dataclasses.replace(peers.BUDGETS["quick"], neighbours=known, search=peers.BUDGETS["cpu"].search)
    click.echo(
        f"{gi.devices.describe(where)}; dcgan 28x28, width {width}; {images} images per call, {known} known, "
        f"{steps} steps; median of {rounds} rounds"
    )
    with gi.seeding.ambient(seed):
        found, missing = ways(reference, width, steps, seed, budget)
        # Every way ends on the CPU, so nothing is left to wait for.
        times = in_turns({name: partial(way, x) for name, way in found.items()}, rounds, torch.device("cpu"))
    median = {name: statistics.median(taken) for name, taken in times.items()}
    click.echo(f"{'':16}{'images per s':>14}{'ms per image':>14}{'times one pass':>16}")
    for name, taken in median.items():
        per_second, ratio = images / taken, taken / median["one pass"]
        click.echo(f"{name:16}{per_second:14,.1f}{1000 / per_second:14.4f}{ratio:16,.1f}")
    for line in missing:
        click.echo(line)


if __name__ == "__main__":
    main()
