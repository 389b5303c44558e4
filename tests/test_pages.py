import hashlib
import json
import zipfile

import nbformat
import pytest

from genimg._base.errors import UsageError
from genimg.press import address, notebooks, pages
from genimg.press.address import Address

CONFIG = """
title: A book
execute: {execute_notebooks: "off"}
only_build_toc_files: true
repository: {url: ""}
"""


@pytest.fixture
def book(project, tmp_path):
    for name in ("01_a", "02_b"):
        path = project(name, "1 + 1")
        notebooks.write(notebooks.normalise(notebooks.read(path)), path)
    (tmp_path / "_config.yml").write_text(CONFIG)
    (tmp_path / "_toc.yml").write_text(
        "format: jb-book\nroot: book/index\nchapters: [{file: book/01_a}, {file: book/02_b}]\n"
    )
    (tmp_path / "book" / "index.md").write_text("# Index\n\nSee {doc}`01_a`.\n")
    (tmp_path / "book" / "_static").mkdir()
    (tmp_path / "book" / "_static" / "x.css").write_text("")
    (tmp_path / "book" / ".ipynb_checkpoints").mkdir()
    return tmp_path


def executed(book, name, mark):
    nb = notebooks.read(book / "book" / f"{name}.ipynb")
    nb.cells[-1].update(execution_count=1, outputs=[nbformat.v4.new_output("stream", name="stdout", text=mark)])
    notebooks.parameters_cell(nb).source = "profile = 'full'"
    notebooks.write(notebooks.normalise(nb), book / "build" / "book" / f"{name}.ipynb")


def staged(book, name):
    return (book / "build" / "site" / "book" / f"{name}.ipynb").read_text()


def test_executed_chapters_are_staged_where_there_are_some(book):
    executed(book, "01_a", "from the run")
    notes = pages.stage(book, pages.default_executed(book), book / "build" / "site")
    assert "from the run" in staged(book, "01_a") and "from the run" not in staged(book, "02_b")
    assert notes == ["02_b: as committed, it has not been run"]


def test_a_page_shows_whole_solutions_without_the_markers_of_the_class(book, project):
    project("01_a", "x = 0\n### BEGIN SOLUTION\nx = 1\n### END SOLUTION")
    pages.stage(book, None, book / "build" / "site")
    cell = notebooks.read(book / "build" / "site" / "book" / "01_a.ipynb").cells[-1]
    assert cell.source == "x = 0\nx = 1"


def test_a_result_of_another_text_is_not_shown(book, project):
    executed(book, "01_a", "from the run")
    executed(book, "02_b", "from the run")
    project("01_a", "1 + 2")
    notes = pages.stage(book, book / "build" / "book", book / "build" / "site")
    assert notes == ["01_a: as committed, its text has changed since it was run"]
    assert "from the run" not in staged(book, "01_a") and "from the run" in staged(book, "02_b")


def test_without_a_run_the_committed_chapters_are_staged(book):
    assert pages.default_executed(book) is None
    assert pages.stage(book, None, book / "build" / "site") == []
    assert staged(book, "01_a") == (book / "book" / "01_a.ipynb").read_text()


def test_staging_brings_everything_else_and_no_left_overs(book):
    site = book / "build" / "site"
    (site / "book").mkdir(parents=True)
    (site / "book" / "gone.md").write_text("# Old")
    (book / "_build").mkdir()
    pages.stage(book, None, site)
    found = sorted(str(path.relative_to(site)) for path in site.rglob("*") if path.is_file())
    text = ["book/01_a.ipynb", "book/02_b.ipynb", "book/_static/x.css", "book/index.md"]
    readers = ["_readers/01_a.ipynb", "_readers/02_b.ipynb"]
    assert found == ["_config.yml", *readers, "_toc.yml", "api.md", *text, "genindex.md"]


def test_times_come_from_the_manifest_of_the_run(book):
    (book / "book" / "index.md").write_text("a {{seconds:01_a}}, b {{seconds:02_b}}, c {{seconds:03_c}}")
    executed(book, "01_a", "x")
    entries = {"01_a": {"seconds": 12.34, "status": "ok"}, "02_b": {"seconds": 5.0, "status": "failed"}}
    (book / "build" / "book" / "manifest.json").write_text(json.dumps({"chapters": entries}))
    pages.stage(book, book / "build" / "book", book / "site")
    assert (book / "site" / "book" / "index.md").read_text() == "a 12 s, b –, c –"
    pages.stage(book, None, book / "site")
    assert (book / "site" / "book" / "index.md").read_text() == "a –, b –, c –"


def test_a_result_is_staged_with_where_it_comes_from(book):
    committed = book / "book" / "01_a.ipynb"
    nb = notebooks.read(committed)
    nb.cells[-1].metadata["genimg"] = {"provenance": {"data": "digits"}}
    notebooks.write(nb, committed)
    before = committed.read_bytes()
    executed(book, "01_a", "from the run")
    result = book / "build" / "book" / "01_a.ipynb"
    entry = {"status": "ok", "seconds": 12.3, "device": "a CPU", "commit": "0123456789", "weights": {}}
    entry["sha256"] = hashlib.sha256(result.read_bytes()).hexdigest()
    (result.parent / "manifest.json").write_text(json.dumps({"chapters": {"01_a": entry}}))

    pages.stage(book, result.parent, book / "site")
    site = book / "site" / "book" / "01_a.ipynb"
    assert "Run: profile full, a CPU, whole chapter 12 s, commit 0123456." in site.read_text()
    pages.stage(book, None, book / "site")
    assert "a CPU" not in site.read_text() and "Data: digits." not in site.read_text()  # nothing was ever run
    assert committed.read_bytes() == before

    (result.parent / "manifest.json").write_text(json.dumps({"chapters": {"01_a": entry | {"sha256": "of another"}}}))
    pages.stage(book, result.parent, book / "site")
    assert "a CPU" not in site.read_text() and "not run where this page was built" in site.read_text()


def test_pages_are_built_and_a_warning_is_an_error(book):
    executed(book, "01_a", "from the run")
    pages.stage(book, book / "build" / "book", book / "build" / "site")
    index = pages.build(book, book / "build" / "site", book)
    assert index == book / "_build" / "html" / "index.html" and index.is_file()
    page = (book / "_build" / "html" / "book" / "01_a.html").read_text()
    assert "from the run" in page
    assert 'data-content_root="../"' in page  # by which a widget knows where the folder of networks lies

    (book / "build" / "site" / "book" / "index.md").write_text("# Index\n\nSee {doc}`nowhere`.\n")
    with pytest.raises(UsageError, match=r"jupyter-book failed: .*unknown document.*all of it is in .*pages\.log"):
        pages.build(book, book / "build" / "site", book)


@pytest.mark.parametrize("where", [Address("someone", "a-fork", "0" * 40), None], ids=["with an address", "without"])
def test_buttons_lead_to_the_address_or_to_the_notebook_itself(book, where):
    setup = nbformat.v4.new_code_cell(address.setup_cell(None), metadata={"tags": ["remove-cell"]})
    nb = notebooks.read(book / "book" / "01_a.ipynb")
    nb.cells.insert(1, setup)
    notebooks.write(notebooks.normalise(nb), book / "book" / "01_a.ipynb")
    site = book / "build" / "site"
    pages.stage(book, None, site, where)
    html = pages.build(book, site, book).parent
    page = (html / "book" / "01_a.html").read_text()
    colab = "https://colab.research.google.com/github/someone/a-fork/blob/gh-pages/_sources/book/01_a.ipynb"
    assert (colab in page) == (where is not None) == ('href="https://github.com/someone/a-fork"' in page)
    assert where or ("github.com" not in page and "colab" not in page)
    assert "../_sources/book/01_a.ipynb" in page  # the button that downloads it
    assert pages.add_downloads(book, site, html, where)[0].startswith(
        "no wheel lies beside these pages: "
    )  # no package here
    taken = notebooks.read(html / "_sources" / "book" / "01_a.ipynb")
    assert notebooks.code_cells(taken)[0].source == f"#@title Installation\n{address.setup_cell(where)}"
    assert (f"]({colab})" in taken.cells[0].source) == (where is not None)
    home = "https://someone.github.io/a-fork/" if where else "../../"
    assert f"]({home}index.html)" in taken.cells[0].source
    edited = notebooks.read(html / "_sources" / "myst" / "01_a.ipynb")
    assert notebooks.code_cells(edited)[0].source == address.setup_cell(where)


def test_the_bundle_is_the_site_in_one_folder(tmp_path):
    html = tmp_path / "html"
    (html / "book").mkdir(parents=True)
    (html / "index.html").write_text("<p>one</p>")
    (html / "book" / "a.html").write_text("<p>two</p>")
    archive = pages.bundle(html, tmp_path / "genimg-book.zip")
    with zipfile.ZipFile(archive) as opened:
        files = {name for name in opened.namelist() if not name.endswith("/")}
        assert files == {"genimg-book/index.html", "genimg-book/book/a.html"}
        assert opened.read("genimg-book/book/a.html") == b"<p>two</p>"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["genimg-book.zip", "html"]


def test_a_page_shows_no_bookkeeping_and_readers_get_the_whole_code(book):
    committed = book / "book" / "01_a.ipynb"
    nb = notebooks.read(committed)
    nb.cells[-1].source = 'x = f(\n    1, 2,\n)  # fmt: skip\nglue("x", round(x, 2))\nprint("glue(x)")'
    notebooks.write(nb, committed)
    pages.stage(book, None, book / "site")
    shown = notebooks.read(book / "site" / "book" / "01_a.ipynb").cells[-1].source
    assert shown == 'x = f(\n    1, 2,\n)\nprint("glue(x)")'
    assert "glue" in notebooks.read(book / "site" / pages.READERS / "01_a.ipynb").cells[-1].source


def test_buttons_of_the_contents_have_names(tmp_path):
    page = tmp_path / "page.html"
    button = '<details><summary><span class="toctree-toggle" role="presentation"></span></summary></details>'
    page.write_text(
        f"<html><head lang='en'></head><body>{button}<details><summary>Hint</summary></details></body></html>"
    )
    pages._close(tmp_path)
    text = page.read_text()
    assert text.count("<summary aria-label=") == 1 and "<summary>Hint" in text
    assert text.index("<head lang='en'>") < text.index("Content-Security-Policy") < text.index("</head>")
