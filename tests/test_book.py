"""The apparatus of the book: index, theorems, bibliography."""

import re
from pathlib import Path

import nbformat
import pytest

from genimg._base.errors import UsageError
from genimg.press import indexing, notebooks

BOOK = Path(__file__).parents[1] / "book"
CHAPTERS = {path.stem: notebooks.read(path) for path in notebooks.chapters(BOOK.parent)}
TEXT = "\n".join(cell.source for nb in CHAPTERS.values() for cell in nb.cells if cell.cell_type == "markdown")
TEXT += "".join(page.read_text("utf-8") for page in BOOK.glob("*.md"))


def test_the_index_has_entries_from_every_chapter():
    entries = {name: [t for cell in nb.cells for t in indexing.terms(cell)] for name, nb in CHAPTERS.items()}
    assert all(entries.values()) and sum(map(len, entries.values())) >= 60
    assert all(len(set(own)) == len(own) for own in entries.values())
    every = {term for own in entries.values() for term in own}
    assert len({term.lower() for term in every}) == len(every)  # one spelling for one thing


@pytest.mark.parametrize(
    ("source", "marked"),
    [
        ("Text.", "ENTRYText."),
        ("(anchor)=\n## Heading\n\nText.", "(anchor)=\n## Heading\n\nENTRYText."),
        ("## Alone", "ENTRY## Alone"),
    ],
)
def test_an_entry_stands_below_the_heading(source, marked):
    cell = nbformat.v4.new_markdown_cell(source, metadata={"genimg": {"index": ["a, b"]}})
    indexing.mark(nbformat.v4.new_notebook(cells=[cell]))
    assert cell.source == marked.replace("ENTRY", "```{index} single: a, b\n```\n\n")


@pytest.mark.parametrize("named", ["word", [""], [1], ["a; b"]])
def test_a_bad_entry_is_one_line(named):
    with pytest.raises(UsageError, match="index must be a list of terms"):
        indexing.terms(nbformat.v4.new_markdown_cell("x", metadata={"genimg": {"index": named}}))


def test_theorems_have_labels_and_references_lead_to_them():
    numbered = re.findall(r"\{prf:(?!ref|proof)\w+\}[^\n]*\n((?::[^\n]*\n)*)", TEXT)
    labels = [re.search(r":label: *(\S+)", options) for options in numbered]
    assert len(numbered) > 20 and all(labels)
    named = [label[1] for label in labels]
    assert len(set(named)) == len(named)
    assert set(re.findall(r"\{prf:ref\}`(?:[^`<]*<)?([\w-]+)>?`", TEXT)) <= set(named)


def test_every_work_is_cited_complete_and_linked():
    entries = re.findall(
        r"^@(\w+)\{([^,]+),(.*?)^\}", (BOOK / "references.bib").read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    fields = {key: dict(re.findall(r"^ *(\w+) *= *\{(.*)\},?$", body, re.MULTILINE)) for _, key, body in entries}
    assert len(fields) > 70 and len({one["title"].lower() for one in fields.values()}) == len(fields)
    for key, one in fields.items():
        assert {"author", "title", "year"} <= set(one) and ("doi" in one) != ("url" in one), key
        assert re.fullmatch(r"10\.\d{4,}/\S+", one.get("doi", "10.1000/x")), key
        assert one.get("url", "http").startswith("http") and "doi.org" not in one.get("url", ""), key
    cited = {key.strip() for keys in re.findall(r"\{cite:\w+\}`([^`]+)`", TEXT) for key in keys.split(",")}
    assert cited == set(fields)


@pytest.mark.parametrize("name", CHAPTERS)
def test_every_figure_is_described_to_those_who_do_not_see_it(name):
    for cell in CHAPTERS[name].cells:
        shown = cell.metadata.get("mystnb", {})
        drawn = any("image/png" in output.get("data", {}) for output in cell.get("outputs", []))
        if drawn or "figure" in shown:
            assert len(shown["image"]["alt"]) >= 20 and shown["figure"]["caption"] and shown["figure"]["name"], cell.id
        for output in cell.get("outputs", []):
            page = output.get("data", {}).get("text/html", "")
            assert all(re.search(r'alt="[^"]{10,}"', tag) for tag in re.findall('<img src="data:[^>]*>', page)), cell.id


def test_every_chapter_tells_its_goals_and_ends_with_summary_and_exercises():
    for path in notebooks.chapters(BOOK.parent):
        if path.stem[:2] not in ("08", "09"):
            text = "\n".join(cell.source for cell in notebooks.read(path).cells if cell.cell_type == "markdown")
            goals = text[: text.index("\n## ")].split("You will be able to\n\n")[1]
            assert goals.startswith("- "), path.stem
            heads = [line for line in text.splitlines() if line.startswith("## ")]
            assert heads[-2:] == ["## Summary", "## Exercises"], path.stem
