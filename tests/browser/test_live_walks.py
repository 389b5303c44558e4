"""The trained networks in a page, over http and from disk: what they compute, and what stays where they cannot run."""

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

import genimg as gi
from genimg.widgets import LatentPath
from genimg.widgets.live import GRAPHS, site
from genimg.widgets.page import module, page_html

ROOT = Path(__file__).parents[2]
CSS = (ROOT / "book" / "_static" / "genimg.css").read_text("utf-8")
# As Sphinx begins a page one folder below the site's root.
PAGE = """<!doctype html><html data-content_root="../" data-theme="{theme}"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>page</title>
<style>body {{ margin: 16px; font-family: sans-serif; background: {paper}; color: {ink}; }} {css}</style>
{html}</html>"""
# A widget that shows nothing and lets the test ask.
ASK = """
export default { render({ model }) {
  const each = (group, change) => Object.fromEntries(Object.entries(group).map(([key, one]) => [key, change(one)]));
  window.ask = async (name, inputs) => {
    const session = await openLive(model, name);
    const outputs = await session.run(each(inputs, ({ data, dims }) => ({ data: Float32Array.from(data), dims })));
    return each(outputs, ({ data, dims }) => ({ data: [...data], dims: [...dims] }));
  };
} };
"""


@pytest.fixture(scope="module")
def html(tmp_path_factory):
    """A site of its own with the folder of networks in it."""
    folder = tmp_path_factory.mktemp("html")
    site.write(folder, ROOT / "build")
    (folder / "book").mkdir()
    (folder / "favicon.ico").touch()  # browsers ask a server for it, and would complain
    return folder


@pytest.fixture(scope="module")
def addresses(html):
    """Where that site is, by the way to it."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(html)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield {"file": html.as_uri(), "http": f"http://127.0.0.1:{server.server_address[1]}"}
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def walk():
    G, _ = gi.zoo.load("digits")
    a, b = torch.randn(2, G.latent, generator=gi.rng(7))
    score = gi.Detector.load("history-digits").score
    return LatentPath.between(
        G, a, b, "Two digits", critic=score, score="anomaly score", live="digits", steps=9, scale=7
    )


@pytest.fixture
def show(watched, html, addresses):
    def open_page(content, way="file", width=1200, dark=False, script="", **options):
        look = {"theme": "dark", "paper": "#121212", "ink": "#ddd"} if dark else {}
        look = {"theme": "light", "paper": "#fff", "ink": "#222"} | look
        (html / "book" / "page.html").write_text(PAGE.format(css=CSS, html=content, **look), "utf-8")
        page = watched(viewport={"width": width, "height": 700}, **options)
        page.set_default_timeout(60_000)  # for a busy machine
        if script:
            page.add_init_script(script)
        page.goto(f"{addresses[way]}/book/page.html")
        return page

    return open_page


def html_of(widget):
    return widget._repr_mimebundle_()[0]["text/html"]


@pytest.mark.parametrize("way", ["file", "http"])
def test_the_browser_computes_what_torch_computes(show, way):
    page = show(page_html(module() + ASK, {}, "<p>nothing</p>"), way)
    page.wait_for_function("!!window.ask")
    for name, make in GRAPHS.items():
        graph = make()
        inputs = {key: {"data": x.flatten().tolist(), "dims": list(x.shape)} for key, x in graph.inputs.items()}
        found = page.evaluate("([name, inputs]) => ask(name, inputs)", [name, inputs])
        with torch.no_grad():
            expected = graph.module(*graph.inputs.values())
        expected = expected if isinstance(expected, tuple) else (expected,)
        assert list(found) == list(graph.outputs)
        for (output, one), other in zip(found.items(), expected, strict=True):
            scale = max(1.0, float(other.abs().max()))
            one = torch.tensor(one["data"]).view(one["dims"])
            # A slope jumps at the kinks of |u| and ReLU, and each processor passes another of them by rounding.
            within = 1e-2 if output == "slope" else 1e-4
            torch.testing.assert_close(one / scale, other / scale, atol=within, rtol=0)
    assert page.complaints == page.outside == []


def wait(page, words):
    page.locator(".gwl .live [role=status]", has_text=words).wait_for()


def path_of(page):
    return page.locator(".gwl svg path[style]").get_attribute("d")


@pytest.mark.parametrize(("way", "width", "dark"), [("file", 400, True), ("http", 1200, False)])
def test_a_walk_is_computed_in_the_page(show, shot, walk, way, width, dark):
    page = show(html_of(walk), way, width, dark)
    asked = "performance.getEntriesByType('resource').filter(({ name }) => name.includes('_live/')).length"
    assert page.evaluate(asked) == 0  # nothing is loaded before the click
    root = page.locator(".gwl")
    root.wait_for()
    image, slider, baked = root.locator("img"), root.get_by_role("slider"), path_of(page)
    slider.focus()
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    before = image.get_attribute("src")
    assert "t = 0.25" in root.locator("p").inner_text()
    shot(page, f"live-walk-before-{width}{'-dark' * dark}")
    root.get_by_role("button").focus()
    page.keyboard.press("Enter")
    wait(page, "run in this page now")
    page.wait_for_function("(src) => document.querySelector('.gwl img').src !== src", arg=before)
    # The same picture, pixel by pixel but for rounding, and the same score.
    pixels = page.evaluate(
        """async (urls) => Promise.all(urls.map(async (url) => {
          const image = Object.assign(new Image(), { src: url });
          await image.decode();
          const canvas = Object.assign(document.createElement("canvas"), { width: 28, height: 28 });
          canvas.getContext("2d").drawImage(image, 0, 0);
          return [...canvas.getContext("2d").getImageData(0, 0, 28, 28).data];
        }))""",
        [before, image.get_attribute("src")],
    )
    assert max(abs(one - other) for one, other in zip(*pixels, strict=True)) <= 1
    assert f"anomaly score {float(walk.scores[0][2]):.3g}".replace("-", "−") in root.locator("p").inner_text()
    assert path_of(page) == baked
    slider.focus()
    page.keyboard.press("ArrowRight")
    root.locator("p", has_text="t = 0.26").wait_for()  # between two of the pictures that were computed before
    between, line = image.get_attribute("src"), path_of(page)
    root.get_by_role("button", name="other ends").click()
    page.wait_for_function(
        """(line) => {
          const now = document.querySelector(".gwl svg path[style]").getAttribute("d");
          return now !== line && now.split("L").length === 10;
        }""",
        arg=line,
    )
    assert image.get_attribute("src") not in (before, between)
    root.locator("label", has_text="on the sphere").click()
    root.locator("p", has_text="on the sphere, t = 0.26").wait_for()
    box = root.locator("svg").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.7, box["y"] + box["height"] / 2)
    root.locator("p", has_text="t = 0.71").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.complaints == page.outside == []
    shot(page, f"live-walk-{width}{'-dark' * dark}")


def test_without_webassembly_picture_and_sentence_stay(show, shot, walk):
    page = show(html_of(walk), script="delete globalThis.WebAssembly")
    root = page.locator(".gwl")
    wait(page, "WebAssembly is switched off in this browser, so no network can run here. What was computed")
    assert not root.get_by_role("button").is_visible()
    start = root.locator("img").get_attribute("src")
    root.get_by_role("slider").focus()
    page.keyboard.press("ArrowRight")
    assert root.locator("img").get_attribute("src") not in ("", start)
    assert page.complaints == page.outside == []
    shot(page, "live-walk-without-webassembly")


def test_a_copy_without_networks_says_so(show, walk, html, tmp_path):
    folder = html / site.FOLDER
    folder.rename(tmp_path / "elsewhere")
    try:
        page = show(html_of(walk), "http")
        page.locator(".gwl").get_by_role("button").click()
        wait(page, "This copy of the book has come without its networks. What was computed before stays.")
    finally:
        (tmp_path / "elsewhere").rename(folder)
    assert all("404" in complaint for complaint in page.complaints)
    page.locator(".gwl").get_by_role("button").click()  # the folder is back, and a second try is allowed
    wait(page, "run in this page now")


def test_outside_a_built_page_nothing_is_offered(watched, walk, tmp_path):
    (tmp_path / "page.html").write_text(f"<!doctype html><meta charset='utf-8'>{html_of(walk)}", "utf-8")
    page = watched()
    page.goto((tmp_path / "page.html").as_uri())
    page.locator(".gwl").wait_for()
    assert not page.locator(".gwl .live").is_visible()
