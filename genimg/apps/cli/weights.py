"""`genimg zoo`: trained networks that ship with the package."""

from __future__ import annotations

import click

from genimg.apps.cli.base import console, debug_option, help_without_command


@click.group(invoke_without_command=True)
@debug_option
@click.pass_context
def zoo(ctx: click.Context) -> None:
    """Trained networks that ship with the package.

    \b
    Example:
      genimg zoo list
    """
    help_without_command(ctx)


@zoo.command("list")
@debug_option
def zoo_list() -> None:
    """Name, the command that uses it, architecture, training data and size of each.

    \b
    Example:
      genimg zoo list
    """
    from genimg import zoo as weights
    from genimg.apps import console as show

    rows = weights.describe()
    show.table(console(), list(rows[0]) if rows else ["name"], [list(row.values()) for row in rows])


@zoo.command("verify")
@debug_option
def zoo_verify() -> None:
    """Compare the files with the hashes in the manifest; exit code 1 if one differs.

    \b
    Example:
      genimg zoo verify
    """
    from genimg import zoo as weights
    from genimg.apps import console as show

    rows = weights.verify()
    show.table(console(), ("name", "status", "detail"), [(n, "ok" if ok else "wrong", what) for n, ok, what in rows])
    wrong = [name for name, ok, _ in rows if not ok]
    if wrong:
        raise click.ClickException(f"weights {', '.join(wrong)}: not what the manifest says; reinstall genimg")
