"""What every command of the command line shares: how it fails, `--debug`, options, and how a path is shown.

A mistake of the user is one line on stderr and exit code 1 or 2; `--debug` shows the traceback instead.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from rich.console import Console

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
            problem, line, code = error, told(error), 1
        if self.debug:
            traceback.print_exception(problem)
        if line:
            click.echo(f"genimg: {spelled(' '.join(line.split()))}", err=True)
        sys.exit(code)


def spelled(line: str) -> str:
    r"""A line in which no name of a file can command the terminal.

    Example:
        >>> spelled("a\x1b[2J.png")
        'a\\x1b[2J.png'
    """
    return "".join(c if c.isprintable() or c.isspace() else c.encode("unicode_escape").decode() for c in line)


def told(error: Exception) -> str:
    """A mistake of the user in its own words, advice where a device failed, else the error as it is."""
    errors = sys.modules.get("genimg._base.errors")  # not imported: then it is no UsageError
    if errors and isinstance(error, errors.UsageError):
        return str(error)
    if "torch" in sys.modules:
        from genimg._base import devices

        if advice := devices.advice(error):
            return advice
    return f"{type(error).__name__}: {error}" + ("" if Commands.debug else " (unexpected; --debug shows where)")


def _debug(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        Commands.debug = True


def debug_option(command: Command) -> Command:
    """`--debug`, which every command takes."""
    show = "Show the traceback of an error."
    return click.option("--debug", is_flag=True, expose_value=False, is_eager=True, callback=_debug, help=show)(command)


def console(*, stderr: bool = False, mute: bool = False) -> Console:
    """Where a command writes tables and bars; of several ranks only the first is not mute."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=True, quiet=mute)


def help_without_command(ctx: click.Context) -> None:
    """A group that is called alone explains itself."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def shown(path: Path) -> str:
    """The path as the user would type it."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def account(
    files: Sequence[Path] | Mapping[Path, Path],
    unusable: Sequence[tuple[Path, str]],
    skipped: Sequence[tuple[Path, str]],
    notes: Sequence[tuple[Path, str]],
    verb: str,
    nothing: str,
) -> None:
    """Says at the end what was not done, and why; the exit code is then 1.

    Args:
        unusable: those of them that failed, and why.
        verb: what could not be done to the unusable ones.
        nothing: what was done to no file at all, or nothing.

    Raises:
        Failed, click.ClickException: if a file or a folder was unusable.
    """
    from genimg import data

    for line in [*data.told(notes), *data.told(skipped)]:
        click.echo(f"genimg: {line}", err=True)
    if unusable:
        click.echo(f"genimg: {len(unusable)} of {len(files)} files could not be {verb}:", err=True)
        for path, reason in unusable:
            click.echo(f"  {data.printable(path)}: {reason}", err=True)
    if nothing:
        raise click.ClickException(f"nothing was {nothing}" if nothing != "scored" else "nothing could be scored")
    if unusable or any(reason.startswith(data.UNREADABLE) for _, reason in skipped):
        raise Failed("")


profile_option = click.option(
    "--profile", type=click.Choice(["quick", "full"]), default="quick", show_default=True, help="How much to compute."
)
folder_type = click.Path(file_okay=False, path_type=Path)
existing_folder = click.Path(file_okay=False, exists=True, path_type=Path)
device_option = click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True, help="Where to compute."
)
