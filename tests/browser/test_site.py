"""The built book, page by page, from disk, in a browser that may reach nothing else: `make site`, after `make book`.

A formula that stays source text, a picture that is missing or has no alternative text, a link to nowhere, a complaint
in the console, a request to another host or a serious finding of axe-core fails the page it is on.
"""

import gzip
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from bs4 import BeautifulSoup

ROOT = Path(__file__).parents[2]
SITE = ROOT / "_build" / "html"
LIMIT = 2_000_000  # bytes of a page that is seen for the first time
MODELS = (".onnx", ".wasm")  # weighed by those who make them
PAGES = sorted(path for path in SITE.rglob("*.html") if not {"_static", "_sources"} & set(path.parts))


@pytest.fixture(scope="module")
def anchors():
    """Page → its ids, each page read once."""
    return {path.resolve(): {tag["id"] for tag in _parsed(path).find_all(id=True)} for path in PAGES}


def _parsed(path):
    return BeautifulSoup(path.read_text("utf-8"), "html.parser")


def test_there_is_a_book():
    names = {path.stem for path in PAGES}
    assert {path.stem for path in (ROOT / "book").glob("*.ipynb")} <= names, "make book comes first"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_stands_alone(path, watched, shot):
    page, asked = watched(viewport={"width": 1280, "height": 1000}), set()
    _whole(page)
    page.on("request", lambda request: asked.add(request.url.partition("?")[0]))
    page.goto(path.as_uri(), wait_until="load")
    # The first page of the site leads on to another one, which has to be there.
    page.wait_for_function(
        "document.readyState === 'complete' && !document.querySelector('meta[http-equiv=Refresh i]')"
    )
    page.wait_for_function("!window.MathJax || !MathJax.startup || MathJax.startup.promise.then(() => true)")
    formulas = page.evaluate(
        """() => ({
            written: document.querySelectorAll("main .math").length,
            typeset: document.querySelectorAll("main .math mjx-container").length,
            wrong: [...document.querySelectorAll("mjx-merror")].map((e) => e.textContent),
        })"""
    )
    assert formulas["wrong"] == [] and formulas["typeset"] >= formulas["written"]
    page.evaluate("document.querySelectorAll('img').forEach((image) => image.loading = 'eager')")
    pictures = page.evaluate(
        """async () => {
            // A widget may hold a place for a picture that is not asked for yet.
            const images = [...document.images].filter((image) => image.hasAttribute("src"));
            await Promise.all(images.map((image) => image.decode().catch(() => {})));
            return images.map((image) => [image.src.slice(0, 200), image.naturalWidth, image.hasAttribute("alt")]);
        }"""
    )
    assert [source for source, width, _ in pictures if not width] == []
    assert [source for source, _, described in pictures if not described] == []
    assert page.complaints == [] and page.outside == []
    shot(page, f"site-{path.stem}")
    assert _barriers(page) == []
    sent = {url: _sent(url) for url in asked}
    assert sum(sent.values()) <= LIMIT, sorted(((size, url) for url, size in sent.items()), reverse=True)[:12]


def _whole(page):
    """Shows all pieces of a chapter: what is away is neither seen nor checked."""
    page.add_init_script("localStorage.setItem('genimg-pieces', 'whole')")


def _sent(url):
    """Bytes of a file as hosts send it: text gzipped, as all of them do, anything else as it is."""
    path = Path(unquote(urlsplit(url).path))
    if not url.startswith("file:") or path.suffix in MODELS:
        return 0
    text = path.suffix in (".html", ".js", ".css", ".svg", ".json")
    return len(gzip.compress(path.read_bytes(), 6)) if text else path.stat().st_size


def _barriers(page):
    """What axe-core finds serious or critical; but the roles of a bibliography, which docutils writes."""
    return [
        f"{found['id']}: {node['target']} {node['failureSummary']}"
        for found in Axe().run(page).response["violations"]
        for node in found["nodes"]
        if found["impact"] in ("serious", "critical") and node["target"] != [".citation-list"]
    ]


@pytest.mark.parametrize("path", [path for path in PAGES if path.stem[0].isdigit()], ids=lambda path: path.stem)
def test_a_dark_page_is_legible(path, watched, shot):
    page = watched(viewport={"width": 390, "height": 900}, color_scheme="dark")
    _whole(page)
    page.goto(path.as_uri(), wait_until="load")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390  # nothing makes a phone scroll sideways
    shot(page, f"site-{path.stem}-dark")
    assert _barriers(page) == []


def test_a_dark_page_is_printed_dark_on_white(watched):
    page = watched(viewport={"width": 1280, "height": 900}, color_scheme="dark")
    page.goto(next(path for path in PAGES if path.stem[0].isdigit()).as_uri(), wait_until="load")
    brightness = """() => Object.fromEntries(
      [["text", ".bd-article p", "color"], ["paper", "body", "backgroundColor"], ["code", "pre span", "color"]]
        .map(([name, at, what]) => [name, getComputedStyle(document.querySelector(at))[what].match(/[0-9.]+/g)])
        .map(([name, values]) => [name, values.slice(0, 3).reduce((sum, value) => sum + Number(value), 0) / 3]))"""
    screen = page.evaluate(brightness)
    assert screen["text"] > 180 > 60 > screen["paper"]
    page.emulate_media(media="print")
    page.wait_for_function("document.documentElement.dataset.theme === 'light'", timeout=5000)
    paper = page.evaluate(brightness)
    assert paper["text"] < 80 and paper["code"] < 160 and paper["paper"] == 255
    page.emulate_media(media="screen")
    page.wait_for_function("document.documentElement.dataset.theme === 'dark'", timeout=5000)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_no_link_leads_nowhere(path, anchors):
    dead = []
    for link in _parsed(path).find_all("a", href=True):
        parts = urlsplit(link["href"])
        if parts.scheme or parts.netloc:
            continue
        target = (path.parent / unquote(parts.path)).resolve() if parts.path else path.resolve()
        known = target.is_file() and (not parts.fragment or target not in anchors or parts.fragment in anchors[target])
        if not known and link["href"] not in ("#", "javascript:void(0);"):
            dead.append(link["href"])
    assert dead == []
