"""`genimg class`: notebooks for a class, and the grades of what it hands in."""

from __future__ import annotations

from pathlib import Path

import click

from genimg.cli.base import console, debug_option, folder_type, help_without_command, shown

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
    from genimg import classroom as rooms
    from genimg import notebooks

    root = notebooks.find_root()
    paths = notebooks.chapters(root, chapters)
    for path in rooms.write(root, paths, out, rooms.student):
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
    from genimg import classroom as rooms
    from genimg import notebooks, pages

    root = notebooks.find_root()
    executed = pages.default_executed(root)
    paths = notebooks.chapters(root, chapters)
    for path in rooms.write(root, paths, out, lambda path: rooms.instructor(path, executed)):
        click.echo(shown(path))


@classroom.command("grade")
@click.argument("folder", type=click.Path(file_okay=False, exists=True, path_type=Path), metavar="DIR")
@click.option("--csv", "table", type=click.Path(dir_okay=False, path_type=Path), help="[default: DIR/grades.csv]")
@click.option("--seconds", type=click.IntRange(1), default=60, show_default=True, help="Wall time for an answer.")
@click.option("--memory", type=click.IntRange(64), default=2048, show_default=True, help="MB for a submission.")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Submissions at once.")
@debug_option
def grade(folder: Path, table: Path | None, seconds: int, memory: int, jobs: int) -> None:
    """Grade the notebooks in DIR: one per student, or a folder per student.

    A chapter's own cells run once; then each submission runs without network, against the clock, in a process of its
    own. Whatever it does, the others are graded.

    \b
    Example:
      genimg class grade submissions --jobs 2
    """
    from collections import Counter

    from genimg import classroom as rooms
    from genimg import console as show
    from genimg import notebooks

    root, table = notebooks.find_root(), table or folder / "grades.csv"
    with show.steps(console(stderr=True)) as progress:
        grades = rooms.grade(root, folder, seconds=seconds, megabytes=memory, jobs=jobs, progress=progress)
    rooms.write_csv(grades, table)
    counts = Counter(row.result for row in grades)
    students = len({row.student for row in grades})
    click.echo(f"{students} students: " + ", ".join(f"{count} {result}" for result, count in counts.most_common()))
    click.echo(shown(table))
