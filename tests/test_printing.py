"""One file for paper: ids that are unique, links that stay inside, nothing that needs a screen."""

from collections import Counter

import pytest
from bs4 import BeautifulSoup

from genimg._base.errors import UsageError
from genimg.press import printing

PAGE = """<html data-theme="dark"><head><title>{name}</title><link rel="stylesheet" href="../_static/a.css">
<script src="../_static/mathjax/tex-chtml.js"></script><script src="../_static/search.js"></script>
<script>window.MathJax = 1</script><script>document.x = 1</script></head>
<body><nav>menu</nav><article class="bd-article"><h1 id="top">{name}<a class="headerlink" href="#top">#</a></h1>
<details class="admonition hide"><summary>code</summary>x = 1</details>
<a href="#top">here</a> <a href="{other}.html#top">there</a> <a href="{other}.html">page</a> <a href="https://x.org/#top">out</a>
<div class="genimg-widget"><div data-part="picture"><img src="a.png" alt="a"></div><script>go()</script></div>
</article><footer>next</footer></body></html>"""


@pytest.fixture
def site(tmp_path):
    (tmp_path / "_toc.yml").write_text(
        "format: jb-book\nroot: book/01_a\nparts:\n  - caption: C\n    chapters:\n      - file: book/02_b\n"
    )
    (tmp_path / "html" / "book").mkdir(parents=True)
    for name, other in (("01_a", "02_b"), ("02_b", "01_a")):
        (tmp_path / "html" / "book" / f"{name}.html").write_text(PAGE.format(name=name, other=other))
    return tmp_path


def test_pages_are_put_together_in_the_order_of_the_book(site):
    names = printing.pages_in_order(site)
    assert names == ["book/01_a", "book/02_b"]
    page = BeautifulSoup(printing.one_page(site / "html", names), "html.parser")
    assert [h.text for h in page.select("h1")] == ["01_a", "02_b"]
    ids = Counter(tag["id"] for tag in page.select("[id]"))
    assert set(ids) == {"page-01_a", "page-02_b", "01_a--top", "02_b--top"} and set(ids.values()) == {1}
    links = [a["href"] for a in page.select("a")]
    assert links[:4] == ["#01_a--top", "#02_b--top", "#page-02_b", "https://x.org/#top"]
    assert links[4:7] == ["#02_b--top", "#01_a--top", "#page-01_a"]
    assert not page.select("nav, footer, details, .headerlink, body script")
    assert [img["alt"] for img in page.select(".genimg-widget img")] == ["a", "a"]
    assert [s.get("src") or s.text for s in page.select("head script")] == [
        "../_static/mathjax/tex-chtml.js",
        "window.MathJax = 1",
    ]
    assert page.html["data-theme"] == "light"


def test_a_missing_or_failing_browser_is_one_line(site, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(UsageError, match=r"a PDF needs Chromium, .*apt-get install chromium"):
        printing.print_pdf(site, site / "html", site / "book.pdf")
    browser = site / "browser"
    browser.write_text("#!/bin/sh\necho first >&2\necho no display >&2\nexit 3\n")
    browser.chmod(0o755)
    monkeypatch.setattr("shutil.which", lambda name: str(browser))
    with pytest.raises(UsageError, match="printed no PDF: no display"):
        printing.print_pdf(site, site / "html", site / "book.pdf")
    assert sorted(p.name for p in site.rglob("*.html")) == ["01_a.html", "02_b.html"] and not list(site.rglob("*.pdf"))


def test_pages_come_first(site):
    (site / "html" / "book" / "02_b.html").write_text("<p>nothing")
    with pytest.raises(UsageError, match="02_b.html holds no article"):
        printing.one_page(site / "html", printing.pages_in_order(site))
