"""The colouring widget in a built page, opened from disk: the network runs there, and its colours are the package's."""

import base64
from pathlib import Path

import pytest
import torch
from PIL import Image
from skimage.data import astronaut, camera, coffee

import genimg as gi
from genimg.data.catalogue import SCENES
from genimg.live import site
from genimg.widgets import Colouring

ROOT = Path(__file__).parents[2]
CSS = (ROOT / "book" / "_static" / "genimg.css").read_text("utf-8")
# As much of a page by Sphinx as the host script and the style sheet ask for.
PAGE = """<!doctype html><html lang="en" data-content_root="./" data-theme="{theme}"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>page</title>
<style>body {{ margin: 16px; font-family: sans-serif; background: {paper}; color: {ink}; }} {css}</style>
<div class="bd-content"><div class="bd-article"><div class="cell_output"><div class="output text_html">
{html}</div></div></div></div></html>"""


def tensor(picture):
    """Bytes (h, w) or (h, w, 3) → (1 or 3, h, w) in [0, 1]."""
    x = torch.from_numpy(picture.copy()).float() / 255
    return x[None] if x.ndim == 2 else x.permute(2, 0, 1)


@pytest.fixture(scope="module")
def G():
    return gi.zoo.load("colours-scenes", kind="colours")[0]


@pytest.fixture(scope="module")
def html(G):
    pictures = {"cup": tensor(coffee()[::2, ::2]), "camera": tensor(camera()[::2, ::2])}
    return Colouring(G, pictures, SCENES)._repr_mimebundle_()[0]["text/html"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A site with the network in it."""
    folder = tmp_path_factory.mktemp("site")
    site.write(folder, ROOT / "build", ["colours"])
    return folder


@pytest.fixture
def show(watched, html):
    def open_page(folder, width=1200, dark=False, before="", **options):
        look = {"theme": "dark", "paper": "#121212", "ink": "#ddd"} if dark else {}
        look = {"theme": "light", "paper": "#fff", "ink": "#222"} | look
        (folder / "page.html").write_text(PAGE.format(css=CSS, html=html, **look), "utf-8")
        page = watched(viewport={"width": width, "height": 1100}, **options)
        page.add_init_script(before)
        page.goto((folder / "page.html").as_uri())
        return page

    return open_page


def shown(page, name):
    page.locator(f'.gwc[data-shown="{name}"]').wait_for()
    return page.locator(".gwc")


def saved(page, path):
    """The coloured picture as it is downloaded, (3, h, w) in 0 to 255."""
    with page.expect_download() as file:
        page.get_by_role("button", name="Download").click()
    file.value.save_as(path)
    return 255 * tensor_of(path), file.value.suggested_filename


def tensor_of(path):
    import numpy as np

    return tensor(np.asarray(Image.open(path).convert("RGB")))


@pytest.mark.parametrize(("size", "grey"), [((512, 300), False), ((211, 400), True), ((64, 64), False), ((40, 31), False)])
def test_its_colours_are_those_of_the_package(show, folder, G, tmp_path, size, grey):
    width, height = size
    picture = Image.fromarray(astronaut()[:height, -width:] if not grey else camera()[:height, -width:])
    picture.save(tmp_path / "own.png")
    page = show(folder)
    root = shown(page, "cup")
    assert page.evaluate("globalThis.genimgSessions") is None  # the network comes with the first click
    root.locator("input[type=file]").set_input_files(tmp_path / "own.png")
    shown(page, "own.png")
    found, name = saved(page, tmp_path / "coloured.png")
    assert name == "own-coloured.png"
    expected = 255 * gi.colorize.colorize(G, tensor_of(tmp_path / "own.png")[None])[0]
    assert found.shape == expected.shape == (3, height, width)
    assert float((found - expected).abs().max()) <= 2
    assert float((expected - expected.mean(0)).abs().max()) > 5  # there are colours to compare
    assert root.locator("[data-figure=original]").is_visible() == (not grey)
    assert page.complaints == page.outside == []
