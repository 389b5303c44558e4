"""What somebody handed in: which files are notebooks, which of their cells are answers, and to which exercise.

Nothing here believes a file: what is no regular file is not opened, an archive is read up to a limit, and of a
notebook only the types, the ids and the sources of its cells are read, whatever else is wrong with it.
"""

from __future__ import annotations

import ast
import io
import json
import os
import stat
import unicodedata
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from nbformat import NotebookNode

from genimg._base.errors import UsageError
from genimg.teach.classroom.exercises import Exercise

LARGEST = 64 * 2**20
"""Bytes of a notebook, unpacked."""
ENTRIES = 2000
"""Files below the folder of one student, or in one archive."""
_ENDINGS = (".ipynb", ".ipynb.txt", ".ipynb.json")
_BROKEN = (OSError, ValueError, KeyError, EOFError, RuntimeError, NotImplementedError, zipfile.BadZipFile, MemoryError)


class Cell(NamedTuple):
    """What counts of a cell: `code` or `markdown`, its text, its id (or None), its place in the notebook."""

    kind: str
    source: str
    name: str | None


class Sheet(NamedTuple):
    """A notebook that was handed in."""

    name: str  # of the file, below the student's folder
    time: float  # of its last change, in seconds
    cells: tuple[Cell, ...] = ()  # none if it cannot be read
    chapter: str | None = None  # what it says itself, or None
    problem: str = ""  # why it cannot be read, or nothing


class Task(NamedTuple):
    """One answer to one exercise."""

    label: str  # of the exercise
    cells: list[str]  # what to run before the check, in order: the answer, and cells that the student added
    check: str  # the check cell, ours


def shown(text: str, most: int = 500) -> str:
    r"""A text of somebody else in one line: control characters and halves of characters are spelled out.

    Example:
        >>> shown("\x1b[31mred\nand \ud800")
        '\\x1b[31mred and \\ud800'
    """
    cut = text[: 4 * most].replace("\n", " ").replace("\r", " ").replace("\t", " ")
    spelled = "".join(c if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp") else _spelled(c) for c in cut)
    return spelled if len(spelled) <= most else f"{spelled[: most - 1]}…"


def _spelled(character: str) -> str:
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:  # a byte of a file name that is no UTF-8
        return f"\\x{number - 0xDC00:02x}"
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}"


def sheets(folder: Path, leave_out: Sequence[Path] = ()) -> tuple[dict[str, list[Sheet]], list[str]]:
    """The notebooks of each student, and a line for everything else.

    A student is a folder, a notebook or a zip archive of notebooks in `folder`; those of one name belong together.

    Args:
        leave_out: files of our own.

    Returns:
        notebooks by student, sorted; and what was left out, each with the reason.

    Raises:
        UsageError: if there is no student, or the folder cannot be read.
    """
    found: dict[str, list[Sheet]] = {}
    skipped: list[str] = []
    ours = {path.name for path in leave_out}
    for path in _listed(folder):
        if path.name in ours:
            continue
        if reason := _not_ours(path):
            skipped.append(f"{shown(path.name)}: {reason}")
        elif path.is_dir():
            found.setdefault(path.name, []).extend(_below(path, skipped))
        elif ending := _ending(path.name):
            name = path.name[: -len(ending)]
            found.setdefault(name, []).extend(_opened(path, path.name, skipped))
        else:
            skipped.append(f"{shown(path.name)}: no notebook and no zip archive")
    if not found:
        more = f" ({'; '.join(skipped[:3])})" if skipped else ""
        raise UsageError(f"{folder} holds no notebook: one per student, or a folder of notebooks per student{more}")
    return dict(sorted(found.items())), skipped


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder / name for name in os.listdir(folder))
    except OSError as error:
        raise UsageError(f"{folder} cannot be read ({error.strerror or error})") from None


def _not_ours(path: Path) -> str:
    """Why something is not even looked at, or nothing."""
    if path.name == "__MACOSX" or path.name.startswith("._"):
        return "left by macOS, no submission"
    if path.name.startswith("."):
        return "hidden"
    try:
        mode = path.lstat().st_mode
    except OSError as error:
        return error.strerror or str(error)
    if stat.S_ISLNK(mode):
        return "a link, which is not followed"
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        return "no regular file"
    return ""


def _ending(name: str) -> str:
    """The ending that makes it a notebook or an archive, or nothing."""
    return next((name[-len(e) :] for e in (*_ENDINGS, ".zip") if name.lower().endswith(e) and len(name) > len(e)), "")


def _below(folder: Path, skipped: list[str]) -> Iterator[Sheet]:
    """The notebooks in a student's folder and below."""
    waiting, seen = [folder], 0
    while waiting:
        here = waiting.pop(0)
        try:
            inside = sorted(here / name for name in os.listdir(here))
        except OSError as error:
            skipped.append(f"{shown(str(here.relative_to(folder.parent)))}: {error.strerror or error}")
            continue
        for path in inside:
            seen += 1
            name = str(path.relative_to(folder.parent))
            if seen > ENTRIES:
                skipped.append(f"{shown(folder.name)}: more than {ENTRIES} files; the others were not looked at")
                return
            if reason := _not_ours(path):
                skipped.append(f"{shown(name)}: {reason}")
            elif path.is_dir():
                waiting.append(path)
            elif _ending(path.name):
                yield from _opened(path, str(path.relative_to(folder)), skipped)
            else:
                skipped.append(f"{shown(name)}: no notebook and no zip archive")


def _opened(path: Path, name: str, skipped: list[str]) -> Iterator[Sheet]:
    """The notebook in that file, or those in that archive."""
    try:
        time = path.stat().st_mtime
        if path.name.lower().endswith(".zip"):
            yield from _unzipped(path, name, time, skipped)
            return
        if path.stat().st_size > LARGEST:
            raise ValueError(f"larger than {LARGEST >> 20} MB")
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except _BROKEN as error:
        yield Sheet(name, 0.0, problem=f"cannot be read: {_why(error)}")
        return
    yield sheet(name, time, data)


def _unzipped(path: Path, name: str, time: float, skipped: list[str]) -> Iterator[Sheet]:
    left = LARGEST
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        if len(entries) > ENTRIES:
            raise ValueError(f"more than {ENTRIES} files in the archive")
        for entry in entries:
            inside = f"{name}/{entry.filename}"
            parts = PurePosixPath(entry.filename).parts
            if entry.is_dir() or "__MACOSX" in parts or any(part.startswith(".") for part in parts):
                continue
            if not entry.filename.lower().endswith(_ENDINGS):
                skipped.append(f"{shown(inside)}: no notebook")
                continue
            try:
                with archive.open(entry) as file:
                    data = file.read(left + 1)
            except _BROKEN as error:
                yield Sheet(inside, time, problem=f"cannot be read: {_why(error)}")
                continue
            left -= len(data)
            if left < 0:
                raise ValueError(f"more than {LARGEST >> 20} MB of notebooks in the archive")
            yield sheet(inside, time, data)


def _why(error: BaseException) -> str:
    text = (error.strerror if isinstance(error, OSError) else "") or str(error) or type(error).__name__
    return shown(text, 200)


def sheet(name: str, time: float, data: bytes) -> Sheet:
    """The notebook in these bytes; one that cannot be read says why.

    Example:
        >>> sheet("a", 0.0, b"{").problem
        'not a readable notebook: no JSON, line 1: Expecting property name enclosed in double quotes'
    """
    try:
        content = json.loads(_decoded(data))
        chapter, cells = _told(content), tuple(_cells(content))
    except json.JSONDecodeError as error:
        return Sheet(name, time, problem=f"not a readable notebook: no JSON, line {error.lineno}: {error.msg}")
    except (RecursionError, MemoryError):
        return Sheet(name, time, problem="not a readable notebook: nested too deeply, or too large")
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        return Sheet(name, time, problem=f"not a readable notebook: {_why(error)}")
    return Sheet(name, time, cells, chapter)


def _decoded(data: bytes) -> str:
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(f"no text in UTF-8 at byte {error.start}") from None


def _told(content: object) -> str | None:
    if not isinstance(content, dict):
        raise ValueError("its JSON is no object")
    metadata = content.get("metadata")
    ours = metadata.get("genimg") if isinstance(metadata, dict) else None
    chapter = ours.get("chapter") if isinstance(ours, dict) else None
    return chapter if isinstance(chapter, str) else None


def _cells(content: dict[str, object]) -> Iterator[Cell]:
    cells = content.get("cells")
    if not isinstance(cells, list):
        old = content.get("nbformat") in (1, 2, 3) or "worksheets" in content
        raise ValueError("of an old format; open it in Jupyter and save it" if old else "it has no list of cells")
    for place, cell in enumerate(cells):
        if not isinstance(cell, dict):
            raise ValueError(f"cell {place + 1} is no cell")
        source = cell.get("source", "")
        if isinstance(source, list) and all(isinstance(line, str) for line in source):
            source = "".join(source)
        if not isinstance(source, str):
            raise ValueError(f"cell {place + 1} has no text as its source")
        metadata = cell.get("metadata")
        name = cell.get("id") or (metadata.get("id") if isinstance(metadata, dict) else None)
        kind = cell.get("cell_type")
        # With the line ends of Unix, whatever system the notebook was written on.
        source = io.IncrementalNewlineDecoder(None, translate=True).decode(source, final=True)
        yield Cell(kind if isinstance(kind, str) else "", source, name if isinstance(name, str) and name else None)


def by_chapter(found: Sequence[Sheet], chapters: Sequence[str]) -> tuple[dict[str, Sheet], list[str]]:
    """The newest readable notebook for each chapter, one of no chapter under its own name; and what does not count."""
    best: dict[str, Sheet] = {}
    passed: list[str] = []
    for sheet in sorted(found, key=lambda sheet: (not sheet.problem, sheet.time, sheet.name)):
        key = chapter_of(sheet, chapters) or f"/{sheet.name}"
        if key in best:
            older = best[key]
            why = older.problem or f"{shown(sheet.name)} is newer, and counts"
            passed.append(f"{shown(older.name)}: {why}")
        best[key] = sheet
    return best, passed


def chapter_of(sheet: Sheet, chapters: Sequence[str]) -> str | None:
    """The chapter that a submission answers, by what the notebook says, else by its file name."""
    if sheet.chapter in chapters:
        return sheet.chapter
    stem = PurePosixPath(sheet.name).name
    return next((chapter for chapter in chapters if chapter in stem), None)


def tasks(
    submitted: Sheet, handed: NotebookNode, exercises: Sequence[Exercise]
) -> tuple[list[str], dict[str, Task | None]]:
    """What a submission answers.

    A cell is ours if it has the id of a handed-out cell or, where an editor dropped the ids, its text. Of our cells
    only the answers are taken from the submission; what the student added comes before the answer that follows it.
    Whoever adds an `import` to one of our cells finds it in the first part of the result.

    Returns:
        imports added to other cells, a statement each; and a task for each exercise, None for one left as it was.
    """
    ours = {cell.id: cell for cell in handed.cells}
    matched = _matched(submitted.cells, ours)
    answers = {name for exercise in exercises for name in exercise.answers}
    ends = {place: e for e in exercises if (place := _end(matched, e)) is not None}
    imports: list[str] = []
    found: dict[str, Task | None] = {e.label: None for e in exercises}
    cells: list[str] = []
    for place, (cell, name) in enumerate(zip(submitted.cells, matched, strict=True)):
        if cell.kind == "code" and (name is None or name in answers):
            untouched = name is not None and cell.source.strip() == ours[name].source.strip()
            if cell.source.strip() and not untouched:
                cells.append(cell.source)
        elif cell.kind == "code" and name is not None and cell.source != ours[name].source:
            imports += _imports(cell.source)
        if place in ends and cells:
            exercise = ends[place]
            assert exercise.check is not None
            found[exercise.label] = Task(exercise.label, cells, ours[exercise.check].source)
            cells = []
    return imports, found


def _matched(cells: Sequence[Cell], ours: Mapping[str, NotebookNode]) -> list[str | None]:
    """For each cell of a submission the id of our cell that it was, or None."""
    taken: set[str] = set()
    names: list[str | None] = []
    for cell in cells:
        name = cell.name or ""
        same = name in ours and name not in taken and ours[name].cell_type == cell.kind
        names.append(name if same else None)
        taken |= {name} if same else set()
    texts = {(cell.cell_type, cell.source.strip()): name for name, cell in ours.items() if name not in taken}
    for place, cell in enumerate(cells):
        if names[place] is None:
            names[place] = texts.pop((cell.kind, cell.source.strip()), None)
    return names


def _end(matched: Sequence[str | None], exercise: Exercise) -> int | None:
    """Where in the submission the answer is complete: at the check, or at the answer if the check was removed."""
    places = [matched.index(name) for name in (*exercise.answers, exercise.check) if name in matched]
    return max(places, default=None)


def _imports(source: str) -> list[str]:
    """The import statements at the top level of a cell."""
    try:
        body = ast.parse(source).body
        return [ast.unparse(node) for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
