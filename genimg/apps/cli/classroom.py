"""`genimg class`: notebooks for a class, and the grades of what it hands in."""

from __future__ import annotations

from pathlib import Path

import click

from genimg.apps.cli.base import console, debug_option, existing_folder, folder_type, help_without_command, shown

chapters_argument = click.argument("chapters", nargs=-1, metavar="[CHAPTER]...")
out_option = click.option("--out", type=folder_type, required=True, help="Folder to fill.")


@click.group("class", invoke_without_command=True)
@debug_option
@click.pass_context
def classroom(ctx: click.Context) -> None:
    """Notebooks for a class: handed out, taught from, handed in and graded.

    \b
    Example:
      genimg class student --out handout
    """
    help_without_command(ctx)


@classroom.command("student")
@chapters_argument
@out_option
@debug_option
def student(chapters: tuple[str, ...], out: Path) -> None:
    """Write notebooks without solutions, with their checks; of all chapters or of those named.

    \b
    Example:
      genimg class student 01 03 --out handout
    """
    from genimg.press import notebooks
    from genimg.teach.classroom import handouts

    root = notebooks.find_root()
    paths = notebooks.chapters(root, chapters)
    for path in handouts.write(root, paths, out, handouts.student):
        click.echo(shown(path))


@classroom.command("instructor")
@chapters_argument
@out_option
@debug_option
def instructor(chapters: tuple[str, ...], out: Path) -> None:
    """Write notebooks with solutions, notes on the exercises and the time that the chapter took here.

    \b
    Example:
      genimg run && genimg class instructor --out teach
    """
    from genimg.press import notebooks, pages
    from genimg.teach.classroom import handouts

    root = notebooks.find_root()
    executed = pages.default_executed(root)
    paths = notebooks.chapters(root, chapters)
    for path in handouts.write(root, paths, out, lambda path: handouts.instructor(path, executed)):
        click.echo(shown(path))


@classroom.command("grade")
@click.argument("folder", type=existing_folder, metavar="DIR")
@click.option("--csv", "target", type=click.Path(path_type=Path), help="[default: DIR/grades.csv]")
@click.option("--seconds", type=click.IntRange(1), default=60, show_default=True, help="Wall time for an answer.")
@click.option(
    "--memory", type=click.IntRange(64), default=2048, show_default=True, help="MB for a process of an answer."
)
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Submissions at once.")
@click.option(
    "--trust", is_flag=True, help="Where there is no bubblewrap: run answers with your own rights all the same."
)
@debug_option
def grade(folder: Path, target: Path | None, seconds: int, memory: int, jobs: int, trust: bool) -> None:
    """Grade the notebooks in DIR, which holds a notebook, a zip archive or a folder for each student.

    A chapter's own cells run once per job; then the answers of each submission run in a process of their own, which
    holds neither checks nor other answers, inside bubblewrap: without network, home and checkout, with small disks.
    Where the machine has no bubblewrap, or does not permit it, nothing is graded unless you say --trust. Whatever one
    submission does, the others are graded; each row is written when it is known, to <table>.partial.csv, and the
    sorted table with totals takes its place at the end.

    \b
    Example:
      genimg class grade submissions --jobs 2
    """
    from collections import Counter

    from genimg._base.errors import UsageError
    from genimg.apps import console as show
    from genimg.press import notebooks
    from genimg.teach.classroom import grading

    root, target = notebooks.find_root(), target or folder / "grades.csv"
    notes: list[str] = []
    with grading.table(target) as table, show.steps(console(stderr=True)) as progress:
        grades = grading.grade(
            root, folder, seconds=seconds, megabytes=memory, jobs=jobs, trust=trust, progress=progress,
            known=table.add, note=notes.append, ours=[target, table.beside],
        )  # fmt: skip
    for line in notes:
        click.echo(f"not graded: {line}", err=True)
    try:
        grading.write_csv(grades, target)
    except UsageError as error:
        click.echo(grading.text(grades))  # they are known, and must not be lost
        raise click.ClickException(f"{error}; the table stands above") from None
    counts = Counter(row.result if row.exercise else "no notebook of a chapter" for row in grades)
    students = len({row.student for row in grades})
    click.echo(f"{students} students: " + ", ".join(f"{count} {result}" for result, count in counts.most_common()))
    click.echo(shown(target))
    if failing := {row.chapter: row.hint for row in grades if row.result == "not graded"}:
        raise click.ClickException("; ".join(f"{chapter}: {hint}" for chapter, hint in failing.items()))
