"""What the widgets put into a static page, opened from disk: live where it can be, a fixed picture where not."""

from pathlib import Path

import anywidget
import pytest
import torch
from PIL import Image
from skimage.data import astronaut

import genimg as gi
from genimg.widgets import LatentPath, MaskPainter
from genimg.widgets.page import page_html

CSS = (Path(__file__).parents[2] / "book" / "_static" / "genimg.css").read_text("utf-8")
# As much of the book's theme as the style sheet asks for.
PAGE = """<!doctype html><html data-theme="{theme}"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>page</title>
<style>body {{ margin: 16px; font-family: sans-serif; background: {paper}; color: {ink}; }} {css}</style>
<div class="bd-content"><div class="bd-article"><div class="cell_output"><div class="output text_html">
{html}</div></div></div></div></html>"""


def html_of(widget):
    return widget._repr_mimebundle_()[0]["text/html"]


@pytest.fixture(scope="module")
def painter():
    photo = Image.fromarray(astronaut()[:256, 96:352]).resize((64, 64), Image.Resampling.LANCZOS)
    image = torch.frombuffer(bytearray(photo.tobytes()), dtype=torch.uint8).view(64, 64, 3).permute(2, 0, 1)
    image = image / 127.5 - 1
    mask = torch.ones(64, 64)
    mask[16:48, 16:48] = 0
    # No search here, only something to look at: the hole in the mean colour of what is known.
    mean = (image * mask).sum((1, 2), keepdim=True) / mask.sum()
    filled = mask * image + (1 - mask) * mean
    return MaskPainter(image[None], {"centre": mask}, result=filled, names=["astronaut"], label="a photograph")


@pytest.fixture(scope="module")
def path():
    G, D = gi.zoo.load("digits")
    a, b = torch.randn(2, G.latent, generator=gi.rng(7))
    return LatentPath.between(G, a, b, "Two digits", critic=D, steps=9, score="critic D", scale=7)


@pytest.fixture
def show(watched, tmp_path):
    def open_page(html, width=1200, dark=False, **options):
        look = {"theme": "dark", "paper": "#121212", "ink": "#ddd"} if dark else {}
        look = {"theme": "light", "paper": "#fff", "ink": "#222"} | look
        (tmp_path / "page.html").write_text(PAGE.format(css=CSS, html=html, **look), "utf-8")
        page = watched(viewport={"width": width, "height": 700}, **options)
        page.goto((tmp_path / "page.html").as_uri())
        return page

    return open_page


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [400, 1200])
def test_the_fixed_picture(show, shot, painter, width, dark):
    page = show(html_of(painter), width, dark)
    images = page.locator("img")
    assert images.count() == 3
    assert [images.nth(i).evaluate("(image) => image.naturalWidth") for i in range(3)] == [64] * 3
    assert images.nth(2).get_attribute("alt") == "a photograph: filled"
    assert "In a notebook" in page.locator("p").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.complaints == page.outside == []
    shot(page, f"fixed-{width}{'-dark' * dark}")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [400, 1200])
def test_the_walk_lives_in_the_page(show, shot, path, width, dark):
    page = show(html_of(path), width, dark)
    root = page.locator(".gwl")
    root.wait_for()
    image, start = root.locator("img"), root.locator("img").get_attribute("src")
    root.get_by_role("slider").focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    straight = image.get_attribute("src")
    root.locator("label", has_text="on the sphere").click()
    assert len({start, straight, image.get_attribute("src")}) == 3
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.complaints == page.outside == []
    shot(page, f"page-path-{width}{'-dark' * dark}")


def test_the_walk_without_scripts(show, shot, path):
    page = show(html_of(path), java_script_enabled=False)
    assert page.locator("img").count() == 2  # a film of each way
    shot(page, "page-path-without-scripts")


@pytest.mark.parametrize("dark", [False, True])
def test_a_finger_paints_on_a_phone(show, shot, painter, dark):
    """The drawing board itself, with nothing behind it: what it needs is in the traits alone."""
    module = Path(gi.widgets.__file__).with_name("mask_painter.js").read_text("utf-8")
    names = set(MaskPainter.class_trait_names(sync=True)) - set(anywidget.AnyWidget.class_trait_names(sync=True))
    state = {name: getattr(painter, name) for name in names - {"_esm", "_anywidget_id"}} | {"fills": True}
    html = page_html(module, state, "<p>a picture</p>")
    page = show(html, 400, dark, has_touch=True, is_mobile=True, reduced_motion="reduce")
    root = page.locator(".gwm")
    root.wait_for()
    count = root.locator("[data-out=count]")
    assert count.inner_text() == "1024 of 4096 pixels missing (25 %)"
    root.get_by_role("button", name="clear").tap()
    assert count.inner_text() == "nothing missing yet"
    box = root.locator("canvas").bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert count.inner_text() == "52 of 4096 pixels missing (1 %)"  # a disc of diameter 8
    root.get_by_role("button", name="centre").tap()
    if not dark:  # nobody is there to answer, and after some seconds the page says so
        root.get_by_role("button", name="Fill the hole").tap()
        root.locator("[data-out=note]", has_text="No answer yet").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    assert page.complaints == page.outside == []
    page.set_viewport_size({"width": 400, "height": 1250})
    shot(page, f"page-painter-400{'-dark' * dark}")
    page.set_viewport_size({"width": 1200, "height": 800})
    shot(page, f"page-painter-1200{'-dark' * dark}")
