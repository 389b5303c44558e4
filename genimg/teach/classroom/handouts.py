"""Notebooks for a class, made from the chapters.

The student's has every text and hint, in plain Markdown, every answer cell, as a stub, and check cell, and nothing of a
solution; nbgrader's `ClearSolutions` cuts what stands between `### BEGIN SOLUTION` and `### END SOLUTION`. The
instructor's has all of the chapter, and a note after each exercise.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from genimg._base.errors import UsageError
from genimg.press import notebooks, provenance
from genimg.press.notebooks import tags
from genimg.press.readers import References, apart, citations, labels, plain
from genimg.teach.classroom.exercises import Exercise, find, judge_of, typical_mistakes

_RULES = """**For students.** Write your answers where a cell says `# YOUR CODE HERE`; remove the line
`raise NotImplementedError()` below it. Run the cell that follows: it says whether the answer is right, and if not, what
to look at. You may add cells. When your notebook is graded, the answers and the cells that you added are run in the
order of the notebook, after all the other cells as they were handed out; the checks are run as they were handed out."""


def student(path: Path) -> NotebookNode:
    """The chapter in that file without solutions and outputs.

    The notebook carries the chapter's name, so that it can be graded under any file name.

    Raises:
        UsageError: if nbgrader is missing, or a solution has a beginning and no end.
    """
    chapter = path.stem
    nb = _without_solutions(notebooks.read(path), chapter, _references(path))
    for cell in notebooks.code_cells(nb):
        cell.outputs, cell.execution_count = [], None
    nb = notebooks.normalise(nb)
    nb.metadata["genimg"] = {"chapter": chapter}
    nb.cells.insert(1, _note("for-students", _RULES))
    return nb


def _references(path: Path) -> References:
    """What a class knows without the pages: the bibliography beside the chapter, and the numbers of the last build."""
    return References(labels.read(path.parents[1] / "build"), citations.read(path.parent / "references.bib"))


def _without_solutions(nb: NotebookNode, chapter: str, references: References) -> NotebookNode:
    clear = _clear_solutions()
    references = references.of(nb)
    inside, kept = False, []
    for cell in nb.cells:
        if cell.cell_type == "markdown":
            source, _, inside = apart(cell.source, inside)
            if not source and cell.source:
                continue
            cell.source = plain(source, references)
        elif inside and not {"answer", "check"} & set(tags(cell)):
            continue
        kept.append(cell)
    if inside:
        raise UsageError(f"{chapter}: a {{solution-start}} has no {{solution-end}}")
    nb.cells = kept
    try:
        nb, _ = clear.preprocess(nb, {})
    except RuntimeError as error:  # nested, or without end
        raise UsageError(f"{chapter}: {error}") from None
    return nb


def _clear_solutions():  # type: ignore[no-untyped-def]  # nbgrader has no types
    try:
        from nbgrader.preprocessors import ClearSolutions
    except ImportError as missing:
        raise UsageError(f"notebooks for a class need {missing.name}: pip install 'genimg-book[class]'") from None
    # The marks alone say what to cut; nbgrader's own metadata would be for its database.
    return ClearSolutions(enforce_metadata=False)


def instructor(path: Path, executed: Path | None = None) -> NotebookNode:
    """The chapter with its solutions and outputs, and notes for who teaches it.

    Args:
        executed: folder of runs on this machine; one of the same text is taken, with its outputs and its time.
    """
    nb, seconds = notebooks.read(path), None
    if executed and (executed / path.name).is_file():
        run = notebooks.read(executed / path.name)
        if notebooks.same_text(run, nb):
            nb, seconds = run, provenance.runs(executed).get(path.stem, {}).get("seconds")
    exercises, cells = find(nb), {cell.id: cell for cell in nb.cells}
    references = _references(path).of(nb)
    for cell in nb.cells:
        if cell.cell_type == "markdown":
            cell.source = plain(cell.source, references)
    notes = {e.text: [_exercise_note(o, cells) for o in exercises if o.text == e.text] for e in exercises}
    took = f"took {seconds:.0f} s when it was last run here" if seconds else "has not been run here: `genimg run`"
    minutes = sum(e.minutes for e in exercises)
    top = f"**For the instructor.** {path.stem} {took}. {len(exercises)} exercises, about {minutes} minutes in all"
    top += "; a note follows each of them. The notebook for students: `genimg class student`."
    nb.cells = [e for cell in nb.cells if cell.source for e in (cell, *notes.get(cell.id, ()))]
    nb.cells.insert(1, _note("for-instructors", top))
    return nb


def _exercise_note(exercise: Exercise, cells: dict[str, NotebookNode]) -> NotebookNode:
    level = f"level {exercise.level}, about {exercise.minutes} minutes" if exercise.level else "without a level"
    lines = [f"**For the instructor.** {exercise.title}: {level}"]
    name = judge_of(cells[exercise.check].source) if exercise.check else None
    if name is None:
        lines[0] += "; without a check, to be read by a person."
    else:
        lines[0] += f"; checked by `gi.check.{name}`."
        mistakes = typical_mistakes(name)
        if mistakes:
            lines += ["What the check says to answers that are not right:", ""]
            lines += [f"- {sentence}" for sentence in mistakes]
    return _note(f"note-{exercise.label}", "\n".join(lines))


def _note(name: str, text: str) -> NotebookNode:
    return nbformat.v4.new_markdown_cell(text, id=name, metadata={"tags": ["class"]})


def write(root: Path, paths: list[Path], out: Path, make: Callable[[Path], NotebookNode]) -> list[Path]:
    """A notebook for each chapter in `out`, and beside them the files that the chapters read.

    Raises:
        UsageError: before anything is written, if a notebook is there already: it may hold somebody's work.
    """
    there = next((out / path.name for path in paths if (out / path.name).exists()), None)
    if there:
        raise UsageError(f"{there} exists and may hold somebody's work; give another folder with --out")
    made = {out / path.name: make(path) for path in paths}
    notebooks.beside(root, out)
    for path, nb in made.items():
        notebooks.write(nb, path)
    return list(made)
