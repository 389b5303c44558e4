"""The two notebooks that a reader takes from a chapter: the chapter with stubs, and its solutions.

Both are made of the executed chapter, which is not changed; its name is such as `02_gan_theory`.
"""

from __future__ import annotations

from collections.abc import Iterator

import nbformat
from nbformat import NotebookNode

from genimg.press import notebooks
from genimg.press.address import BRANCH, Address
from genimg.press.layout import FORMATTER, fit
from genimg.press.notebooks import tags
from genimg.press.readers.markdown import apart, exercises, plain
from genimg.press.readers.references import References
from genimg.press.readers.stubs import names, stub, whole

FOLDER = "_sources/book"
"""Where readers' notebooks lie below the pages, beside the records that they read."""

_SECTION = "the-code"  # the cell whose section is folded
_BADGE = "https://colab.research.google.com/assets/colab-badge.svg"


def chapter(nb: NotebookNode, name: str, references: References, address: Address | None = None) -> NotebookNode:
    """A chapter to read and to work in: plain Markdown, folded set-up, answers as stubs, no solutions."""
    references, cells = references.of(nb), []
    for cell, source, solution in _sorted(nb):
        if cell.cell_type == "markdown":
            if source:
                cells.append(_text(cell.id, plain(source, references)))
        elif {"answer", "check"} & set(tags(cell)):
            if "answer" in tags(cell):
                cell.source = stub(cell.source, _used_after(nb, cell.id))
            cell.outputs, cell.execution_count = [], None
            cells.append(_bare(cell))
        elif not solution and cell.source.strip():
            cells += _shown(cell, references)
    exercise = any("answer" in tags(cell) for cell in nb.cells)
    told = (
        f"This notebook is a chapter of {_book(references)}, a book that follows a talk given by Coloma Ballester in "
        "2021. Run its cells from top to bottom. The folded ones set up the chapter and draw its figures; the pictures "
        "that are stored here are from a run of the whole book."
    )
    if exercise:
        told += (
            " Write your answers where a cell says `YOUR CODE HERE` or `YOUR ANSWER`; the cell below tells whether "
            f"they are right. Solutions are in [a notebook of their own]({name}_solutions.ipynb)."
        )
    _open(cells, told, name, references, address)
    return _notebook(cells)


def solutions(
    nb: NotebookNode, name: str, references: References, address: Address | None = None
) -> NotebookNode | None:
    """The exercises of a chapter with their solutions; None for a chapter without.

    The code of the chapter comes first, folded and without outputs: solutions go on from it.
    """
    references, before, after = references.of(nb), [], []
    for cell, source, solution in _sorted(nb):
        if cell.cell_type == "markdown":
            told = apart(cell.source, solution)[1]
            asked = exercises(source)
            if asked:
                after.append(_text(cell.id, plain(asked, references)))
            if told:
                after.append(_text(f"{cell.id}-why"[-64:], f"**Solution.** {plain(told, references)}"))
        elif {"answer", "check"} & set(tags(cell)) or solution:
            cell.source = whole(cell.source)
            after += _shown(cell, references)
        elif cell.source.strip():
            cell.outputs, cell.execution_count = [], None
            before.append(_folded(_bare(cell), _title(cell, references)))
    if not after:
        return None
    title = plain(nb.cells[0].source.split("\n")[0], references).lstrip("# ")
    told = (
        f"The exercises of [{title}]({name}.ipynb), a chapter of {_book(references)}, with their solutions. They "
        "go on from the code of the chapter, which stands in a folded section: *Run all* runs it first."
    )
    code = _text(_SECTION, "## The code of the chapter")
    code.metadata["jp-MarkdownHeadingCollapsed"] = True
    cells = [_text("title", f"# Solutions: {title}"), code, *before, _text("exercises", "## Exercises"), *after]
    _open(cells, told, f"{name}_solutions", references, address)
    return _notebook(cells)


def _sorted(nb: NotebookNode) -> Iterator[tuple[NotebookNode, str, bool]]:
    """Copies of the cells, each with its text outside of solutions, and whether it begins inside of one."""
    inside = False
    for original in nb.cells:
        cell, began = nbformat.from_dict(original), inside
        source = cell.source
        if cell.cell_type == "markdown":
            source, _, inside = apart(cell.source, inside)
        yield cell, source, began


def _used_after(nb: NotebookNode, cell: str) -> set[str]:
    """The names that are used in the cells after that one."""
    ids = [other.id for other in nb.cells]
    later = nb.cells[ids.index(cell) + 1 :]
    check = next((k for k, other in enumerate(later) if "check" in tags(other)), 0)
    return set().union(*(names(other.source) for other in later[: check + 1] if other.cell_type == "code"))


def _shown(cell: NotebookNode, references: References) -> list[NotebookNode]:
    """A cell of code, folded where the page folds it, and the caption of its figure."""
    name, caption = _figure(cell, references)
    hidden = {"hide-input", "remove-cell", "remove-input"} & set(tags(cell))
    bare = _folded(_bare(cell), _title(cell, references)) if hidden else _bare(cell)
    if "remove-cell" in tags(cell):
        bare.outputs = []
    if not caption or not cell.outputs:
        return [bare]
    return [bare, _text(f"{cell.id}-caption"[-64:], f"**{name}.** {caption}")]


def _figure(cell: NotebookNode, references: References) -> tuple[str, str]:
    """The name and the caption of a cell's figure."""
    figure = cell.metadata.get("mystnb", {}).get("figure", {})
    return references.named(figure.get("name", ""), "figure"), plain(figure.get("caption", ""), references)


def _title(cell: NotebookNode, references: References) -> str:
    """What a folded cell is."""
    if "parameters" in tags(cell):
        return "Settings"
    name, caption = _figure(cell, references)
    if caption:
        return f"Code of {name}"
    if cell.outputs or "import " not in cell.source:
        return "Code"
    return "Installation" if "find_spec" in cell.source else "Set-up"


def _folded(cell: NotebookNode, title: str) -> NotebookNode:
    """Folded in Colab, under its title, and in Jupyter."""
    cell.source = f"#@title {title}\n{cell.source}"
    cell.metadata |= {"cellView": "form", "jupyter": {"source_hidden": True}}
    return cell


def _bare(cell: NotebookNode) -> NotebookNode:
    """The cell without what only the pages read; tags of exercises stay."""
    kept = [tag for tag in tags(cell) if tag in ("answer", "check", "parameters")]
    source = FORMATTER.sub("", cell.source)
    bare: NotebookNode = nbformat.v4.new_code_cell(source, id=cell.id, metadata={"tags": kept} if kept else {})
    bare.outputs = [output for output in cell.outputs if "scrapbook" not in output.get("metadata", {})]  # glued
    bare.execution_count = cell.execution_count
    return bare


def _text(name: str, source: str) -> NotebookNode:
    return nbformat.v4.new_markdown_cell(source, id=name)


def _book(references: References) -> str:
    title = "*Generative methods for inverse problems in imaging*"
    return f"[{title}]({references.base}index.html)"


def _open(cells: list[NotebookNode], told: str, name: str, references: References, address: Address | None) -> None:
    """Puts the badge and what the notebook is below its title."""
    head, _, rest = cells[0].source.partition("\n")
    badge = ""
    if address:
        place = f"github/{address.owner}/{address.name}/blob/{BRANCH}/{FOLDER}/{name}.ipynb"
        badge = f"[![Open in Colab]({_BADGE})](https://colab.research.google.com/{place})"
    cells[0].source = "\n\n".join(part for part in (head, badge, f"> {told}", rest.strip()) if part)


def _notebook(cells: list[NotebookNode]) -> NotebookNode:
    metadata = {
        "kernelspec": dict(notebooks.KERNELSPEC),
        "language_info": {"name": "python"},
        "colab": {"provenance": [], "toc_visible": True, "collapsed_sections": [_SECTION]},
    }
    nb: NotebookNode = nbformat.v4.new_notebook(cells=cells, metadata=metadata)
    fit(nb)
    return nb
