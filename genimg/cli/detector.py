"""`genimg detect`: anomaly scores of picture files."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path

import click

from genimg.cli.base import console, debug_option, device_option


@click.command()
@click.argument("model")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
@click.option(
    "--csv", "target", type=click.Path(dir_okay=False, path_type=Path), help="File for the table.  [default: print it]"
)
@click.option("--batch", type=click.IntRange(min=1), default=256, show_default=True, help="Pictures per forward pass.")
@device_option
@debug_option
def detect(model: str, paths: tuple[Path, ...], target: Path | None, batch: int, device: str) -> None:
    """Score pictures, files or whole folders, with a detector: a file, or the name of one in the zoo.

    The table has a line per picture: file, score (larger = more anomalous), and the percentage of normal pictures that
    score no higher. Files that cannot be read are named at the end; the exit code is 1 if nothing could be scored.

    \b
    Example:
      genimg detect detector.safetensors holiday/ --csv scores.csv
    """
    from genimg import anomaly, data, devices
    from genimg import console as show

    detector = anomaly.Detector.load(model, devices.pick(device))
    files = data.picture_files(paths)
    unreadable: list[anomaly.Unreadable] = []
    with ExitStack() as stack:
        # stdout as it is now: a live bar diverts what is printed below it to its own stream.
        write = stack.enter_context(anomaly.writing_csv(target, sys.stdout, [*files, Path(model)]))
        watched = target is None and sys.stdout.isatty()  # then the lines themselves show how far it is
        progress = None if watched else stack.enter_context(show.steps(console(stderr=True)))
        for done, result in enumerate(anomaly.score_files(detector, files, batch), start=1):
            if isinstance(result, anomaly.Unreadable):
                unreadable.append(result)
            else:
                write(result)
            if progress:
                progress("pictures", done, len(files))
    if unreadable:
        click.echo(f"genimg: {len(unreadable)} of {len(files)} files could not be read:", err=True)
        for path, reason in unreadable:
            click.echo(f"  {data.printable(path)}: {reason}", err=True)
    if len(unreadable) == len(files):
        raise click.ClickException("nothing could be scored")
