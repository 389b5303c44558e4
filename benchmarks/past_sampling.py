"""How to draw from P_Ghist = ∫ c · G_t(P_Z) · exp(−rate · t) dt: group by instant, or stack all states and vmap?

Four ways to draw the same batch, with the same instants and the same z:

  grouped   one call of G_t per instant drawn: what `History.past` does
  padded    the stacked states under vmap, every instant given as many z as the most frequent one
  gathered  one copy of the weights per sample under vmap, no sample wasted
  one by one  a call per sample: the loop that the others avoid

They take turns within each round, so that a busy machine slows them alike; shown are medians and their ratio to
`grouped`, all from this one run. That they give the same images is checked first.
"""

from __future__ import annotations

import copy
import statistics
from collections.abc import Callable, Sequence
from functools import partial

import click
import torch
from measure import seconds
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

import genimg as gi

Way = Callable[[Tensor, Tensor], Tensor]


def ways(states: Sequence[nn.Module]) -> dict[str, Way]:
    """Functions (which (n,), z (n, latent)) → images (n, c, h, w), sample i made by state `which[i]`."""
    stacked, _ = stack_module_state(list(states))
    skeleton = copy.deepcopy(states[0]).to("meta")
    mapped = vmap(lambda weights, z: functional_call(skeleton, weights, (z,)))

    def grouped(which: Tensor, z: Tensor) -> Tensor:
        order = torch.argsort(which, stable=True)
        counts = torch.bincount(which, minlength=len(states)).tolist()
        parts = [G(part) for G, part in zip(states, z[order].split(counts), strict=True) if len(part)]
        drawn = torch.cat(parts)
        return torch.empty_like(drawn).index_copy_(0, order, drawn)

    def padded(which: Tensor, z: Tensor) -> Tensor:
        order = torch.argsort(which, stable=True)
        counts = torch.bincount(which, minlength=len(states))
        column = torch.arange(len(z), device=z.device) - (counts.cumsum(0) - counts)[which[order]]
        room = z.new_zeros(len(states), int(counts.max()), z.shape[1])
        room[which[order], column] = z[order]
        drawn = mapped(stacked, room)[which[order], column]
        return torch.empty_like(drawn).index_copy_(0, order, drawn)

    def gathered(which: Tensor, z: Tensor) -> Tensor:
        return mapped({name: weight[which] for name, weight in stacked.items()}, z[:, None])[:, 0]

    def one_by_one(which: Tensor, z: Tensor) -> Tensor:
        return torch.cat([states[k](z[i : i + 1]) for i, k in enumerate(which.tolist())])

    return {"grouped": grouped, "padded": padded, "gathered": gathered, "one by one": one_by_one}


@click.command(help=(__doc__ or "").split("\n\n")[0], context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--states", type=int, multiple=True, default=(10, 60), show_default=True, help="States in the history.")
@click.option("--batch", type=int, multiple=True, default=(64, 256), show_default=True, help="Samples per draw.")
@click.option("--width", type=int, default=16, show_default=True, help="Of the generator, `gi.networks.dcgan`.")
@click.option("--size", type=int, default=28, show_default=True, help="Side of the images.")
@click.option("--decay", type=float, default=2.0, show_default=True, help="Rate times the length of the history.")
@click.option("--rounds", type=int, default=9, show_default=True, help="Draws of each way.")
@click.option("--threads", type=int, default=1, show_default=True, help="Of torch on the CPU.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@torch.no_grad()
def main(
    states: tuple[int, ...],
    batch: tuple[int, ...],
    width: int,
    size: int,
    decay: float,
    rounds: int,
    threads: int,
    device: str,
    seed: int,
) -> None:
    """Measures and prints a table."""
    torch.set_num_threads(threads)
    where, latent = gi.devices.pick(device), 64
    click.echo(f"{gi.devices.describe(where)}; G: dcgan {size}x{size}, width {width}; median of {rounds} draws, ms")
    names = ("grouped", "padded", "gathered", "one by one")
    click.echo(f"{'states':>6} {'batch':>6}" + "".join(f"{name:>12}" for name in names) + "   ratio to grouped")
    for count in states:
        made = [gi.networks.dcgan(latent, size, width=width, seed=seed + k)[0].to(where).eval() for k in range(count)]
        draw = ways(made)
        weights = torch.softmax(-decay * torch.arange(count) / count, 0)
        for n in batch:
            rng = gi.rng(gi.seeding.child(seed, f"{count} {n}"))
            times: dict[str, list[float]] = {name: [] for name in names}
            for turn in range(rounds + 1):
                which = torch.multinomial(weights, n, replacement=True, generator=rng).to(where)
                z = torch.randn(n, latent, generator=rng).to(where)
                if turn == 0:  # warms up, and compares
                    images = {name: draw[name](which, z) for name in names}
                    worst = max(float((images[name] - images["grouped"]).abs().max()) for name in names)
                    if worst > 1e-3:
                        raise click.ClickException(f"the ways disagree by {worst:.2g}")
                    continue
                for name in names:
                    times[name].append(seconds(partial(draw[name], which, z), where))
            median = {name: 1000 * statistics.median(times[name]) for name in names}
            ratios = ", ".join(f"{name} {median[name] / median['grouped']:.1f}" for name in names[1:])
            click.echo(f"{count:6} {n:6}" + "".join(f"{median[name]:12.1f}" for name in names) + f"   {ratios}")


if __name__ == "__main__":
    main()
