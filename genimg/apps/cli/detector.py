"""`genimg detect`: anomaly scores of picture files."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path

import click

from genimg.apps.cli.base import account, console, debug_option, device_option

ODD, FEW = 99, 4  # a percentile that few normal pictures reach; so many pictures are a set


@click.command()
@click.argument("model")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="PATH...")
@click.option(
    "--csv", "target", type=click.Path(dir_okay=False, path_type=Path), help="File for the table.  [default: print it]"
)
@click.option("--batch", type=click.IntRange(min=1), default=256, show_default=True, help="Pictures per forward pass.")
@device_option
@debug_option
def detect(model: str, paths: tuple[Path, ...], target: Path | None, batch: int, device: str) -> None:
    """Score pictures with a detector: which are odd?

    MODEL is a file, or a name of `genimg zoo list`; PATH is a picture or a whole folder. A detector knows one kind of
    picture: history-celeba cropped faces, history-digits white digits on black other than 1. Pictures are resized to
    its size, and whatever else they show gets a score that means little, often a low one.

    The table has a line per picture: file, score (larger = more anomalous), and the percentage of normal pictures that
    score no higher. What is transparent stands before white. What a folder holds beside pictures is named at the end,
    and so are files that cannot be read; for those the exit code is 1.

    \b
    Example:
      genimg detect history-celeba portraits/ --csv scores.csv
    """
    if not paths:
        raise click.UsageError(
            f"give a detector and pictures, as in: detect history-celeba portraits/; {model!r} is one of them"
        )
    from genimg import data
    from genimg._base import devices
    from genimg.apps import console as show
    from genimg.problems import anomaly

    detector = anomaly.Detector.load(model, devices.pick(device))
    skipped: list[tuple[Path, str]] = []
    files = data.picture_files(paths, lambda *what: skipped.append(what))
    unreadable: list[anomaly.Unreadable] = []
    notes: list[tuple[Path, str]] = []
    percentiles: list[float] = []
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
                percentiles.append(result.percentile)
                if result.note:
                    notes.append((result.path, result.note))
            if progress:
                progress("pictures", done, len(files))
    odd = sum(percentile >= ODD for percentile in percentiles)
    if len(percentiles) >= FEW and odd > len(percentiles) / 2:
        click.echo(
            f"genimg: {odd} of {len(percentiles)} pictures are odder than {ODD} % of what {model} was trained on: "
            "another kind of picture, by what they show, size or margins; their order means little",
            err=True,
        )
    account(files, unreadable, skipped, notes, "read", "scored" if len(unreadable) == len(files) else "")
