"""Code in the width of a page's column, and of a notebook for readers; where chapters are edited, lines are longer."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from nbformat import NotebookNode

from genimg.press import notebooks

WIDTH = 84
"""Characters that fit beside each other."""
FORMATTER = re.compile(r"[ \t]*# fmt: (?:skip|off|on)$", re.MULTILINE)
"""What is said to the formatter, which no reader needs to see."""
_UNSEEN = {"hide-input", "remove-input", "remove-cell"}
_KEPT = re.compile(rf"^(.{{{WIDTH + 1},}}?)[ \t]*# fmt: skip$", re.MULTILINE)


def fit(nb: NotebookNode) -> int:
    """Breaks the long lines of visible cells as ruff would, in place; how many cells were laid out anew.

    Strings and comments are not broken. Where ruff is missing, and in cells that are not Python, lines stay as typed.
    """
    cells = [
        cell
        for cell in notebooks.code_cells(nb)
        if not (_UNSEEN & set(notebooks.tags(cell)) or "cellView" in cell.metadata)
        and any(len(line) > WIDTH for line in cell.source.split("\n"))
    ]
    if not cells:
        return 0
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"cell{k}.py" for k in range(len(cells))]
        for cell, file in zip(cells, files, strict=True):
            file.write_text(_KEPT.sub(r"\1", cell.source) + "\n", encoding="utf-8")
        command = [sys.executable, "-m", "ruff", "format", "--isolated", "--no-cache", "--line-length", str(WIDTH)]
        subprocess.run([*command, folder], capture_output=True, check=False)  # it leaves what it cannot read
        changed = 0
        for cell, file in zip(cells, files, strict=True):
            text = file.read_text(encoding="utf-8").rstrip("\n")
            if text != _KEPT.sub(r"\1", cell.source).rstrip("\n"):
                cell.source, changed = text, changed + 1
    return changed
