"""The readers' notebooks in JupyterLab, which knows nothing of MyST: a stranger's first minute with each chapter."""

import re

import myst
import pytest

from genimg.press import notebooks, readers

RAW = re.compile(r"\{(?:prf|cite|glue|eq|ref|doc|numref)[:}]|^:label:|^`{3}|\\\\(?:tag|begin|frac)", re.MULTILINE)


@pytest.fixture(scope="module")
def references():
    return myst.references()


@pytest.mark.parametrize("path", myst.CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_reads_well(path, lab, watched, shot, references):
    address, token, folder = lab
    made = readers.chapter(notebooks.read(path), path.stem, references)
    notebooks.write(made, folder / path.name)
    page = watched(viewport={"width": 1200, "height": 1300})
    page.set_default_timeout(120_000)  # two labs start at once, and a long chapter is typeset
    page.goto(f"{address}/lab/tree/{path.name}?token={token}&reset")
    cells = page.locator(".jp-MarkdownCell .jp-RenderedMarkdown")
    told = [cell for cell in made.cells if cell.cell_type == "markdown"]
    page.wait_for_function(
        "(n) => document.querySelectorAll('.jp-MarkdownCell .jp-RenderedMarkdown').length >= n", arg=len(told)
    )
    page.wait_for_function("document.querySelectorAll('mjx-container').length > 0")
    page.wait_for_timeout(1500)  # the last formulas
    text = "\n".join(cells.all_inner_texts())
    assert not RAW.search(text), RAW.findall(text)
    assert page.locator("mjx-merror").count() == 0
    hints = sum(cell.source.count("<details>") for cell in told)
    assert page.locator(".jp-MarkdownCell details:not([open]) > summary").count() == hints
    shot(page, f"readers-{path.stem}")
    if hints:
        page.locator("summary").first.scroll_into_view_if_needed()
        shot(page, f"readers-{path.stem}-exercise")
