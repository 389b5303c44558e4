"""How many pictures per second get from a folder of JPEG files into one tensor, cold and cached?

  genimg, cold       `gi.data.load` of a pack that it has never seen: decoded by all cores, kept as a memory map
  genimg, cached     the same call again: the map is opened
  torchvision        ImageFolder and DataLoader with a worker per core, Resize (Lanczos) and CenterCrop
  one by one         open, crop, resize and stack, as one writes it first

The pictures are crops of a photograph that ships with scikit-image. That the ways give the same pictures up to rounding
is checked first. They take turns; shown are medians and ratios to the first, all from one run.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import zipfile
from pathlib import Path

import click
import numpy as np
import torch
from measure import benchmark, in_turns, keep, out_option, ratio, rounds_option
from PIL import Image
from skimage import data
from torch import Tensor

import genimg as gi


def write(folder: Path, pictures: int, side: int) -> None:
    """`folder/train/photo/*.jpg`, and the same files as the pack `folder/photo.zip`."""
    photo = np.asarray(Image.fromarray(data.astronaut()).resize((2 * side, 2 * side)))
    place = folder / "train" / "photo"
    place.mkdir(parents=True)
    for k in range(pictures):
        crop = np.roll(photo, (5 * k, 11 * k), axis=(0, 1))[: side + k % 7, : side + k % 5]
        Image.fromarray(crop).save(place / f"{k:05}.jpg", quality=92)
    with zipfile.ZipFile(folder / "photo.zip", "w") as archive:
        for path in sorted(place.iterdir()):
            archive.write(path, path.relative_to(folder))


def ours(folder: Path, size: int, cold: bool) -> Tensor:
    """(n, 3, size, size) uint8, by way of the cache."""
    if cold:
        shutil.rmtree(os.environ["GENIMG_CACHE"], ignore_errors=True)
    images = gi.data.load("photo", size=size, root=folder).images
    return images.clone()  # a memory map costs nothing until it is read


def torchvision(folder: Path, size: int) -> Tensor:
    """The same by torchvision's own means."""
    from torch.utils.data import DataLoader
    from torchvision.datasets import ImageFolder
    from torchvision.transforms import v2

    steps = [v2.PILToTensor()]
    squared = [v2.Resize(size, v2.InterpolationMode.LANCZOS), v2.CenterCrop(size)]
    files = ImageFolder(str(folder / "train"), v2.Compose([*squared, *steps]))
    loader = DataLoader(files, batch_size=64, num_workers=os.cpu_count() or 1)
    return torch.cat([x for x, _ in loader])


def one_by_one(folder: Path, size: int) -> Tensor:
    """A loop."""
    made = []
    for path in sorted((folder / "train" / "photo").iterdir()):
        with Image.open(path) as picture:
            side = min(picture.size)
            left, top = ((length - side) // 2 for length in picture.size)
            square = picture.convert("RGB").crop((left, top, left + side, top + side))
            made.append(np.asarray(square.resize((size, size), Image.Resampling.LANCZOS)))
    return torch.from_numpy(np.stack(made)).permute(0, 3, 1, 2)


@benchmark(__doc__)
@click.option("--pictures", type=click.IntRange(1), default=1000, show_default=True, help="Files.")
@click.option("--side", type=click.IntRange(1), default=256, show_default=True, help="Of the files, in pixels.")
@click.option("--size", type=click.IntRange(1), default=64, show_default=True, help="Of the tensor, in pixels.")
@rounds_option
@out_option
def main(pictures: int, side: int, size: int, rounds: int, out: Path | None) -> None:
    """Measures and prints a table."""
    before = os.environ.get("GENIMG_CACHE")
    try:
        with tempfile.TemporaryDirectory() as place:
            folder, os.environ["GENIMG_CACHE"] = Path(place) / "pictures", str(Path(place) / "cache")
            write(folder, pictures, side)
            ways = {
                "genimg, cold": lambda: ours(folder, size, cold=True),
                "genimg, cached": lambda: ours(folder, size, cold=False),
                "torchvision": lambda: torchvision(folder, size),
                "one by one": lambda: one_by_one(folder, size),
            }
            made = {name: way().float() for name, way in ways.items()}
            for name, images in made.items():
                off = float((images - made["one by one"]).abs().mean())
                if off > 3:  # grey values of 255: torchvision resizes before it crops, so edges fall a little elsewhere
                    raise click.ClickException(f"{name} gives other pictures: {off:.1f} grey values on average")
            times = in_turns(ways, rounds, torch.device("cpu"), warm=0)
    finally:
        os.environ.pop("GENIMG_CACHE", None)
        if before is not None:
            os.environ["GENIMG_CACHE"] = before
    click.echo(f"{pictures} JPEG files of about {side}x{side} to {size}x{size}; median of {rounds} rounds")
    rows = []
    for name, taken in times.items():
        rate, gain = pictures / statistics.median(taken), ratio(times["one by one"], taken)
        click.echo(f"{name:16}{rate:12,.0f} pictures/s{gain:9.2f} times one by one")
        rows.append({"way": name, "pictures_per_second": round(rate, 1), "times_one_by_one": round(gain, 2)})
    keep(out, torch.device("cpu"), rows=rows, pictures=pictures, side=side, size=size, rounds=rounds)


if __name__ == "__main__":
    main()
