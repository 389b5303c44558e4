"""The command line. Each command imports what it needs when it runs, so that `genimg --help` answers at once.

A mistake of the user is one line on stderr and exit code 1 or 2; `--debug` shows the traceback instead.
"""

from __future__ import annotations

import ast
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from rich.console import Console

    from genimg.execution import Result

Command = TypeVar("Command", bound=Callable[..., Any])


class Failed(click.ClickException):
    """The command has said what went wrong; only the exit code 1 is left to give."""


class Commands(click.Group):
    """A group that turns what goes wrong into one line, at its outermost call."""

    debug = False

    def main(self, args: Sequence[str] | None = None, *_: Any, **extra: Any) -> Any:
        """Runs a command line and exits with its code."""
        Commands.debug = False
        problem: BaseException
        extra |= {"prog_name": "genimg", "standalone_mode": False}
        try:
            sys.exit(super().main(args, **extra) or 0)
        except (click.exceptions.Abort, KeyboardInterrupt) as error:
            problem, line, code = error, "interrupted", 130
        except click.ClickException as error:
            problem, line, code = error, error.format_message(), error.exit_code
            if isinstance(error, click.UsageError) and error.ctx:
                line += f" (see {error.ctx.command_path} --help)"
        except Exception as error:
            checks = sys.modules.get("genimg.checks")  # not imported: then it is no UsageError
            ours = checks and isinstance(error, checks.UsageError)
            problem, line, code = error, str(error) if ours else f"{type(error).__name__}: {error}", 1
            if not ours and not self.debug:
                line += " (unexpected; --debug shows where)"
        if self.debug:
            traceback.print_exception(problem)
        if line:
            click.echo(f"genimg: {' '.join(line.split())}", err=True)
        sys.exit(code)


def _debug(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        Commands.debug = True


def debug_option(command: Command) -> Command:
    """`--debug`, which every command takes."""
    show = "Show the traceback of an error."
    return click.option("--debug", is_flag=True, expose_value=False, is_eager=True, callback=_debug, help=show)(command)


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=True)


def _help_without_command(ctx: click.Context) -> None:
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


@click.group(cls=Commands, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="genimg")
@debug_option
@click.pass_context
def main(ctx: click.Context) -> None:
    """Generative methods for inverse problems in imaging: run the book, build its pages, train, score.

    \b
    Example:
      genimg run 04_wgan && genimg build
    """
    _help_without_command(ctx)


profile_option = click.option(
    "--profile", type=click.Choice(["quick", "full"]), default="quick", show_default=True, help="How much to compute."
)
folder_type = click.Path(file_okay=False, path_type=Path)
device_option = click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True, help="Where to compute."
)


@main.command()
@click.argument("chapters", nargs=-1, metavar="[CHAPTER]...")
@profile_option
@device_option
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of every random number.")
@click.option("--out", type=folder_type, help="Folder for results.  [default: build/book]")
@click.option("--in-place", is_flag=True, help="Replace the committed notebook of each chapter that succeeds.")
@click.option("-p", "extra", nargs=2, multiple=True, metavar="NAME VALUE", help="Another parameter of the chapters.")
@debug_option
def run(
    chapters: tuple[str, ...],
    profile: str,
    device: str,
    seed: int,
    out: Path | None,
    in_place: bool,
    extra: tuple[tuple[str, str], ...],
) -> None:
    """Execute chapters with papermill, all of them or those named (04_wgan, 04 or wgan).

    A chapter that fails does not stop the others; the exit code is then 1.

    \b
    Example:
      genimg run
      genimg run 04_wgan --profile full --device cuda --out build/full
    """
    import torch

    from genimg import console as show
    from genimg import devices, execution, notebooks

    root = notebooks.find_root()
    out = (out or root / "build" / "book").resolve()
    torch.set_num_threads(1)  # as every chapter does; the manifest says so
    hardware = devices.describe(devices.pick(device))
    parameters = {"profile": profile, "seed": seed, "device": device} | {k: _literal(v) for k, v in extra}
    paths = notebooks.chapters(root, chapters)
    jobs = [execution.prepare(path, parameters, in_place=in_place) for path in paths]
    console = _console()
    board = show.RunBoard(console, {job.chapter: job.cells for job in jobs})
    results: list[Result] = []
    with board.watching():
        for job in jobs:
            board.start(job.chapter)
            result = execution.run(job, out, in_place=in_place, on_cell=partial(board.cell, job.chapter))
            execution.update_manifest(out, job, result, hardware)
            board.finish(job.chapter, result.status, result.seconds)
            results.append(result)
    rows = [(r.chapter, str(r.cells), f"{r.seconds:.1f}", r.status) for r in results]
    show.table(console, ("chapter", "cells", "seconds", "status"), rows, right=("cells", "seconds"))
    console.print(f"manifest: {_shown(out / 'manifest.json')}", markup=False)
    failed = [r for r in results if r.error]
    for r in failed:
        click.echo(f"genimg: {r.chapter}, {r.error}; the partial notebook is {_shown(r.notebook)}", err=True)
    if failed:
        raise Failed("")


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _shown(path: Path) -> str:
    """The path as the user would type it."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


@main.command()
@click.option(
    "--notebooks",
    "executed",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="Folder of executed notebooks.  [default: build/book, else the committed ones]",
)
@click.option("--out", type=folder_type, help="Folder that receives _build/html.  [default: the project folder]")
@debug_option
def build(executed: Path | None, out: Path | None) -> None:
    """Build the pages from executed notebooks with Jupyter Book; every warning is an error.

    \b
    Example:
      genimg run && genimg build
    """
    from genimg import notebooks, pages

    root, start = notebooks.find_root(), time.perf_counter()
    executed = executed or pages.default_executed(root)
    for note in pages.stage(root, executed, root / "build" / "site"):
        click.echo(note)
    index = pages.build(root, root / "build" / "site", (out or root).resolve())
    click.echo(f"open {_shown(index)} ({time.perf_counter() - start:.0f} s)")


@main.command()
@click.option("--json", "as_json", is_flag=True, help="JSON instead of a table.")
@click.option(
    "--records",
    "folder",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="Folder of records.  [default: book/records]",
)
@debug_option
def score(as_json: bool, folder: Path | None) -> None:
    """Compare what the talk reports with what the records of this project say.

    \b
    Example:
      genimg score --json > scorecard.json
    """
    import json
    from dataclasses import asdict

    from genimg import console as show
    from genimg import notebooks, records

    book = notebooks.find_root() / "book"
    rows = records.scorecard(records.load_claims(book / "claims.json"), records.load_all(folder or book / "records"))
    if as_json:
        plain = [{**row, "record": row["record"] and asdict(row["record"])} for row in rows]
        click.echo(json.dumps(plain, indent=1, ensure_ascii=False))
        return
    columns = ("claim", "reported", "ours", "unit", "seeds", "device", "deviations")
    show.table(_console(), columns, [show.score_row(row) for row in rows], right=("reported", "ours"))


@main.command()
@click.argument("experiment", required=False)
@click.option(
    "--profile",
    type=click.Choice(["quick", "cpu", "full"]),
    default="quick",
    show_default=True,
    help="quick tests the machinery in seconds, cpu takes two cores an hour or so, full wants a GPU.",
)
@device_option
@click.option("--seed", "seeds", type=int, multiple=True, help="Seed; repeat it for several runs.  [default: 0]")
@click.option("--out", type=folder_type, help="Folder for checkpoints and weights.  [default: build/train]")
@click.option("--records", type=folder_type, help="Folder for records.  [default: book/records; quick: OUT/records]")
@click.option("--resume", is_flag=True, help="Go on from the checkpoints in OUT.")
@debug_option
def train(
    experiment: str | None,
    profile: str,
    device: str,
    seeds: tuple[int, ...],
    out: Path | None,
    records: Path | None,
    resume: bool,
) -> None:
    """Run an experiment of the book and write its records; without a name, list the experiments.

    \b
    Example:
      genimg train
      genimg train digits --profile full --device cuda --seed 0 --seed 1 --seed 2 --resume
    """
    from genimg import checks, devices, notebooks
    from genimg import console as show
    from genimg.experiments import EXPERIMENTS

    console = _console()
    if experiment is None:
        show.table(console, ("experiment", "what it measures"), [(e.name, e.help) for e in EXPERIMENTS.values()])
        return
    checks.choice(experiment, "experiment", EXPERIMENTS)
    root = notebooks.find_root()
    out = (out or root / "build" / "train").resolve()
    # A smoke test must not replace what hours of training measured.
    records = (records or (out if profile == "quick" else root / "book") / "records").resolve()
    with show.steps(_console(stderr=True)) as progress:
        made = EXPERIMENTS[experiment].run(profile, list(seeds or (0,)), devices.pick(device), out, resume, progress)
    for name, record in made.items():
        record.save(records / f"{name}.json")
    rows = [(name, show.value({"record": r}), r.unit, ", ".join(map(str, r.seeds))) for name, r in made.items()]
    show.table(console, ("record", "value", "unit", "seeds"), rows, right=("value",))
    console.print(f"records: {_shown(records)}", markup=False)


@main.group(invoke_without_command=True)
@debug_option
@click.pass_context
def zoo(ctx: click.Context) -> None:
    """Trained networks that ship with the package.

    \b
    Example:
      genimg zoo list
    """
    _help_without_command(ctx)


@zoo.command("list")
@debug_option
def zoo_list() -> None:
    """Name, architecture, training data and size of each.

    \b
    Example:
      genimg zoo list
    """
    from genimg import console as show
    from genimg import zoo as weights

    rows = weights.describe()
    show.table(_console(), list(rows[0]) if rows else ["name"], [list(row.values()) for row in rows])


@zoo.command("verify")
@debug_option
def zoo_verify() -> None:
    """Compare the files with the hashes in the manifest; exit code 1 if one differs.

    \b
    Example:
      genimg zoo verify
    """
    from genimg import console as show
    from genimg import zoo as weights

    rows = weights.verify()
    show.table(_console(), ("name", "status", "detail"), [(n, "ok" if ok else "wrong", what) for n, ok, what in rows])
    wrong = [name for name, ok, _ in rows if not ok]
    if wrong:
        raise click.ClickException(f"weights {', '.join(wrong)}: not what the manifest says; reinstall genimg")


@main.group(invoke_without_command=True)
@debug_option
@click.pass_context
def data(ctx: click.Context) -> None:
    """Pictures: what is on this machine, downloads, and packs for machines without internet.

    \b
    Example:
      genimg data list
    """
    _help_without_command(ctx)


@data.command("list")
@debug_option
def data_list() -> None:
    """Every data set, what it is, and the place on this machine that has it.

    \b
    Example:
      GENIMG_DATA=~/data genimg data list
    """
    from genimg import console as show
    from genimg import data as pictures

    rows = [(row.name, row.what, row.sizes, row.licence, row.where) for row in pictures.describe()]
    show.table(_console(), ("name", "what", "sizes", "licence", "where"), rows)


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
    click.echo(f"{_shown(made.path.resolve())}: {counts}; sha256 {made.sha256[:12]}")
