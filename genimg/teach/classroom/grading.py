"""A folder of submissions, graded: one row per student and exercise, each written when it is known.

Every fault belongs to one submission. What goes wrong while it is read, run or judged is its own row; the others
neither wait for it longer than the clock allows nor lose anything by it.
"""

from __future__ import annotations

import csv
import io
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from genimg._base import disk
from genimg._base.errors import UsageError
from genimg.press import notebooks
from genimg.press.notebooks import tags
from genimg.teach.classroom import boundary, judging
from genimg.teach.classroom.exercises import Exercise, find
from genimg.teach.classroom.handouts import student as handout
from genimg.teach.classroom.posts import ChapterFails, Dead, Station
from genimg.teach.classroom.submissions import Sheet, Task, by_chapter, sheets, shown, tasks

COLUMNS = ("student", "chapter", "exercise", "level", "points", "result", "seconds", "hint")
NOT_GRADED = "not graded"
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Grade:
    """What became of one answer."""

    student: str  # the name of a folder or a file
    chapter: str  # such as `04_wgan`
    exercise: str  # its label
    level: int  # 1 to 3
    result: str  # `right`, `not yet`, `crashed`, `timed out` or `missing`; `not graded` where the chapter itself fails
    seconds: float = 0.0  # that the answer and its check took
    hint: str = ""  # what the check says, or what went wrong, in one line


@dataclass
class _Chapter:
    """What is needed to grade one."""

    name: str
    handed: NotebookNode
    exercises: Sequence[Exercise]
    cells: list[str]
    own: dict[str, list[str]]  # by label: names in the check cell that are the chapter's
    fails: str = ""


@dataclass
class _Sitting:
    """One submission to one chapter while it is graded.

    `graded` is result, hint and seconds by place in `tasks`; the cells of places in `fatal` ended a fork, and are not
    run again; -1 are the imports.
    """

    student: str
    imports: list[str]
    tasks: list[Task]
    graded: dict[int, tuple[str, str, float]] = field(default_factory=dict)
    fatal: set[int] = field(default_factory=set)


def grade(
    root: Path,
    folder: Path,
    *,
    seconds: int = 60,
    megabytes: int = 2048,
    jobs: int = 1,
    trust: bool = False,
    progress: Progress = lambda what, done, total: None,
    known: Callable[[Grade], None] = lambda row: None,
    note: Callable[[str], None] = lambda line: None,
    ours: Sequence[Path] = (),
) -> list[Grade]:
    """Grades what students handed in, chapter by chapter.

    Every student gets a row for every exercise with a check of each chapter that anybody handed in.

    Args:
        folder: a notebook, a zip archive or a folder of notebooks per student.
        seconds: of wall time for an answer and its check.
        megabytes: of memory for a submission, beyond what the chapter itself takes.
        jobs: how many submissions at once, each in a station of its own.
        trust: run them with the caller's rights where the machine has no boundary (`genimg.teach.classroom.boundary`).
        note: called with a line on each file that is left out.
        ours: files in `folder` that are no submissions.

    Returns:
        Sorted by student, then in the order of the book.

    Raises:
        UsageError: if there is no notebook in `folder`, or neither a boundary nor trust.
    """
    if not hasattr(os, "fork"):
        raise UsageError("grading needs Linux or macOS; on Windows use WSL")
    found, skipped = sheets(folder, ours)
    if (lacking := boundary.missing()) and not trust:
        raise UsageError(
            f"students' code would run with your rights on your files: {lacking}; with --trust it does so all the same"
        )
    for line in skipped:
        note(line)
    paths = {path.stem: path for path in notebooks.chapters(root)}
    handed_in: dict[str, dict[str, Sheet]] = {}
    for name, notebooks_of in found.items():
        handed_in[name], passed = by_chapter(notebooks_of, list(paths))
        for line in passed:
            note(f"{shown(name)}: {line}")
    rows: list[Grade] = []
    lock = threading.Lock()

    def tell(row: Grade) -> None:
        with lock:
            rows.append(row)
            known(row)

    order: dict[str, int] = {}
    for stem, path in paths.items():
        if not any(stem in theirs for theirs in handed_in.values()):
            continue
        chapter = _prepared(path)
        order |= {e.label: len(order) + k for k, e in enumerate(chapter.exercises)}
        submitted = {name: theirs.get(stem) for name, theirs in handed_in.items()}
        limits = {"seconds": seconds, "megabytes": megabytes, "jobs": jobs}
        walls = {"wall": not lacking, "hidden": [root.resolve(), folder.resolve()]}
        _grade_chapter(root, chapter, submitted, limits, walls, progress, tell)
    for name, theirs in handed_in.items():
        for stem, sheet in theirs.items():
            if stem not in paths:
                what = sheet.problem or "of no chapter: neither what it says nor its name is one"
                tell(Grade(name, "", "", 0, "crashed", hint=shown(f"{sheet.name}: {what}")))
    return sorted(rows, key=lambda row: (row.student, row.chapter, order.get(row.exercise, -1)))


def _prepared(path: Path) -> _Chapter:
    """A chapter, read once for all who handed it in."""
    whole, handed = notebooks.read(path), handout(path)
    exercises = [e for e in find(whole) if e.check]
    sources = {cell.id: cell.source for cell in whole.cells}
    answers = [sources[name] for e in find(whole) for name in e.answers]
    own = {e.label: judging.chapters_names(sources[str(e.check)], answers) for e in exercises}
    return _Chapter(path.stem, handed, exercises, _given(handed, exercises), own)


def _given(handed: NotebookNode, exercises: Sequence[Exercise]) -> list[str]:
    """The code of the handed-out notebook that answers can build on: all up to the last exercise."""
    if not exercises:
        return []
    last = [cell.id for cell in handed.cells].index(exercises[-1].check)
    given = (cell for cell in handed.cells[:last] if cell.cell_type == "code")
    return [cell.source for cell in given if not {"answer", "check", "remove-cell"} & set(tags(cell))]


def _grade_chapter(
    root: Path,
    chapter: _Chapter,
    submitted: Mapping[str, Sheet | None],
    limits: Mapping[str, int],
    walls: Mapping[str, Any],
    progress: Progress,
    tell: Callable[[Grade], None],
) -> None:
    """All students in one chapter: a queue of sittings, and a station for each of those who work at it."""
    levels = {e.label: e.level for e in chapter.exercises}
    waiting: queue.SimpleQueue[_Sitting] = queue.SimpleQueue()
    count = 0
    for name, sheet in submitted.items():
        imports: list[str] = []
        found: dict[str, Task | None] = {}
        problem = sheet.problem if sheet else ""
        if sheet and not problem:
            try:
                imports, found = tasks(sheet, chapter.handed, chapter.exercises)
            except Exception as error:  # whatever it is, it is this notebook's fault
                problem = f"not a readable notebook: {type(error).__name__}"
        for label, level in levels.items():
            if problem:
                tell(Grade(name, chapter.name, label, level, "crashed", hint=shown(problem)))
            elif not found.get(label):
                tell(Grade(name, chapter.name, label, level, "missing"))
        answered = [task for task in found.values() if task]
        if answered and not problem:
            waiting.put(_Sitting(name, imports, answered))
            count += len(answered)
    if not count:
        return
    done, lock = [0], threading.Lock()
    broken: list[BaseException] = []

    def ran(cells: int) -> None:
        progress(f"{chapter.name}, its cells", cells, len(chapter.cells))

    def work(first: bool) -> None:
        try:
            with Station(root, chapter.cells, ran=ran if first else lambda cells: None, **walls) as station:
                while True:
                    try:
                        sitting = waiting.get_nowait()
                    except queue.Empty:
                        return
                    for label, (result, hint, spent) in _sit(station, chapter, sitting, limits):
                        tell(Grade(sitting.student, chapter.name, label, levels[label], result, spent, shown(hint)))
                        with lock:
                            done[0] += 1
                            progress(f"{chapter.name}, answers", done[0], count)
        except BaseException as error:
            broken.append(error)

    workers = [threading.Thread(target=work, args=(k == 0,), daemon=True) for k in range(min(limits["jobs"], count))]
    for worker in workers:
        worker.start()
    for worker in workers:
        while worker.is_alive():
            worker.join(0.5)  # in pieces, so that Ctrl-C is heard
    if broken:
        raise broken[0]


def _sit(
    station: Station, chapter: _Chapter, sitting: _Sitting, limits: Mapping[str, int]
) -> Iterator[tuple[str, tuple[str, str, float]]]:
    """Label and grade of each answer of one submission."""
    what = (NOT_GRADED, "", 0.0)
    try:
        while len(sitting.graded) < len(sitting.tasks):
            if chapter.fails:
                raise ChapterFails(chapter.fails)
            _run(station, chapter, sitting, limits)
    except ChapterFails as error:
        chapter.fails = str(error)
        what = (NOT_GRADED, f"the chapter's own cells do not run: {error}", 0.0)
    except Exception as error:  # of ours, perhaps; but it costs this submission only
        what = ("crashed", f"could not be graded: {type(error).__name__}: {error}", 0.0)
        station.stop()
    for place, task in enumerate(sitting.tasks):
        yield task.label, sitting.graded.get(place, what)


def _run(station: Station, chapter: _Chapter, sitting: _Sitting, limits: Mapping[str, int]) -> None:
    """One fork: the tasks in their order, up to the one that ends it."""
    seconds, megabytes = limits["seconds"], limits["megabytes"]
    station.start()
    at, start = -1, time.monotonic()
    fork = None
    try:
        values = station.values(sorted({name for names in chapter.own.values() for name in names}))
        fork = station.fork(megabytes=megabytes, seconds=seconds * (len(sitting.tasks) + 2))
        answer = judging.Answer(fork.answers, seconds)
        if -1 not in sitting.fatal and sitting.imports:
            answer.wind()
            for statement in sitting.imports:  # one that fails does not keep the others from running
                answer.run([statement])
        for at, task in enumerate(sitting.tasks):
            if at in sitting.fatal:
                continue
            start = time.monotonic()
            answer.wind()
            error = answer.run(task.cells)
            if at in sitting.graded:
                continue
            own = {name: values[name] for name in chapter.own[task.label] if name in values}
            result, hint = judging.verdict(answer, task.check, own)
            if error is not None and result != judging.RIGHT:
                result, hint = judging.failed(*error, megabytes)
            sitting.graded[at] = (result, hint, round(time.monotonic() - start, 2))
        fork.end()
    except judging.Ended as ended:
        assert fork is not None
        code = fork.end(patience=0.0 if ended.late or ended.nonsense else 2.0)
        _blame(sitting, at, _what(ended, code, seconds))
    except Dead as dead:
        if fork:
            with suppress(Dead):
                fork.end()
        station.stop()
        _blame(sitting, at, (judging.CRASHED, str(dead), 0.0))


def _what(ended: judging.Ended, code: int | None, seconds: int) -> tuple[str, str, float]:
    import signal

    if ended.late or code == -signal.SIGXCPU:
        return judging.TIMED_OUT, f"still running after {seconds} s", float(seconds)
    if ended.nonsense:
        return judging.CRASHED, "the answer's process said nonsense", 0.0
    if code is not None and code < 0:
        return judging.CRASHED, f"the process was ended by {signal.Signals(-code).name}", 0.0
    return judging.CRASHED, "the process ended itself", 0.0


def _blame(sitting: _Sitting, at: int, what: tuple[str, str, float]) -> None:
    """The exercise that the fork was at is graded, and not run again."""
    # A fork that ended before its first answer, twice, will do so again: then all are graded.
    hopeless = at in sitting.fatal
    sitting.fatal.add(at)
    for place in range(len(sitting.tasks)):
        if hopeless or place == at:
            sitting.graded.setdefault(place, what)


class Table:
    """Grades as CSV: a row as soon as it is known, beside the table; at the end the table, sorted, with totals.

    Attributes:
        beside: where rows stand until the table is complete, `<name>.partial.csv`.
        problem: why rows could not be written, or nothing.
    """

    def __init__(self, path: Path, file: io.TextIOBase) -> None:
        self.path, self.file = path, file
        self.beside = _partial(path)
        self.problem = ""
        self.rows = csv.writer(file, lineterminator="\n")
        self._write([*COLUMNS])

    def add(self, row: Grade) -> None:
        """Writes a row, and sees to it that it is on the disk."""
        self._write(_cells(row))

    def _write(self, cells: list[Any]) -> None:
        try:
            self.rows.writerow(cells)
            self.file.flush()
            os.fsync(self.file.fileno())
        except OSError as error:  # a full disk: grading goes on, and the table may find room at the end
            self.problem = error.strerror or str(error)


@contextmanager
def table(path: Path) -> Iterator[Table]:
    """The table's place, tried before anything is graded.

    Raises:
        UsageError: if it cannot be written.
    """
    if path.is_dir() or (path.exists() and not path.is_file()):
        raise UsageError(f"{path} is no file, so grades cannot go there; name another with --csv")
    beside = _partial(path)
    if beside.is_dir():
        raise UsageError(f"{beside} is in the way of the grades; name another table with --csv")
    with disk.told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(beside, "w", encoding="utf-8-sig", errors="backslashreplace", newline="")  # noqa: SIM115
    try:
        yield Table(path, file)
    finally:
        with suppress(OSError):
            file.close()


def _partial(path: Path) -> Path:
    return path.with_name(f"{path.stem}.partial.csv")


def write_csv(grades: Sequence[Grade], path: Path) -> None:
    """A row per student and exercise, and after each student's rows one with the total.

    The file begins with a byte-order mark, by which spreadsheets know UTF-8. Text that one would take for a formula
    gets an apostrophe before it; names of files that are not UTF-8, as archives from other systems bring them, and
    control characters are written with escapes.
    """
    disk.write(path, text(grades).encode("utf-8-sig", "backslashreplace"))
    with suppress(OSError):
        _partial(path).unlink(missing_ok=True)


def text(grades: Sequence[Grade]) -> str:
    """The table as text."""
    file = io.StringIO()
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(COLUMNS)
    for name in dict.fromkeys(row.student for row in grades):
        theirs = [row for row in grades if row.student == name]
        rows.writerows(_cells(row) for row in theirs)
        points = sum(row.result == "right" for row in theirs)
        asked = sum(bool(row.exercise) for row in theirs)  # a file that is no chapter's asks nothing
        spent = round(sum(row.seconds for row in theirs), 2)
        rows.writerow([_text(name), "", "total", "", points, f"{points} of {asked}", spent, ""])
    return file.getvalue()


def _cells(row: Grade) -> list[Any]:
    right = int(row.result == "right")
    cells = (row.student, row.chapter, row.exercise, row.level, right, row.result, row.seconds, row.hint)
    return [_text(cell) if isinstance(cell, str) else cell for cell in cells]


def _text(cell: str) -> str:
    r"""`cell`, so that no spreadsheet computes it and no terminal obeys it.

    Example:
        >>> _text("=1+1"), _text("not yet"), _text("a\x07")
        ("'=1+1", 'not yet', 'a\\x07')
    """
    plain = shown(cell)
    return f"'{plain}" if plain.lstrip().startswith(("=", "+", "-", "@")) else plain
