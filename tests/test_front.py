"""The landing page's parts: cards from the chapters' own figures, times, downloads, the preview."""

from pathlib import Path

import nbformat
import pytest
from PIL import Image

from genimg._base.errors import UsageError
from genimg.press import front, notebooks
from genimg.press.address import Address

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("path", notebooks.chapters(ROOT), ids=lambda path: path.stem)
def test_every_chapter_has_a_card_from_its_own_figure(path, tmp_path):
    (tmp_path / "card.png").write_bytes(front.card(notebooks.read(path), path.stem))
    with Image.open(tmp_path / "card.png") as picture:
        assert picture.size == front.SIZE
        assert len(picture.getcolors(picture.width * picture.height)) > 50  # more than a white sheet
    text = (ROOT / "book" / "index.md").read_text("utf-8")
    assert f"_cards/{path.stem}.png" in text and f"{{{{time:{path.stem}}}}}" in text


def test_a_card_without_its_figure_is_one_line():
    with pytest.raises(UsageError, match="04_wgan: its card needs the figure of cell"):
        front.card(nbformat.v4.new_notebook(), "04_wgan")


def test_a_time_to_run_is_there_where_the_chapter_was_run():
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("word " * 1800)])
    assert front.time(nb, None) == "10 min to read"
    assert front.time(nb, {"seconds": 47.6}) == "10 min to read, 48 s to run"


def test_files_are_offered_where_they_are(tmp_path):
    site = tmp_path / "html"
    (site / "book").mkdir(parents=True)
    page = site / "book" / "index.html"
    page.write_text("<p>a</p><!-- downloads --><p>b</p>")
    archive = tmp_path / "genimg-book.zip"
    archive.write_bytes(bytes(2**20))
    front.offer(site, [archive])
    assert '<a href="../genimg-book.zip">' in page.read_text() and "(1 MB)" in page.read_text()
    assert (site / archive.name).stat().st_size == 2**20
    assert "<!-- downloads -->" in (ROOT / "book" / "index.md").read_text("utf-8")


@pytest.mark.parametrize("address", [None, Address("Me", "mine", "0" * 40)])
def test_a_link_to_a_page_shows_the_preview(tmp_path, monkeypatch, address):
    monkeypatch.setattr(front, "preview", lambda: Image.new("RGB", front.PREVIEW))
    (tmp_path / "_static").mkdir()
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "a.html").write_text("<html><head><title>A &amp; B</title></head><body></body></html>")
    front.announce(tmp_path, address)
    text = (tmp_path / "book" / "a.html").read_text()
    where = "https://me.github.io/mine/" if address else "../"
    assert f'<meta property="og:image" content="{where}_static/preview.jpg">' in text
    assert '<meta property="og:title" content="A &amp; B">' in text
    assert (tmp_path / "_static" / "preview.jpg").is_file()


def test_the_readme_opens_with_the_same_picture():
    assert "(docs/front.jpg)" in (ROOT / "README.md").read_text("utf-8")[:400]
    with Image.open(ROOT / "docs" / "front.jpg") as picture:
        assert picture.size == front.PREVIEW
