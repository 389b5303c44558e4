"""How the cost of a step grows: with the batch, the width, the side of the images and the number of states.

Steps are `gi.gan_steps` with WGAN-GP, five critic updates and one of the generator, bfloat16 and channels last, on the
networks of `gi.networks.dcgan`; draws are 256 samples of P_Ghist, `gi.History.past`. One thing varies at a time.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import torch
from gan_step import Case, ours
from measure import Way, benchmark, device_option, in_turns, keep, out_option, threads_option

import genimg as gi

BASE = Case("dcgan", 32, 3, 32, 32)


def axes(small: bool) -> dict[str, Sequence[int]]:
    """What varies, and over which values."""
    if small:
        return {"batch": (2, 4), "width": (8, 16), "size": (16, 32), "states": (2, 3)}
    return {"batch": (8, 16, 32, 64, 128), "width": (16, 32, 48, 64), "size": (16, 32, 64), "states": (2, 8, 32, 128)}


def step(case: Case, device: torch.device) -> Way:
    """One step per call."""
    steps: Iterator[Any] = ours(case, device, amp=True)
    return lambda: next(steps)


@torch.no_grad()
def draw(states: int, batch: int, device: torch.device) -> Way:
    """256 samples of the past of an untrained history, by default."""
    G, D = BASE.build(device)
    history = gi.History()
    for time in range(1, states + 1):
        history.add(time, G, D)
    past = history.past(G, gi.Gaussian(BASE.latent, gi.rng(0, device)), gi.rng(1), rate=2 / states)
    return lambda: past.sample(batch)


@benchmark(__doc__)
@click.option("--small", is_flag=True, help="Tiny values, to try the machinery.")
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="Steps of each case.")
@threads_option
@device_option
@out_option
def main(small: bool, rounds: int, threads: int | None, device: str, out: Path | None) -> None:
    """Measures and prints a table."""
    if threads:
        torch.set_num_threads(threads)
    where, rows = gi.devices.pick(device), []
    click.echo(f"{gi.devices.describe(where)}; base {BASE}; median of {rounds}")
    for axis, values in axes(small).items():
        if axis == "states":
            ways = {value: draw(value, 8 if small else 256, where) for value in values}
        else:
            base = BASE._replace(width=8, batch=2) if small else BASE
            ways = {value: step(base._replace(**{axis: value}), where) for value in values}
        times = in_turns({str(value): way for value, way in ways.items()}, rounds, where)
        for value in values:
            taken = statistics.median(times[str(value)])
            click.echo(f"{axis:8}{value:6}{1000 * taken:12.1f} ms")
            rows.append({"axis": axis, "value": value, "ms": round(1000 * taken, 2)})
    keep(out, where, rows=rows, base=BASE._asdict(), rounds=rounds)


if __name__ == "__main__":
    main()
