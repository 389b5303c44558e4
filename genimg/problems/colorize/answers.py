"""What people said in the perceptual test of the talk: rows, and the CSV files in which a class hands them in."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from genimg._base import disk
from genimg._base.errors import UsageError

_MOST = 20
"""Problems that one message lists."""


class Answer(NamedTuple):
    """What one observer said about one picture; `image` names the scene, whichever method coloured it."""

    image: str
    method: str
    natural: bool
    seconds: float
    observer: str


def write_answers(path: str | Path, answers: Iterable[Answer]) -> None:
    """Writes a CSV with a header, "yes" or "no" under `natural`; the file is there when it is complete.

    Raises:
        UsageError: for no answers, or a path that cannot be written.
    """
    path, rows = Path(path), list(answers)
    if not rows:
        raise UsageError(f"there are no answers to write to {path}")
    try:
        with disk.replacing(path) as part, part.open("x", encoding="utf-8", newline="") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(Answer._fields)
            for row in rows:
                natural = "yes" if row.natural else "no"
                table.writerow([row.image, row.method, natural, f"{row.seconds:.2f}", row.observer])
    except OSError as error:
        raise UsageError(f"cannot write {path} ({error.strerror or error})") from error


def read_answers(paths: str | Path | Iterable[str | Path]) -> list[Answer]:
    """The answers of a class from its CSV files, in the order given.

    An observer who left the name empty is called after the file, without its ending.

    Raises:
        UsageError: one line for each file that cannot be read, each row that is no answer, and each answer of one
            observer on one picture that was there before.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "ann.csv"
        >>> write_answers(path, [Answer("dog", "real", True, 2.5, "")])
        >>> read_answers(path)
        [Answer(image='dog', method='real', natural=True, seconds=2.5, observer='ann')]
    """
    files = [Path(path) for path in ([paths] if isinstance(paths, (str, Path)) else paths)]
    if not files:
        raise UsageError("there are no files with answers")
    problems: list[str] = []
    seen: dict[tuple[str, str, str], str] = {}
    answers = []
    for path in files:
        for where, answer in _rows(path):
            if isinstance(answer, str):
                problems.append(f"{where}: {answer}")
                continue
            before = seen.setdefault((answer.observer, answer.method, answer.image), where)
            if before is not where:
                picture = f"{answer.image!r} by {answer.method!r}"
                problems.append(f"{where}: {answer.observer!r} has judged {picture} before ({before})")
                continue
            answers.append(answer)
    if problems:
        rest = [f"and {len(problems) - _MOST} more"] if len(problems) > _MOST else []
        count = f"{len(problems)} problem{'s' * (len(problems) > 1)}"
        raise UsageError("\n  ".join([f"{count} in the answers:", *problems[:_MOST], *rest]))
    return answers


def _rows(path: Path) -> Iterator[tuple[str, Answer | str]]:
    """Where something stands, and the answer or what is wrong with it."""
    found = 0
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.reader(file, strict=True)
            header = next(table, [])
            if tuple(header) != Answer._fields:
                yield str(path), f"the first line must be {','.join(Answer._fields)}"
                return
            for cells in table:
                if cells:
                    found += 1
                    yield f"{path}, line {table.line_num}", _answer(cells, path)
    except OSError as error:
        yield str(path), f"cannot be read ({error.strerror or error})"
    except (UnicodeDecodeError, csv.Error) as error:
        yield str(path), f"is no CSV in UTF-8 ({error})"
    else:
        if not found:
            yield str(path), "holds no answers"


def _answer(cells: list[str], path: Path) -> Answer | str:
    if len(cells) != len(Answer._fields):
        return f"{len(Answer._fields)} cells are needed, got {len(cells)}"
    image, method, natural, time, observer = (cell.strip() for cell in cells)
    if not image or not method:
        return "image and method must not be empty"
    if natural not in ("yes", "no"):
        return f"natural must be yes or no, got {natural!r}"
    try:
        seconds = float(time)
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds >= 0):
        return f"seconds must be a number of at least 0, got {time!r}"
    return Answer(image, method, natural == "yes", seconds, observer or path.stem)
