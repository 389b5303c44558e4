"""`genimg data`: pictures on this machine, downloads, and packs."""

from __future__ import annotations

from pathlib import Path

import click

from genimg.apps.cli.base import console, debug_option, help_without_command, shown


@click.group(invoke_without_command=True)
@debug_option
@click.pass_context
def data(ctx: click.Context) -> None:
    """Pictures: what is on this machine, downloads, and packs for machines without internet.

    \b
    Example:
      genimg data list
    """
    help_without_command(ctx)


@data.command("list")
@debug_option
def data_list() -> None:
    """Every data set, what it is, and the place on this machine that has it.

    \b
    Example:
      GENIMG_DATA=~/data genimg data list
    """
    from genimg import data as pictures
    from genimg.apps import console as show

    rows = [(row.name, row.what, row.sizes, row.licence, row.where) for row in pictures.describe()]
    show.table(console(), ("name", "what", "sizes", "licence", "where"), rows)
    if any(row[-1] == "not here" for row in rows):
        click.echo(
            "Not here: genimg data fetch NAME where there is internet, or a pack in $GENIMG_DATA (genimg data pack)."
        )


@data.command("fetch")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@debug_option
def data_fetch(names: tuple[str, ...]) -> None:
    """Download data sets into the user cache, unless they are there.

    \b
    Example:
      genimg data fetch mnist
    """
    from genimg import data as pictures

    for name in names:
        click.echo(pictures.fetch(name))


@data.command("pack")
@click.argument("source", metavar="NAME|FOLDER")
@click.argument("dest", type=click.Path(path_type=Path), default=".", metavar="[FILE.zip]")
@click.option("--size", type=int, help="Crop to the centre square and resize to this side.")
@debug_option
def data_pack(source: str, dest: Path, size: int | None) -> None:
    """Make a pack, one zip file, of a data set or of a folder <split>/<class>/<file>.

    \b
    Example:
      genimg data pack mnist /media/stick/mnist.zip
      genimg data pack ./holiday holiday.zip --size 64
    """
    from genimg import data as pictures

    made = pictures.make_pack(dest, source, size)
    counts = ", ".join(f"{split} {n}" for split, n in made.pictures.items())
    for line in pictures.told([(Path(name), "left out, no picture by its name") for name in made.left_out]):
        click.echo(f"genimg: {line}", err=True)
    click.echo(f"{shown(made.path.resolve())}: {counts}; sha256 {made.sha256[:12]}")
