"""The book's index: which words lead to which paragraph.

A markdown cell that introduces a term names it in its metadata, `"genimg": {"index": ["pushforward"]}`; the entry is
written into the staged page only, so that who reads the notebook elsewhere sees nothing of it.
"""

from __future__ import annotations

from nbformat import NotebookNode

from genimg._base.errors import UsageError


def terms(cell: NotebookNode) -> list[str]:
    """The terms that a cell introduces.

    Raises:
        UsageError: if they are not a list of words, or contain what separates entries.
    """
    named = cell.metadata.get("genimg", {}).get("index", [])
    if not isinstance(named, list) or not all(isinstance(term, str) and term and ";" not in term for term in named):
        raise UsageError(f"cell {cell.id}: index must be a list of terms")
    return named


def mark(nb: NotebookNode) -> None:
    """Writes the entries of a chapter into its cells, below the heading where a cell begins with one."""
    for cell in nb.cells:
        if cell.cell_type == "markdown" and terms(cell):
            entries = "".join(f"```{{index}} single: {term}\n```\n\n" for term in terms(cell))
            lines = cell.source.splitlines(keepends=True)
            first = next((k for k, line in enumerate(lines) if line.strip() and not line.startswith(("#", "("))), 0)
            cell.source = "".join(lines[:first]) + entries + "".join(lines[first:])
