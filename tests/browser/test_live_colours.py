"""The colouring widget in a built page, opened from disk: the network runs there, and its colours are the package's."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.data import astronaut, camera, coffee

import genimg as gi
from genimg.widgets import Colouring
from genimg.widgets.live import site
from genimg.widgets.page import module
from genimg.widgets.wire import cell_of

SCENES = [f"word {k}" for k in range(1000)]
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
    return gi.zoo.load("colours", kind="colours")[0]


@pytest.fixture(scope="module")
def html(G):
    pictures = {"cup": tensor(coffee()[::2, ::2]), "camera": tensor(camera()[::2, ::2])}
    return Colouring(G, pictures, SCENES, live="colours")._repr_mimebundle_()[0]["text/html"]


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
        page.set_default_timeout(60_000)  # for a busy machine
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
    return tensor(np.asarray(Image.open(path).convert("RGB")))


@pytest.mark.parametrize(
    ("size", "grey"), [((512, 300), False), ((211, 400), True), ((64, 64), False), ((40, 31), False)]
)
def test_its_colours_are_those_of_the_package(show, folder, G, tmp_path, size, grey):
    width, height = size
    picture = Image.fromarray(astronaut()[:height, -width:] if not grey else camera()[:height, -width:])
    picture.save(tmp_path / "фото 1.png")
    page = show(folder)
    root = shown(page, "cup")
    assert page.evaluate("globalThis.genimgSessions") is None  # the network comes with the first click
    root.locator("input[type=file]").set_input_files(tmp_path / "фото 1.png")
    shown(page, "фото 1.png")
    found, name = saved(page, tmp_path / "coloured.png")
    assert name == "фото-1-coloured.png"
    expected = 255 * gi.colorize.colorize(G, tensor_of(tmp_path / "фото 1.png")[None])[0]
    assert found.shape == expected.shape == (3, height, width)
    assert float((found - expected).abs().max()) <= 2
    assert float((expected - expected.mean(0)).abs().max()) > 5  # there are colours to compare
    assert root.locator("[data-figure=original]").is_visible() == (not grey)
    assert page.complaints == page.outside == []


def pixels(page, selector):
    """The bytes of a canvas, (h, w, 3)."""
    url = page.locator(selector).evaluate("(canvas) => canvas.toDataURL('image/png')")
    return cell_of(url).astype(int)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [400, 1200])
def test_a_line_between_grey_and_coloured(show, shot, folder, width, dark):
    page = show(folder, width, dark)
    root = shown(page, "cup")
    grey, coloured, original = (
        pixels(page, f"[data-figure={name}] canvas") for name in ("grey", "coloured", "original")
    )
    assert np.ptp(grey, 2).max() == 0 < np.ptp(coloured, 2).max() < np.ptp(original, 2).max()
    page.get_by_role("slider", name="left of the line").focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    stage = pixels(page, ".stage")
    assert np.array_equal(stage[:, :175], grey[:, :175]) and np.array_equal(stage[:, 185:], coloured[:, 185:])
    root.locator("label", has_text="original").click()
    assert np.array_equal(pixels(page, ".stage")[:, :175], original[:, :175])
    box = root.locator(".stage").bounding_box()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 9)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 9, steps=3)
    page.mouse.up()
    assert page.get_by_role("slider", name="left of the line: original").input_value() == "20"
    page.get_by_role("slider", name="strength").focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    root.locator(".value", has_text="× 2.0, exaggerated").wait_for()  # drawn at the screen's next frame
    assert np.ptp(pixels(page, "[data-figure=coloured] canvas"), 2).mean() > 1.5 * np.ptp(coloured, 2).mean()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.complaints == page.outside == []
    shot(page, f"page-colouring-{width}{'-dark' * dark}")


def test_another_picture_is_coloured_with_a_finger(show, folder):
    page = show(folder, 400, has_touch=True, is_mobile=True, reduced_motion="reduce")
    root = shown(page, "cup")
    before = pixels(page, "[data-figure=coloured] canvas")
    root.get_by_role("radio", name="camera").tap()
    shown(page, "camera")
    assert pixels(page, "[data-figure=coloured] canvas").shape == (256, 256, 3) != before.shape
    assert not root.locator("[data-row=against]").is_visible()  # it never had a colour
    words = root.get_by_role("status").inner_text()
    assert words.startswith("Coloured. In the words that it knows, the network sees: ")
    assert any(f"{scene} " in words for scene in SCENES)
    assert page.complaints == []


def test_a_picture_is_dropped_or_pasted(show, folder):
    page = show(folder)
    root = shown(page, "cup")
    give = """async ([root, event, name, width]) => {
        const canvas = Object.assign(document.createElement("canvas"), { width, height: 600 });
        const blob = await new Promise((done) => canvas.toBlob(done));
        const data = new DataTransfer();
        data.items.add(new File([blob], name, { type: "image/png" }));
        const said = { bubbles: true, cancelable: true };
        const [made, key] = event === "paste" ? [ClipboardEvent, "clipboardData"] : [DragEvent, "dataTransfer"];
        return !root.dispatchEvent(new made(event, { ...said, [key]: data }));
    }"""
    assert page.evaluate(give, [root.element_handle(), "dragover", "x", 9])  # it may be dropped here
    assert page.evaluate(give, [root.element_handle(), "drop", "dropped.png", 2000])
    shown(page, "dropped.png")
    assert pixels(page, ".stage").shape == (307, 1024, 3)  # no longer than that
    assert page.evaluate(give, [root.element_handle(), "paste", "pasted.png", 300])
    shown(page, "pasted.png")
    page.mouse.move(0, 0)
    assert not page.evaluate(give, [page.locator("body").element_handle(), "paste", "elsewhere.png", 9])
    assert page.complaints == []


# A kernel that answers when it is told to: `asked` holds what it has heard, `answer` says something.
KERNEL = """async ([source, state]) => {
    const listeners = new Set();
    globalThis.asked = [];
    globalThis.answer = (found) => ((state.answer = found), listeners.forEach((call) => call()));
    const model = {
        get: (name) => state[name],
        set: (name, value) => asked.push(value),
        save_changes: () => {},
        send: () => {},
        on: (_, call) => listeners.add(call),
        off: (_, call) => listeners.delete(call),
    };
    const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    (await import(url)).default.render({ model, el: document.body });
}"""


def test_a_slow_kernel_is_asked_for_the_last_picture(watched, G):
    pictures = {name: tensor(picture[::4, ::4]) for name, picture in {"cup": coffee(), "camera": camera()}.items()}
    widget = Colouring(G, pictures | {"astronaut": tensor(astronaut()[::4, ::4])}, SCENES)
    names = ("size", "classes", "pictures", "names", "first", "live", "asked", "answer")
    page = watched()
    page.set_default_timeout(60_000)  # for a busy machine
    page.clock.install()
    page.evaluate(KERNEL, [module("colouring"), {name: getattr(widget, name) for name in names}])
    root = shown(page, "cup")

    def choose(*chosen):
        page.evaluate(
            "(chosen) => chosen.forEach((i) => document.querySelectorAll('[data-part=picture]')[i].click())", chosen
        )

    choose(1, 2)  # the first is still being read when the second is wanted
    page.wait_for_function("asked.length === 1")
    choose(1)  # before there is an answer
    page.wait_for_function("asked.length === 2")
    choose(2)
    page.wait_for_function("asked.length === 3")
    assert len({asked["id"] for asked in page.evaluate("asked")}) == 3
    widget.asked = page.evaluate("asked[2]")
    page.evaluate("(found) => answer(found)", widget.answer)
    shown(page, "astronaut")
    page.clock.fast_forward(10_000)
    assert root.get_by_role("status").inner_text().startswith("Coloured.")  # nobody waits for the others
    choose(1)
    page.wait_for_function("asked.length === 4")
    page.clock.fast_forward(10_000)
    root.get_by_role("status").get_by_text("No answer yet").wait_for()
    assert root.get_attribute("data-shown") == "astronaut" and page.complaints == []


def test_what_is_no_picture_changes_nothing(show, folder, tmp_path):
    page = show(folder)
    root = shown(page, "cup")
    (tmp_path / "words.png").write_text("no picture")
    root.locator("input[type=file]").set_input_files(tmp_path / "words.png")
    root.get_by_role("status").get_by_text("no picture that the browser can read").wait_for()
    assert root.get_attribute("data-shown") == "cup" and root.get_by_role("radio", name="cup").is_checked()


def test_a_page_without_its_networks_keeps_the_picture(show, tmp_path):
    page = show(tmp_path)
    root = shown(page, "cup")
    root.locator("label.choice", has=page.locator("img[alt=camera]")).click()
    root.get_by_role("status").get_by_text("without its networks").wait_for()
    assert root.get_attribute("data-shown") == "cup" and root.get_by_role("radio", name="cup").is_checked()


def test_without_web_assembly_a_picture_and_a_sentence_stay(show, shot, folder):
    page = show(folder, before="delete globalThis.WebAssembly")
    root = shown(page, "cup")
    assert np.ptp(pixels(page, "[data-figure=coloured] canvas"), 2).max() > 0
    assert root.get_by_text("WebAssembly is switched off in this browser").is_visible()
    assert not root.get_by_role("button", name="your own").is_visible()
    assert page.complaints == page.outside == []
    shot(page, "page-colouring-without-web-assembly")


def test_without_scripts(show, shot, folder):
    page = show(folder, java_script_enabled=False)
    assert page.locator("img").count() == 3 and "picture of your own" in page.locator("p").inner_text()
    shot(page, "page-colouring-without-scripts")
