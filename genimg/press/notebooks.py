"""The chapters as documents: where they lie, their parameters, and the form in which two runs give the same bytes.

A chapter is `book/NN_name.ipynb`, a second page of it `book/NNb_name.ipynb`. Running one is `press.execution`; making
pages of them is `press.pages`.
"""

from __future__ import annotations

import ast
import base64
import io
import itertools
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from genimg._base import disk
from genimg._base.errors import UsageError

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}
RUN_METADATA = ("papermill", "execution", "ExecuteTime", "widgets")
"""Metadata of a notebook or a cell that says when, where and how long, hence differs from run to run."""


def find_root(start: Path | None = None) -> Path:
    """The project folder: the nearest one from `start` (the working directory) upwards with `_toc.yml` and `book/`.

    Raises:
        UsageError: if there is none.
    """
    start = (start or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        if (folder / "_toc.yml").is_file() and (folder / "book").is_dir():
            return folder
    raise UsageError(f"no book in {start} or above it: go to a clone of the repository (it holds _toc.yml and book/)")


def chapters(root: Path, asked: Sequence[str] = ()) -> list[Path]:
    """The chapters of the book in the order of their names, or those that were asked for.

    Args:
        asked: any of `04_wgan`, `04`, `4`, `wgan` or `book/04_wgan.ipynb`; empty means all.

    Raises:
        UsageError: if one of `asked` names no chapter, or the book has none.
    """
    every = sorted((root / "book").glob("*.ipynb"))
    if not every:
        raise UsageError(f"{root / 'book'} holds no notebook")
    chosen = set()
    for name in asked:
        stem = Path(name).name.removesuffix(".ipynb")
        found = [path for path in every if stem in _names(path.stem)]
        if not found:
            raise UsageError(f"chapter {name!r} is unknown (one of: {', '.join(path.stem for path in every)})")
        chosen.update(found)
    return [path for path in every if path in chosen or not asked]


def _names(stem: str) -> set[str]:
    number, _, rest = stem.partition("_")
    return {stem, number, number.lstrip("0"), rest} - {""}


def read(path: Path) -> NotebookNode:
    """The notebook in that file, in format 4.5, every cell with an id.

    Raises:
        UsageError: if the file is not a notebook.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict) or content.get("nbformat") != 4:
            raise ValueError("it is not in notebook format 4")
        _fill_ids(content)
        nbformat.validate(content)
    except (OSError, ValueError, TypeError, AttributeError, nbformat.ValidationError, KeyError) as error:
        raise UsageError(f"{path} is not a readable notebook: {str(error).splitlines()[0]}") from None
    nb: NotebookNode = nbformat.reads(json.dumps(content), as_version=4)
    return nb


def write(nb: NotebookNode, path: Path) -> None:
    """The notebook as a file, keys sorted, by `disk.write`."""
    disk.write(path, (nbformat.writes(nb).rstrip("\n") + "\n").encode())


def _fill_ids(content: dict[str, Any]) -> None:
    """Ids that depend on the place of the cell only, where the file has none or has one twice."""
    content["nbformat_minor"] = max(5, content["nbformat_minor"])
    seen: set[str] = set()
    for index, cell in enumerate(content["cells"]):
        name = cell.get("id") or f"cell-{index:03d}"
        while name in seen:
            name += "-again"
        cell["id"] = name
        seen.add(name)


def code_cells(nb: NotebookNode) -> list[NotebookNode]:
    """The cells that a kernel executes: code that is not blank."""
    return [cell for cell in nb.cells if cell.cell_type == "code" and cell.source.strip()]


def tags(cell: NotebookNode) -> list[str]:
    """The tags of a cell."""
    return list(cell.metadata.get("tags", []))


def parameters_cell(nb: NotebookNode, name: str = "the notebook") -> NotebookNode:
    """The one cell tagged `parameters`.

    Raises:
        UsageError: if there is none, or more than one.
    """
    found = [cell for cell in nb.cells if cell.cell_type == "code" and "parameters" in tags(cell)]
    if len(found) != 1:
        raise UsageError(f"{name} has {len(found)} code cells tagged 'parameters'; it needs exactly one")
    return found[0]


def parameters(source: str) -> dict[str, Any]:
    r"""The assignments of a parameters cell.

    Example:
        >>> parameters('profile = "quick"  # or full\nseed: int = 0')
        {'profile': 'quick', 'seed': 0}
    """
    return {name: ast.literal_eval(value) for name, value in _assignments(source).items()}


def replace_parameters(source: str, values: Mapping[str, Any]) -> str:
    r"""The same cell with other values; comments and layout stay.

    Replacing the value, where papermill would add a second cell behind the first, keeps the executed notebook the
    same text as the committed one, cell for cell.

    Raises:
        UsageError: if a name is not assigned in the cell.

    Example:
        >>> replace_parameters('profile = "quick"  # or full\nseed = 0', {"profile": "full", "seed": 3})
        "profile = 'full'  # or full\nseed = 3"
    """
    places = _assignments(source)
    text = source.encode()  # ast counts columns in bytes, and lines by line feeds only
    starts = [0, *itertools.accumulate(len(line) + 1 for line in text.split(b"\n"))]
    unknown = [name for name in values if name not in places]
    if unknown:
        raise UsageError(f"parameter {unknown[0]!r} is unknown (one of: {', '.join(places)})")
    # A value that is there already keeps its spelling: a run with the committed parameters gives the committed bytes.
    changed = [name for name, value in values.items() if repr(ast.literal_eval(places[name])) != repr(value)]
    for name in sorted(changed, key=lambda name: (places[name].lineno, places[name].col_offset), reverse=True):
        node = places[name]
        assert node.end_lineno is not None and node.end_col_offset is not None
        first, last = starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset
        text = text[:first] + repr(values[name]).encode() + text[last:]
    return text.decode()


def _assignments(source: str) -> dict[str, ast.expr]:
    found: dict[str, ast.expr] = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            found[node.target.id] = node.value
    return found


def normalise(nb: NotebookNode) -> NotebookNode:
    """The notebook without what differs between two runs of the same code; changed in place and returned.

    Gone are times, paths and widget state, whose model ids are random; an output keeps its HTML, picture or text, not
    the reference to a widget that no longer exists. Drawings get a palette. Pieces of one stream, cut where the kernel
    happened to flush, are joined, executed cells are counted from 1, and the kernel is described by its name only.
    Warnings stay: a committed notebook that prints one fails the tests.
    """
    _fill_ids(nb)
    nb.metadata = {k: v for k, v in nb.metadata.items() if k not in RUN_METADATA}
    nb.metadata |= {"kernelspec": dict(KERNELSPEC), "language_info": {"name": "python"}}
    nb = nbformat.from_dict(nb)
    count = 0
    for cell in nb.cells:
        for key in (*RUN_METADATA, "collapsed", "scrolled"):
            cell.metadata.pop(key, None)
        if not cell.metadata.get("tags", True):
            del cell.metadata["tags"]
        if cell.cell_type != "code":
            continue
        executed = cell.source.strip() and cell.execution_count is not None
        count += bool(executed)
        cell.execution_count = count if executed else None
        cell.outputs = [_tidy(output, cell.execution_count) for output in _joined(cell.outputs)]
    return nb


def _joined(outputs: Sequence[NotebookNode]) -> list[NotebookNode]:
    kept: list[NotebookNode] = []
    for output in outputs:
        last = kept[-1] if kept else None
        if last and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
        else:
            kept.append(output)
    return kept


def _tidy(output: NotebookNode, count: int | None) -> NotebookNode:
    if "data" in output:
        output.data.pop(WIDGET_VIEW, None)
        if "image/png" in output.data:
            output.data["image/png"] = _smaller(output.data["image/png"])
    if output.output_type == "execute_result":
        output.execution_count = count
    return output


def _smaller(picture: str) -> str:
    """A base64 PNG with a palette of 256 colours, a third of the size, where the eye does not see the difference.

    The mean error over all pixels and channels must stay below half a grey level of 255, else the picture is kept.
    Where it is above four in some square of 16 pixels, a palette of greys has turned the one face in colour grey: then
    colours are chosen by how far apart they are, not by how often they occur, which may cost a level and a half on
    average, and if that does not do either, the picture is kept.
    """
    import numpy as np
    from PIL import Image

    image = Image.open(io.BytesIO(base64.b64decode(picture)))
    if image.mode == "P":  # has been here before
        return picture
    plain = image.convert("RGB")

    def errors(few: Any) -> tuple[float, float]:
        """The mean error, and that of the worst square."""
        off = np.abs(np.asarray(few.convert("RGB"), dtype=float) - np.asarray(plain, dtype=float)).mean(2)
        h, w = (side - side % 16 for side in off.shape)
        squares = off[:h, :w].reshape(h // 16, 16, w // 16, 16).mean((1, 3))
        return float(off.mean()), float(squares.max(initial=0.0))

    few = plain.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    mean, worst = errors(few)
    if mean > 0.5:
        return picture
    if worst > 4:
        few = plain.quantize(256, method=Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE)
        mean, worst = errors(few)
        if mean > 1.5 or worst > 4:
            return picture
    file = io.BytesIO()
    few.save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def same_text(one: NotebookNode, other: NotebookNode) -> bool:
    """Whether two notebooks have the same cells, whatever their outputs and the values of their parameters."""
    return _text(one) == _text(other)


def _text(nb: NotebookNode) -> list[tuple[str, str]]:
    return [(cell.cell_type, "" if "parameters" in tags(cell) else cell.source) for cell in nb.cells]


def beside(root: Path, out: Path) -> None:
    """Copies what the chapters read from their folder into `out`."""
    with disk.told(out):
        out.mkdir(parents=True, exist_ok=True)
        for path in (root / "book" / name for name in ("records", "claims.json")):
            if path.is_dir():
                shutil.copytree(path, out / path.name, dirs_exist_ok=True)
            elif path.is_file():
                shutil.copy2(path, out / path.name)
