"""The drawing board of a built page: a hole is painted and filled there, by the networks beside the page alone."""

import http.server
import re
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.data import astronaut

import genimg as gi
from genimg.plots import pixels
from genimg.problems.inpaint import Encoder, Loss, blend, masks, search_steps
from genimg.widgets import MaskPainter
from genimg.widgets.live import search, site
from genimg.widgets.wire import cell_of

ROOT = Path(__file__).parents[2]
CSS = (ROOT / "book" / "_static" / "genimg.css").read_text("utf-8")
# As much of a page of the book as the widget asks for: Sphinx says where the site begins.
PAGE = """<!doctype html><html data-content_root="./" data-theme="{theme}" lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>page</title>
<style>body {{ margin: 16px; font-family: sans-serif; background: {paper}; color: {ink}; }} {css}</style>
<div class="bd-content"><div class="bd-article"><div class="cell_output"><div class="output text_html">
{html}</div></div></div></div></html>"""

# Notes what goes into the first steps of a search and comes out of them, and the best picture.
LISTEN = """async () => {
  const session = await genimgSessions["graph search"];
  const run = session.run;
  globalThis.seen = [];
  globalThis.best = { loss: Infinity };
  session.run = async (inputs) => {
    const outputs = await run(inputs);
    const all = Object.entries({ ...inputs, ...outputs }).map(([name, { data }]) => [name, Array.from(data)]);
    if (seen.length < 5) seen.push(Object.fromEntries(all));
    if (outputs.loss.data[0] < best.loss) best = { loss: outputs.loss.data[0], x: Array.from(outputs.x.data) };
    return outputs;
  };
}"""


@pytest.fixture(scope="module")
def images():
    """(2, 3, 64, 64): a real face and a generated one, as the board shows them, in 8 bits."""
    photo = Image.fromarray(astronaut()[25:195, 135:305]).resize((64, 64), Image.Resampling.LANCZOS)
    real = torch.from_numpy(np.array(photo)).permute(2, 0, 1)[None] / 127.5 - 1
    G, _ = gi.zoo.load("faces")
    y = torch.cat([real, G(torch.randn(1, G.latent, generator=gi.rng(5)))])
    return torch.from_numpy(pixels(y)).permute(0, 3, 1, 2) / 127.5 - 1


@pytest.fixture(scope="module")
def painter(images):
    presets = {name: masks.preset(name, 64, seed=1)[0, 0] for name in ("centre", "strokes")}
    named = {"names": ["astronaut", "generated"], "label": "a face"}
    return MaskPainter(images, presets, mask="centre", result=images[1], live="search", **named)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of a site with its networks."""
    home = tmp_path_factory.mktemp("site")
    site.write(home, ROOT / "build", ("search", "encoder"))
    return home


@pytest.fixture(scope="module")
def host(folder):
    handler = type("Quiet", (http.server.SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def show(watched, painter, folder):
    def open_page(width=1200, dark=False, address=None, before="", home=folder, **options):
        look = {"theme": "dark", "paper": "#121212", "ink": "#ddd"} if dark else {}
        look = {"theme": "light", "paper": "#fff", "ink": "#222"} | look
        html = painter._repr_mimebundle_()[0]["text/html"]
        (home / "page.html").write_text(PAGE.format(css=CSS, html=html, **look), "utf-8")
        page = watched(viewport={"width": width, "height": 900}, **options)
        page.set_default_timeout(60_000)  # for a busy machine
        page.add_init_script(before)
        page.goto(f"{address or home.as_uri()}/page.html")
        return page

    return open_page


def ended(root, phase):
    root.page.locator(f".gwm[data-phase={phase}]").wait_for(timeout=240_000)
    return root.locator("[data-out=note]").inner_text()


def results(root):
    """What can be compared, as pictures."""
    found = {}
    for name in ("raw", "overlay", "Poisson", "original"):
        root.locator(".compare label", has_text=name).click()
        found[name] = cell_of(root.locator(".sheet img").get_attribute("src"))
    return found


def test_a_painted_hole_is_filled_as_the_package_fills_it(show, shot, images):
    page = show()
    root = page.locator(".gwm")
    root.wait_for()
    assert page.evaluate("globalThis.genimgSessions") is None  # nothing is loaded with the page
    root.get_by_role("radio", name="generated").check(force=True)
    root.get_by_role("button", name="clear").click()
    box = root.locator("canvas").bounding_box()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.4 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.45 * box["height"], steps=5)
    page.mouse.up()
    count = root.locator("[data-out=count]").inner_text()
    root.locator("canvas").focus()
    page.keyboard.press("Enter")
    root.locator("[data-out=note]", has_text="step").wait_for()
    assert root.locator(".sheet img").is_visible()
    page.keyboard.press("Escape")
    ended(root, "stopped")
    page.evaluate(LISTEN)
    root.get_by_role("button", name="Fill the hole").click()
    page.wait_for_function("seen.length > 1")
    note = ended(root, "done")
    found = results(root)
    root.locator(".spoken", has_text=note).wait_for(state="attached")
    root.locator(".compare label", has_text="Poisson").click()
    shot(page, "live-search-1200")

    seen = [
        {name: torch.tensor(values, dtype=torch.float32) for name, values in step.items()}
        for step in page.evaluate("seen")
    ]
    mask, y, start = (seen[0][name] for name in ("mask", "y", "z"))
    mask = mask.view(1, 1, 64, 64)
    assert count.startswith(f"{int((1 - mask).sum())} of 4096") and 200 < float((1 - mask).sum()) < 400
    assert torch.allclose(y.view(1, 3, 64, 64), images[1:], atol=1e-6)
    G, D = search().module.G, search().module.D
    begun = Encoder.load("faces-encoder")(images[1:], mask)[0]
    assert (start - begun).norm() < 1e-3 * begun.norm()

    loss = Loss(D, images[1:], mask, gi.inpaint.Search.of(gi.zoo.recipe("faces")).formulation)
    z = start[None].clone().requires_grad_()
    value = loss(G(z), torch.tensor([0]))
    (slope,) = torch.autograd.grad(value.sum(), z)
    assert float(seen[0]["loss"]) == pytest.approx(float(value.detach()), rel=1e-4)
    # Each step passes kinks, of |u| and of ReLU, on the one side or on the other; later ones part.
    assert (seen[0]["slope"] - slope[0]).norm() < 1e-2 * slope.norm()
    for ours, theirs in zip(seen, search_steps(G, loss, start[None, None], steps=4, lr=0.03), strict=False):
        assert float(ours["loss"]) == pytest.approx(float(theirs.loss), abs=1e-3 * float(seen[0]["loss"]))

    x = torch.tensor(page.evaluate("best.x")).view(1, 3, 64, 64)
    assert f"lowest loss {page.evaluate('best.loss'):.1f}" in note
    expected = dict(zip(("raw", "overlay", "Poisson"), blend(images[1:], x, mask), strict=True))
    for name, cell in found.items():
        off = cell.astype(int) - pixels(expected.get(name, images[1:]))[0]
        assert abs(off).max() <= 1, name
    assert page.complaints == page.outside == []


def test_on_a_phone_with_a_picture_of_ones_own(show, shot, host, tmp_path):
    Image.fromarray(astronaut()[:300]).save(tmp_path / "own.png")
    page = show(400, dark=True, address=host, has_touch=True, is_mobile=True, reduced_motion="reduce")
    root = page.locator(".gwm")
    root.wait_for()
    root.locator("input[type=file]").set_input_files(tmp_path / "own.png")
    note = root.locator("[data-out=note]")
    note.filter(has_text="It stays in this browser.").wait_for()
    root.get_by_role("button", name="strokes").tap()
    root.get_by_role("button", name="Fill the hole").tap()
    note.filter(has_text="step").wait_for()
    assert root.locator(".sheet img").is_hidden()  # nothing moves
    root.get_by_role("button", name="Stop").tap()
    assert ended(root, "stopped").startswith("Stopped at step")
    assert page.evaluate("document.activeElement.dataset.do") == "fill"
    assert len({picture.tobytes() for picture in results(root).values()}) == 4
    page.set_viewport_size({"width": 400, "height": 1400})
    shot(page, "live-search-400-dark")
    root.get_by_role("button", name="centre").tap()
    ended(root, "idle")
    assert root.locator(".compare label").count() == 0
    root.get_by_role("button", name="clear").tap()
    root.get_by_role("button", name="Fill the hole").tap()
    assert ended(root, "refused").startswith("Nothing is missing")
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    assert page.complaints == page.outside == []


def test_the_face_is_put_back_into_the_readers_photograph(show, shot, tmp_path):
    photo = astronaut()[:301, :407]  # odd sizes
    Image.fromarray(photo).save(tmp_path / "own.png")
    page = show()
    root = page.locator(".gwm")
    root.wait_for()
    assert root.locator(".photo").is_hidden()
    root.locator("input[type=file]").set_input_files(tmp_path / "own.png")
    canvas = root.get_by_role("application", name="own.png, 407 by 301 pixels: not filled yet")
    canvas.wait_for()
    root.get_by_role("slider", name="size of the square").fill("54")  # scaled about the middle
    box = canvas.bounding_box()
    unit = box["width"] / 407
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 + 20.4 * unit, box["y"] + box["height"] / 2 - 38 * unit, steps=4)
    page.mouse.up()
    canvas.focus()
    before = canvas.get_attribute("aria-label")
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "([one, old]) => one.getAttribute('aria-label') !== old", arg=[canvas.element_handle(), before]
    )
    side, left, top = (
        int(n)
        for n in re.search(r"of (\d+) pixels, (\d+) from the left, (\d+)", canvas.get_attribute("aria-label")).groups()
    )
    assert abs(side - 163) <= 1 and abs(left - (203.5 - 81.3 + 20.4 + 3)) <= 2 and abs(top - (150.5 - 81.3 - 38)) <= 2
    page.wait_for_timeout(400)  # the square rests and is sent
    seen = cell_of(root.get_by_role("radio", name="your own picture").locator("xpath=../span/img").get_attribute("src"))
    expected = Image.fromarray(photo).crop((left, top, left + side, top + side)).resize((64, 64), Image.Resampling.BOX)
    assert abs(seen.astype(int) - np.asarray(expected)).mean() < 8
    root.get_by_role("button", name="centre").click()
    root.get_by_role("button", name="Fill the hole").click()
    ended(root, "done")
    root.get_by_role("application", name="filled (Poisson)").wait_for()
    with page.expect_download() as saved:
        root.get_by_role("button", name="Download the filled photograph").click()
    saved.value.save_as(tmp_path / "back.png")
    assert saved.value.suggested_filename == "own-filled.png"
    with Image.open(tmp_path / "back.png") as picture:
        back = np.asarray(picture.convert("RGB"))
    rows, columns = np.nonzero((back != photo).any(axis=2))
    assert back.shape == photo.shape and len(rows) > 0.8 * (side / 2) ** 2
    edges = (top + side / 4, top + 3 * side / 4, left + side / 4, left + 3 * side / 4)
    found = (rows.min(), rows.max() + 1, columns.min(), columns.max() + 1)
    assert np.allclose(found, edges, atol=2.5)
    page.set_viewport_size({"width": 1200, "height": 1500})
    shot(page, "live-search-photograph")
    assert page.complaints == page.outside == []


def test_without_webassembly_the_picture_stays(show, shot):
    page = show(
        before="delete globalThis.WebAssembly; console.error = (...words) => (globalThis.said = words.join(' '))"
    )
    page.wait_for_function("globalThis.said?.includes('the picture stays')")
    assert page.locator(".gwm").count() == 0
    assert page.locator("img").count() == 3 and "with scripts and WebAssembly" in page.locator("p").inner_text()
    assert page.complaints == page.outside == []


def test_without_networks_it_says_so(show, tmp_path):
    page = show(home=tmp_path)
    root = page.locator(".gwm")
    root.wait_for()
    root.get_by_role("button", name="Fill the hole").click()
    assert "without its networks" in ended(root, "failed")
    assert root.get_by_role("img", name="a face: filled").is_visible()  # as on paper
    root.get_by_role("button", name="strokes").click()  # the board still works
    ended(root, "idle")
    assert root.locator(".sheet img").is_hidden()
    assert page.outside == []
