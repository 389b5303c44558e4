"""What somebody handed in: which cells of a notebook are answers, to which exercise, and which are of their own.

Book: teaching.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from nbformat import NotebookNode

from genimg import notebooks
from genimg.checks import UsageError
from genimg.classroom.exercises import Exercise


class Task(NamedTuple):
    """One answer to one exercise.

    Attributes:
        label: of the exercise.
        cells: what to run before the check, in order: the answer, and cells that the student added.
        check: the check cell, ours.
    """

    label: str
    cells: list[str]
    check: str


def files(folder: Path) -> dict[str, list[Path]]:
    """The notebooks of each student: a folder per student, or a notebook per student.

    Raises:
        UsageError: if there is none.
    """
    found = {path.stem: [path] for path in folder.glob("*.ipynb")}
    for sub in sorted(folder.iterdir()):
        if sub.is_dir() and not sub.name.startswith("."):
            inside = (path for path in sub.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)
            found[sub.name] = [*found.get(sub.name, ()), *sorted(inside)]
    if not any(found.values()):
        raise UsageError(f"{folder} holds no notebook: one per student, or a folder of notebooks per student")
    return dict(sorted(found.items()))


def chapter_of(path: Path, chapters: Sequence[str]) -> str | None:
    """The chapter that a submission answers, by what the notebook says, else by its file name."""
    try:
        told = notebooks.read(path).metadata.get("genimg", {}).get("chapter")
    except (UsageError, AttributeError):
        told = None
    if told in chapters:
        return str(told)
    return next((chapter for chapter in chapters if chapter in path.stem), None)


def tasks(path: Path, handed: NotebookNode, exercises: Sequence[Exercise]) -> tuple[str, dict[str, Task | None]]:
    """What a submission answers.

    A cell is ours if it has the id of a handed-out cell or, where an editor dropped the ids, its text. Of our cells
    only the answers are taken from the submission; what the student added comes before the answer that follows it.
    Whoever adds an `import` to one of our cells finds it in the first part of the result.

    Args:
        path: the submitted notebook.
        handed: the chapter as it was handed out.
        exercises: those with a check.

    Returns:
        imports added to other cells, a statement per line; and a task for each exercise, None for one left as it was.

    Raises:
        UsageError: if the file is not a notebook.
    """
    nb = notebooks.read(path)
    ours = {cell.id: cell for cell in handed.cells}
    matched = _matched(path, nb, ours)
    answers = {name for exercise in exercises for name in exercise.answers}
    ends = {place: e for e in exercises if (place := _end(matched, e)) is not None}
    imports: list[str] = []
    found: dict[str, Task | None] = {e.label: None for e in exercises}
    cells: list[str] = []
    for place, (cell, name) in enumerate(zip(nb.cells, matched, strict=True)):
        if cell.cell_type == "code" and (name is None or name in answers):
            untouched = name is not None and cell.source.strip() == ours[name].source.strip()
            if cell.source.strip() and not untouched:
                cells.append(cell.source)
        elif cell.cell_type == "code" and name is not None and cell.source != ours[name].source:
            imports += _imports(cell.source)
        if place in ends and cells:
            exercise = ends[place]
            assert exercise.check is not None
            found[exercise.label] = Task(exercise.label, cells, ours[exercise.check].source)
            cells = []
    return "\n".join(imports), found


def _matched(path: Path, nb: NotebookNode, ours: dict[str, NotebookNode]) -> list[str | None]:
    """For each cell of a submission the id of our cell that it was, or None."""
    raw = json.loads(path.read_text(encoding="utf-8"))["cells"]  # `read` has filled in ids where the file has none
    names: list[str | None] = []
    for cell, written in zip(nb.cells, raw, strict=True):
        name = written.get("id") or written.get("metadata", {}).get("id")
        same = name in ours and name not in names and ours[name].cell_type == cell.cell_type
        names.append(name if same else None)
    texts = {(cell.cell_type, cell.source.strip()): name for name, cell in ours.items() if name not in names}
    for place, cell in enumerate(nb.cells):
        if names[place] is None:
            names[place] = texts.pop((cell.cell_type, cell.source.strip()), None)
    return names


def _end(matched: Sequence[str | None], exercise: Exercise) -> int | None:
    """Where in the submission the answer is complete: at the check, or at the answer if the check was removed."""
    places = [matched.index(name) for name in (*exercise.answers, exercise.check) if name in matched]
    return max(places, default=None)


def _imports(source: str) -> list[str]:
    """The import statements at the top level of a cell."""
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return []
    return [ast.unparse(node) for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
