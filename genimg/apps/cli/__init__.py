"""The command line. Each command imports what it needs when it runs, so that `genimg --help` answers at once."""

from __future__ import annotations

import click

from genimg import __version__
from genimg.apps.cli.base import Commands, debug_option, help_without_command
from genimg.apps.cli.book import build, run, score, serve
from genimg.apps.cli.classroom import classroom
from genimg.apps.cli.colorize import colorize
from genimg.apps.cli.detector import detect
from genimg.apps.cli.experiments import train
from genimg.apps.cli.inpaint import inpaint
from genimg.apps.cli.pictures import data
from genimg.apps.cli.weights import zoo


@click.group(cls=Commands, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="genimg")
@debug_option
@click.pass_context
def main(ctx: click.Context) -> None:
    """Generative methods for inverse problems in imaging: run the book, build and serve its pages, train, detect,
    inpaint, colorize, score, teach.

    \b
    Example:
      genimg run 04_wgan && genimg build
    """
    help_without_command(ctx)


for command in (run, build, serve, score, train, detect, inpaint, colorize, zoo, data, classroom):
    main.add_command(command)
