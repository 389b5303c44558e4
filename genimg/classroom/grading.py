"""A folder of submissions, graded: one row per student and exercise.

Book: teaching.
"""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from genimg import disk, execution, notebooks
from genimg.checks import UsageError
from genimg.classroom.exercises import Exercise, find
from genimg.classroom.handouts import student as handout
from genimg.classroom.submissions import Task, chapter_of, files, tasks
from genimg.data import cache
from genimg.notebooks import tags

COLUMNS = ("student", "chapter", "exercise", "level", "points", "result", "seconds", "hint")
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Grade:
    """What became of one answer.

    Attributes:
        student: the name of a folder or a file.
        chapter: such as `04_wgan`.
        exercise: its label.
        level: 1 to 3.
        result: `right`, `not yet`, `crashed`, `timed out` or `missing`.
        seconds: that the answer and its check took.
        hint: what the check says, or what went wrong.
    """

    student: str
    chapter: str
    exercise: str
    level: int
    result: str
    seconds: float = 0.0
    hint: str = ""


def grade(
    root: Path,
    folder: Path,
    *,
    seconds: int = 60,
    megabytes: int = 2048,
    jobs: int = 1,
    progress: Progress = lambda what, done, total: None,
) -> list[Grade]:
    """Grades what students handed in, chapter by chapter.

    Every student gets a row for every exercise with a check of each chapter that anybody handed in.

    Args:
        root: the project folder, whose chapters and checks are the measure.
        folder: a notebook per student, or a folder of notebooks per student.
        seconds: of wall time for an answer and its check.
        megabytes: of memory for a submission, beyond what the chapter itself takes.
        jobs: how many submissions at once.
        progress: called with (what, done, total).

    Returns:
        Sorted by student, then in the order of the book.

    Raises:
        UsageError: if there is no notebook in `folder`, one's chapter is unknown, or a chapter's own cells fail.
    """
    if not hasattr(os, "fork"):
        raise UsageError("grading needs Linux or macOS; on Windows use WSL")
    chapters = {path.stem: path for path in notebooks.chapters(root)}
    handed_in = {name: _by_chapter(paths, list(chapters)) for name, paths in files(folder).items()}
    grades: list[Grade] = []
    for chapter in (name for name in chapters if any(name in theirs for theirs in handed_in.values())):
        submissions = {name: theirs.get(chapter) for name, theirs in handed_in.items()}
        ours = notebooks.read(chapters[chapter])
        exercises, handed = [e for e in find(ours) if e.check], handout(chapters[chapter])
        order = [e.label for e in exercises]
        limits = {"seconds": seconds, "megabytes": megabytes, "jobs": jobs}
        rows = _chapter(root, chapter, handed, exercises, submissions, limits, progress)
        grades += sorted(rows, key=lambda row: order.index(row.exercise))
    for name, theirs in handed_in.items():
        for path in (theirs[key] for key in theirs if key not in chapters):
            grades.append(Grade(name, "", "", 0, "crashed", hint=f"{path.name}: of no chapter, or not readable"))
    return sorted(grades, key=lambda row: (row.student, row.chapter))


def _by_chapter(paths: Sequence[Path], chapters: Sequence[str]) -> dict[str, Path]:
    """The newest notebook for each chapter; one of no chapter under its own path."""
    newest = sorted(paths, key=lambda path: path.stat().st_mtime)
    return {chapter_of(path, chapters) or str(path): path for path in newest}


def _chapter(
    root: Path,
    chapter: str,
    handed: NotebookNode,
    exercises: Sequence[Exercise],
    submissions: Mapping[str, Path | None],
    limits: Mapping[str, int],
    progress: Progress,
) -> Iterator[Grade]:
    """The grades of all students in one chapter."""
    sittings = []
    for name, submission in submissions.items():
        try:
            imports, found = tasks(submission, handed, exercises) if submission else ("", {})
        except UsageError as error:
            reason = str(error).removeprefix(f"{submission} is ")
            yield from (Grade(name, chapter, e.label, e.level, "crashed", hint=reason) for e in exercises)
            continue
        answered: list[Task] = [task for task in found.values() if task]
        for e in exercises:
            if not found.get(e.label):
                yield Grade(name, chapter, e.label, e.level, "missing")
        if answered:
            sittings.append({"student": name, "imports": imports, "tasks": answered})
    if not sittings:
        return
    levels = {e.label: e.level for e in exercises}
    cells = _given(handed, exercises)
    count = sum(len(sitting["tasks"]) for sitting in sittings)
    done = 0
    for event in _events({"root": str(root), "cells": cells, "sittings": sittings, **limits}):
        if "failed" in event:
            raise UsageError(f"{chapter}: its own cells do not run, so nothing can be graded: {event['failed']}")
        if "cells" in event:
            progress(f"{chapter}, its cells", event["cells"], len(cells))
            continue
        done += 1
        progress(f"{chapter}, answers", done, count)
        yield Grade(chapter=chapter, level=levels[event["exercise"]], **event)


def _given(handed: NotebookNode, exercises: Sequence[Exercise]) -> list[str]:
    """The code of the handed-out notebook that answers can build on: all up to the last exercise."""
    last = [cell.id for cell in handed.cells].index(exercises[-1].check)
    given = (cell for cell in handed.cells[:last] if cell.cell_type == "code")
    return [cell.source for cell in given if not {"answer", "check", "remove-cell"} & set(tags(cell))]


def _events(job: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What the station says (`genimg.classroom.station`), a process of its own."""
    command = [sys.executable, "-m", "genimg.classroom.station"]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as order, tempfile.TemporaryFile("w+") as complaints:
        json.dump(job, order)
        order.seek(0)
        # A fork cannot use the GPU that its parent has used, nor its threads: whatever is set here, there are none.
        environment = {**os.environ, **execution.ENVIRONMENT, "CUDA_VISIBLE_DEVICES": ""}
        # An answer may load data, as its chapter does, and has another home.
        environment["GENIMG_CACHE"] = str(cache.folder().absolute())
        with subprocess.Popen(
            command, stdin=order, stdout=subprocess.PIPE, stderr=complaints, text=True, env=environment
        ) as process:
            assert process.stdout is not None
            try:
                yield from map(json.loads, process.stdout)
            except BaseException:
                process.kill()  # its forks end with it
                raise
        if process.returncode:
            complaints.seek(0)
            said = (complaints.read().strip().splitlines() or ["no message"])[-1]
            raise UsageError(f"grading stopped: {said}")


def write_csv(grades: Sequence[Grade], path: Path) -> None:
    """A row per student and exercise, and after each student's rows one with the total.

    Text that a spreadsheet would take for a formula gets an apostrophe before it; names of files that are not UTF-8, as
    archives from other systems bring them, are written with escapes.
    """
    file = io.StringIO()
    table = csv.writer(file, lineterminator="\n")
    table.writerow(COLUMNS)
    for name in dict.fromkeys(row.student for row in grades):
        rows = [row for row in grades if row.student == name]
        for row in rows:
            right = int(row.result == "right")
            cells = (row.student, row.chapter, row.exercise, row.level, right, row.result, row.seconds, row.hint)
            table.writerow([_text(cell) if isinstance(cell, str) else cell for cell in cells])
        points = sum(row.result == "right" for row in rows)
        spent = round(sum(row.seconds for row in rows), 2)
        table.writerow([_text(name), "", "total", "", points, f"{points} of {len(rows)}", spent, ""])
    disk.write(path, file.getvalue().encode("utf-8", "backslashreplace"))


def _text(cell: str) -> str:
    r"""`cell`, so that no spreadsheet computes it.

    Example:
        >>> _text("=1+1"), _text("not yet")
        ("'=1+1", 'not yet')
    """
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
