"""The book as one PDF: the built pages put one behind the other and printed by Chromium.

What only a screen can do is left out: folded code, buttons, widgets (their picture stays). Solutions are open. Links
between the pages lead inside the file, and the headings are its outline.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urldefrag

from genimg._base.errors import UsageError

if TYPE_CHECKING:
    from bs4 import BeautifulSoup, Tag

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
MINUTES = 10
ONLY_ON_SCREEN = "script, .headerlink, .copybtn, details.hide, [data-part=state], [data-part=module]"


def pages_in_order(root: Path) -> list[str]:
    """The pages of the book as `_toc.yml` lists them, such as `book/04_wgan`, but for those made for the screen."""
    import yaml

    def listed(node: Any) -> Iterator[str]:
        for key in ("root", "file"):
            if key in node:
                yield node[key]
        for key in ("parts", "chapters", "sections"):
            for each in node.get(key, ()):
                yield from listed(each)

    contents = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    return [name for name in listed(contents) if name not in ("api", "genindex")]


def one_page(html: Path, names: list[str]) -> str:
    """All pages as one, to lie where the first of them lies.

    Args:
        names: its pages, in order, without `.html`, all in one folder.

    Returns:
        HTML whose ids begin with the name of their page, so that no two are the same.
    """
    from bs4 import BeautifulSoup

    book: BeautifulSoup | None = None
    for name in names:
        page = BeautifulSoup((html / f"{name}.html").read_text(encoding="utf-8"), "html.parser")
        article = page.select_one("article.bd-article")
        if article is None:
            raise UsageError(f"{name}.html holds no article; build the pages first: genimg build")
        for tag in article.select(ONLY_ON_SCREEN):
            tag.decompose()
        _rename(article, Path(name).name, {Path(each).name for each in names})
        if book is None:
            book = _shell(page, article)
        else:
            book.select("article.bd-article")[-1].insert_after(article)
    if book is None:
        raise UsageError("_toc.yml names no page")
    return str(book)


def _shell(page: BeautifulSoup, article: Tag) -> BeautifulSoup:
    """The first page, of whose body only its article is left; its head loses what serves a screen."""
    for tag in page.select("head script[src]"):
        if "mathjax" not in str(tag["src"]):
            tag.decompose()
    for tag in page.select("head script:not([src])"):
        if "MathJax" not in tag.text:
            tag.decompose()
    assert page.html is not None and page.body is not None
    page.html["data-theme"] = page.html["data-mode"] = "light"
    page.body.clear()
    main = page.new_tag("main", attrs={"class": "bd-main bd-content"})
    main.append(article)
    page.body.append(main)
    return page


def _rename(article: Tag, own: str, names: set[str]) -> None:
    """Ids and the links to them, so that they are unique in the whole book."""
    for tag in article.select("[id]"):
        tag["id"] = f"{own}--{tag['id']}"
    for tag in article.select("[aria-labelledby], [aria-describedby], label[for]"):
        for key in {"aria-labelledby", "aria-describedby", "for"} & set(tag.attrs):
            tag[key] = f"{own}--{tag[key]}"
    article["id"] = f"page-{own}"
    for tag in article.select("a[href]"):
        path, anchor = urldefrag(str(tag["href"]))
        page = path.removesuffix(".html") if path else own
        if page in names:
            tag["href"] = f"#{page}--{anchor}" if anchor else f"#page-{page}"


def print_pdf(root: Path, html: Path, file: Path) -> Path:
    """Prints the book.

    Args:
        file: the PDF, there whole or not at all.

    Raises:
        UsageError: if there is no Chromium, or it fails.
    """
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise UsageError("a PDF needs Chromium, and none was found; on Debian: apt-get install chromium")
    names = pages_in_order(root)
    folder = (html / names[0]).parent
    part = file.with_suffix(".part.pdf")
    part.unlink(missing_ok=True)  # of a printing that was interrupted
    with tempfile.TemporaryDirectory() as profile, tempfile.NamedTemporaryFile(dir=folder, suffix=".html") as page:
        page.write(one_page(html, names).encode())
        page.flush()
        command = [
            browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}", "--no-first-run",
            "--no-pdf-header-footer", "--generate-pdf-document-outline", "--disable-background-networking",
            f"--virtual-time-budget={MINUTES * 60_000}", f"--print-to-pdf={part}", Path(page.name).as_uri(),
        ]  # fmt: skip
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=MINUTES * 60, check=False)
        except subprocess.TimeoutExpired:
            raise UsageError(f"{browser} has not printed the book after {MINUTES} minutes") from None
    if done.returncode or not part.is_file():
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise UsageError(f"{browser} printed no PDF: {last}")
    part.replace(file)
    return file
