"""`genimg colorize`: colours for grey picture and video files."""

from __future__ import annotations

from pathlib import Path

import click

from genimg.apps.cli.base import account, console, debug_option, device_option, folder_type


@click.command()
@click.argument("model", required=False, default="colours", metavar="[MODEL]")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="PATH...")
@click.option("--out", type=folder_type, required=True, help="Folder for the results, <name>-coloured.png or .mp4.")
@click.option("--batch", type=click.IntRange(min=1), default=16, show_default=True, help="Pictures per forward pass.")
@click.option("--steady", is_flag=True, help="Average the colours of a video over some frames, so that they flicker "
              "less.")  # fmt: skip
@device_option
@debug_option
def colorize(model: str, paths: tuple[Path, ...], out: Path, batch: int, steady: bool, device: str) -> None:
    """Colour pictures and videos, files or whole folders, of any size; of coloured ones, the colours are replaced.

    MODEL is a colouring network: a name of `genimg zoo list`, or a weights file beside its manifest; left out, it is
    `colours`, which ships with genimg. Files of a folder keep their place below OUT. Pictures become PNG of 8 bits a
    channel, with their transparency; a 16-bit grey one is read with all its bits. Videos become MP4 (H.264) with their
    frame rate, size and sound, and need PyAV: pip install 'genimg-book[video]'. Originals stay as they are, results of
    an earlier call are replaced; files that cannot be used are named at the end, and the exit code is then 1.

    \b
    Example:
      genimg colorize album/ film.mp4 --out coloured/ --steady
    """
    from genimg import data, zoo
    from genimg._base import devices
    from genimg.apps import console as show
    from genimg.problems.colorize import files as work

    if model not in zoo.names("colours") and Path(model).exists() and not model.endswith(".safetensors"):
        model, paths = "colours", (Path(model), *paths)  # it was a picture
    elif not paths and Path(model).suffix and not Path(model).exists():
        raise click.UsageError(f"{model} does not exist")
    if not paths:
        raise click.UsageError("give at least one picture, video or folder")
    skipped: list[tuple[Path, str]] = []
    where = work.targets(paths, out, [Path(model)], lambda *what: skipped.append(what))
    G, _ = zoo.load(model, devices.pick(device), kind="colours")
    done: list[work.Finished] = []
    unusable: list[work.Unusable] = []
    with show.steps(console(stderr=True), pace=True) as progress:
        for event in work.colorize_files(G, where, batch=batch, keep_chroma=0.8 if steady else 0.0):  # type: ignore[arg-type]
            if isinstance(event, work.Finished):
                done.append(event)
            elif isinstance(event, work.Unusable):
                unusable.append(event)
            else:
                progress(event.what, event.done, event.total)
    for path, target, note in done:
        click.echo(data.printable(target) + (f"  ({data.printable(path)}: {note})" if note else ""))
    account(where, unusable, skipped, [], "used", "" if done else "coloured")
