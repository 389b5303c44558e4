"""What the widgets put into a static page, opened from disk: live where it can be, a fixed picture where not."""

from pathlib import Path

import anywidget
import pytest
import torch
from PIL import Image
from skimage.data import astronaut

import genimg as gi
from genimg.problems.colorize.answers import read_answers
from genimg.widgets import LatentPath, MaskPainter, PerceptualTest
from genimg.widgets.page import module, page_html

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


@pytest.fixture(scope="module")
def judge():
    """Parts of a photograph, as they are and in two wrong colours."""
    photo = torch.from_numpy(astronaut()).permute(2, 0, 1) / 127.5 - 1
    parts = torch.stack(
        [photo[:, top : top + 192 : 2, left : left + 192 : 2] for top in (0, 300) for left in (96, 250)]
    )
    grey = parts.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    return PerceptualTest({"real": parts, "without colour": grey, "red and blue swapped": parts.flip(1)}, seed=2)


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


@pytest.mark.parametrize(("width", "dark"), [(400, False), (1200, True)])
def test_the_perceptual_test_lives_in_the_page(show, shot, judge, tmp_path, width, dark):
    page = show(html_of(judge), width, dark)
    root = page.locator(".gwn")
    root.wait_for()
    look = f"{width}{'-dark' * dark}"
    shot(page, f"page-judge-start-{look}")
    root.get_by_label("Your name or number").fill("Ann 7")
    root.get_by_role("button", name="Start").click()
    for i, key in enumerate("ynyynnyuyny"):
        assert "swapped" not in page.content() and '"real"' not in page.locator("[data-part=state]").inner_text()
        if i == 4:
            page.wait_for_timeout(300)  # for the look of the bar
            shot(page, f"page-judge-{look}")
        page.keyboard.press(key)
    page.locator("[data-do=yes]").dblclick()  # one answer
    assert root.locator("[data-out=progress]").inner_text() == "11 of 12"
    page.keyboard.press("n")
    page.keyboard.down("n")
    page.keyboard.down("n")  # held down: one answer
    page.keyboard.up("n")
    shot(page, f"page-judge-end-{look}")
    root.get_by_role("button", name="Show the results").click()
    assert root.locator("tbody th").all_inner_texts() == ["real", "without colour", "red and blue swapped"]
    assert page.evaluate("document.activeElement.textContent") == "How natural each method looked to you"
    page.keyboard.press("u")  # too late
    assert root.get_attribute("data-phase") == "results"
    with page.expect_download() as file:
        root.get_by_role("button", name="Download CSV").click()
    assert file.value.suggested_filename == "naturalness-Ann-7.csv"
    file.value.save_as(tmp_path / "answers.csv")
    answers = read_answers(tmp_path / "answers.csv")
    assert [answer.natural for answer in answers] == [said == "y" for said in "ynyynnynyynn"]
    assert {answer.observer for answer in answers} == {"Ann 7"}
    judge.replies = [(answer.natural, answer.seconds) for answer in answers]
    assert [answer[:3] for answer in answers] == [answer[:3] for answer in judge.answers]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    root.locator("summary").click()
    page.set_viewport_size({"width": width, "height": 1100})
    shot(page, f"page-judge-results-{look}")
    assert page.complaints == page.outside == []


def test_fingers_judge_without_haste(show, judge):
    page = show(html_of(judge), 400, has_touch=True, is_mobile=True, reduced_motion="reduce")
    root = page.locator(".gwn")
    root.get_by_role("button", name="Start").tap()
    root.locator("[data-do=yes]").tap()
    root.locator("[data-do=no]").tap()
    root.get_by_role("button", name="undo", exact=True).tap()
    assert root.locator("[data-out=progress]").inner_text() == "2 of 12"
    assert root.locator(".time i").evaluate("(bar) => bar.getAnimations().length") == 0
    assert page.complaints == []


def test_the_perceptual_test_without_scripts(show, shot, judge):
    page = show(html_of(judge), java_script_enabled=False)
    assert page.locator("img").count() == 1 and "Does this image" in page.locator("p").inner_text()
    shot(page, "page-judge-without-scripts")


@pytest.mark.parametrize("dark", [False, True])
def test_a_finger_paints_on_a_phone(show, shot, painter, dark):
    """The drawing board itself, with nothing behind it: what it needs is in the traits alone."""
    names = set(MaskPainter.class_trait_names(sync=True)) - set(anywidget.AnyWidget.class_trait_names(sync=True))
    state = {name: getattr(painter, name) for name in names - {"_esm", "_anywidget_id"}} | {"fills": True}
    html = page_html(module("mask_painter"), state, "<p>a picture</p>")
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
