"""How many pictures per second does `genimg colorize` colour, and how fast are its colours computed?

  files, batched   `gi.colorize.files.colorize_files`: files read and written by all cores, the network in batches and
                   without its class branch
  files, one by one what one writes first: open, run the whole network on one picture, merge, save as Pillow saves; the
                   same conversions of colours
  network, batched `gi.colorize.chroma` on the small L of all pictures, in batches
  network, one     the same network, one picture at a time
  network, whole   the same with the class branch, whose answer nobody reads

The time does not depend on the weights, so the network is untrained; the pictures are a photograph that ships with
scikit-image, resized. That the ways agree is checked first. Then Lab: `gi.color` on tensors against scikit-image on
arrays, both ways, on the same pixels. All take turns within each round, so that a busy machine slows them alike; shown
are medians over the rounds and ratios, all from this one run.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from measure import Way, in_turns
from PIL import Image
from skimage import color as peer
from skimage import data
from torch import Tensor

import genimg as gi
from genimg.gan.networks import ChromaGenerator
from genimg.numerics.color import lightness, scale_l, unscale_ab
from genimg.problems.colorize import files


def all_files(G: ChromaGenerator, folder: Path, out: Path, batch: int) -> None:
    """The command's own work."""
    for event in files.colorize_files(G, files.targets([folder], out), batch=batch):
        if isinstance(event, files.Unusable):
            raise click.ClickException(f"{event.path}: {event.reason}")


@torch.no_grad()
def plain_files(G: ChromaGenerator, folder: Path, out: Path) -> None:
    """One file after the other, one picture through the whole network."""
    device = next(G.parameters()).device
    out.mkdir(exist_ok=True)
    for path in sorted(folder.iterdir()):
        with Image.open(path) as picture:
            x = torch.tensor(np.asarray(picture.convert("RGB"))).permute(2, 0, 1)[None].float() / 255
        L = lightness(x)
        rgb = gi.colorize.merge(L, one(G, gi.colorize.shrink(L, G.size).to(device), True).cpu())
        made = (rgb[0] * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
        Image.fromarray(made).save(out / f"{path.stem}-coloured.png")


@torch.no_grad()
def one(G: ChromaGenerator, L: Tensor, classes: bool) -> Tensor:
    """Chroma of one picture."""
    return unscale_ab(G(scale_l(L), classes=classes).ab)


def network_ways(G: ChromaGenerator, L: Tensor, batch: int) -> dict[str, Way]:
    """Chroma (n, 2, size, size) of small L, on the CPU, so that nothing is left to wait for."""
    return {
        "network, batched": lambda: torch.cat([gi.colorize.chroma(G, part).cpu() for part in L.split(batch)]),
        "network, one": lambda: torch.cat([one(G, part, False).cpu() for part in L.split(1)]),
        "network, whole": lambda: torch.cat([one(G, part, True).cpu() for part in L.split(1)]),
    }


def lab_ways(x: Tensor) -> dict[str, Way]:
    """Lab of sRGB (n, 3, h, w), and back, as tensors and by scikit-image, which takes the channels last."""
    lab, array = gi.color.rgb_to_lab(x), x.permute(0, 2, 3, 1).contiguous().numpy()
    lab_array = peer.rgb2lab(array)
    return {
        "to Lab, tensors": lambda: gi.color.rgb_to_lab(x),
        "to Lab, skimage": lambda: peer.rgb2lab(array),
        "to sRGB, tensors": lambda: gi.color.lab_to_rgb(lab),
        "to sRGB, skimage": lambda: peer.lab2rgb(lab_array),
    }


def agree(what: str, a: Tensor, b: Tensor, most: float) -> None:
    """Nothing, if no number differs by more."""
    worst = float((a - b).abs().max())
    if worst > most:
        raise click.ClickException(f"{what}: the ways disagree by {worst:.2g}")


def last(x: Any) -> Tensor:
    """Channels first, as a tensor."""
    return torch.as_tensor(x).movedim(-1, 1)


def medians(found: dict[str, Way], rounds: int) -> dict[str, float]:
    """Seconds per call, the ways taking turns; every way ends on the CPU, and has been warmed up."""
    times = in_turns(found, rounds, torch.device("cpu"), warm=0)
    return {name: statistics.median(taken) for name, taken in times.items()}


@click.command(help=(__doc__ or "").split("\n\n")[0], context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--pictures", type=int, default=32, show_default=True, help="Coloured per call.")
@click.option("--side", type=int, default=512, show_default=True, help="Of the pictures, in pixels.")
@click.option("--size", type=int, default=96, show_default=True, help="Of the network.")
@click.option("--width", type=int, default=16, show_default=True, help="Of the network, `gi.networks.chromagan`.")
@click.option("--classes", type=int, default=1000, show_default=True, help="Of the class branch.")
@click.option("--batch", type=int, default=16, show_default=True, help="Pictures per forward pass.")
@click.option("--rounds", type=int, default=5, show_default=True, help="Calls of each way.")
@click.option("--threads", type=int, help="Of torch on the CPU.  [default: one per core]")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
def main(
    pictures: int,
    side: int,
    size: int,
    width: int,
    classes: int,
    batch: int,
    rounds: int,
    threads: int | None,
    device: str,
    seed: int,
) -> None:
    """Measures and prints a table."""
    if threads:
        torch.set_num_threads(threads)
    where = gi.devices.pick(device)
    G, _ = gi.networks.chromagan(size, width, classes, seed=seed)
    G.to(where).eval()
    photo = Image.fromarray(data.chelsea()).convert("L").resize((side, side))
    click.echo(
        f"{gi.devices.describe(where)}; {pictures} pictures of {side}x{side}, network {size}x{size} of width {width} "
        f"with {classes} classes; median of {rounds} rounds"
    )
    with tempfile.TemporaryDirectory() as place:
        folder, quick, slow = (Path(place) / name for name in ("in", "batched", "single"))
        folder.mkdir()
        for k in range(pictures):  # moved, so that no two are the same
            Image.fromarray(np.roll(np.asarray(photo), 7 * k, axis=1)).save(folder / f"{k:04}.jpg", quality=92)
        x = torch.stack([torch.tensor(np.asarray(Image.open(path))) for path in sorted(folder.iterdir())])
        L = gi.colorize.shrink(lightness(x[:, None].float() / 255), size).to(where)
        found: dict[str, Way] = {
            "files, batched": lambda: all_files(G, folder, quick, batch),
            "files, one by one": lambda: plain_files(G, folder, slow),
        } | network_ways(G, L, batch)
        results = {name: way() for name, way in found.items()}  # warms up
        for path in quick.iterdir():
            made = [torch.tensor(np.asarray(Image.open(name))).float() for name in (path, slow / path.name)]
            agree("files", made[0], made[1], 1)
        for name in ("network, one", "network, whole"):
            agree(name, results["network, batched"], results[name], 1e-2)
        taken = medians(found, rounds)
    click.echo(f"{'':20}{'pictures per s':>16}{'times batched':>16}")
    for name, time_taken in taken.items():
        base = taken[f"{name.split(',')[0]}, batched"]
        click.echo(f"{name:20}{pictures / time_taken:16,.2f}{time_taken / base:16.2f}")
    colours = torch.rand(1, 3, side, side, generator=gi.rng(seed))
    ways = lab_ways(colours)
    agree("to Lab", ways["to Lab, tensors"](), last(ways["to Lab, skimage"]()), 1e-3)
    agree("to sRGB", ways["to sRGB, tensors"](), last(ways["to sRGB, skimage"]()), 1e-3)
    taken = medians(ways, rounds)
    click.echo(f"{'':20}{'million pixels / s':>20}{'times tensors':>16}")
    for name, time_taken in taken.items():
        base = taken[f"{name.split(',')[0]}, tensors"]
        click.echo(f"{name:20}{side**2 / time_taken / 1e6:20.2f}{time_taken / base:16.2f}")


if __name__ == "__main__":
    main()
