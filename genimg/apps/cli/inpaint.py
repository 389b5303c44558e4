"""`genimg inpaint`: fill what a mask hides in picture files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from genimg.apps.cli.base import account, console, debug_option, device_option, folder_type

MOST = 0.95  # a mask that hides more than this share is taken for an inverted one
CANDIDATES = 256  # random z of which each picture starts from the best, where its first start is no other


@click.command()
@click.argument("model")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="IMAGE...")
@click.option(
    "--mask",
    "source",
    required=True,
    metavar="PNG|NAME",
    help="A picture, white = known and black = to be filled, or one of: centre, squares, random, left, right, top, "
    "bottom, strokes, text.",
)
@click.option("--invert", is_flag=True, help="The mask picture is white where pixels are to be filled.")
@click.option("--out", type=folder_type, required=True, help="Folder for the results, <name>-inpainted.png.")
@click.option("--blend", type=click.Choice(["poisson", "overlay", "raw"]), default="poisson", show_default=True,
              help="Join without a seam, paste as it is, or the generated image without the photograph.")  # fmt: skip
@click.option("--crop", "crops", multiple=True, metavar="LEFT,TOP,SIDE",
              help="Fill this square of the picture, in its pixels, and no other; may be repeated.")  # fmt: skip
@click.option(
    "--steps", type=click.IntRange(min=0), help="Of the search, at most.  [default: 300, or what suits MODEL]"
)
@click.option("--adapt", type=click.IntRange(min=0), default=0, show_default=True,
              help="Steps of the generator's weights after it: fewer errors, softer features.")  # fmt: skip
@click.option("--restarts", type=click.IntRange(min=1), default=1, show_default=True, help="Searches per picture.")
@click.option("--batch", type=click.IntRange(min=1), default=16, show_default=True, help="Pictures at once.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the starts, and of masks that are drawn.")
@device_option
@debug_option
def inpaint(
    model: str,
    paths: tuple[Path, ...],
    source: str,
    invert: bool,
    out: Path,
    blend: str,
    crops: tuple[str, ...],
    steps: int | None,
    adapt: int,
    restarts: int,
    batch: int,
    seed: int,
    device: str,
) -> None:
    """Fill the masked part of pictures, files or whole folders, with what a GAN makes of the rest.

    MODEL is a name of `genimg zoo list`, or a weights file beside its manifest; `digits` are white on black. Pictures
    of another size than the model's are cropped to the centre square and resized. A mask picture has the model's size,
    or that of the pictures, with which it is then cropped. Originals stay as they are; what is transparent stands
    before white. Files that cannot be used are named at the end, and the exit code is then 1.

    A model of faces finds the faces in a photograph of any size, fills each of them and puts it back; all other pixels
    stay what they are. A mask by its name, or of the model's size, is laid on every face; a mask of the photograph's
    size says where pixels are missing. Where no face is found, and with other models, --crop says what to fill.

    \b
    Example:
      genimg inpaint digits scans/ --mask centre --out filled/
      genimg inpaint faces photo.jpg --mask hole.png --out filled/
    """
    from genimg import data, zoo
    from genimg._base import devices, seeding
    from genimg.apps import console as show
    from genimg.gan import distributions
    from genimg.problems.inpaint import Search, Tones, photographs
    from genimg.problems.inpaint import files as work

    squares = [photographs.read_square(text) for text in crops]
    G, D = zoo.load(model, devices.pick(device))
    where = next(G.parameters()).device
    law = distributions.Gaussian(int(G.latent), seeding.rng(seeding.child(seed, "starts"), where))  # type: ignore[arg-type]
    skipped: list[tuple[Path, str]] = []
    files = data.picture_files(paths, lambda *what: skipped.append(what))
    mask = work.read_mask(source, work.shape(G)[1], seed, invert)
    if bool((mask == 1).all()):
        click.echo("genimg: nothing is missing under this mask, so there is nothing to do", err=True)
        return
    if not bool((mask == 1).any()):
        raise click.ClickException("nothing is known under this mask, so there is nothing to go by")
    if not invert and (share := float((mask != 1).float().mean())) > MOST:
        raise click.ClickException(
            f"the mask hides {share:.0%} of the picture; if its white part is the hole, add --invert"
        )
    done: list[work.Filled] = []
    unusable: list[work.Unusable] = []
    how = Search.of(zoo.recipe(model)).fitting(G)
    pool = law.sample(max(CANDIDATES, restarts))
    options: dict[str, Any] = {
        "blend": blend, "batch": batch, "restarts": restarts, "keep": [Path(model), Path(source)],
        "first": how.first(G),
        "steps": how.steps if steps is None else steps, "lr": how.lr,
        "formulation": how.formulation,
        "adapt": adapt, "tones": Tones.of(G),
    }  # fmt: skip
    if squares or zoo.recipe(model).get("crop") == "face":
        events = photographs.inpaint_photographs((G, D), files, mask, pool, out, squares=squares, **options)
    else:
        events = work.inpaint_files((G, D), files, mask, pool, out, **options)
    with show.steps(console(stderr=True)) as progress:
        for event in events:
            if isinstance(event, work.Filled):
                done.append(event)
            elif isinstance(event, work.Unusable):
                unusable.append(event)
            elif len(unusable) < len(files):
                progress("steps", event.done, event.total)
    for path, target, note in done:
        click.echo(data.printable(target) + (f"  ({data.printable(path)}: {note})" if note else ""))
    account(files, unusable, skipped, [], "used", "" if done else "filled")
