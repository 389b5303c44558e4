"""What a page does for its reader: the switch for code, origins, enlarged pictures, previews, panels, tables."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from genimg.plots import Table
from genimg.press import panels, previews

STATIC = Path(__file__).parents[2] / "book" / "_static"
# As much of a built page as the script asks for.
CELL = """<div class="cell docutils container"><details class="admonition hide above-input">
<summary aria-label="Toggle hidden content"><p>Show code cell source</p></summary><pre>{code}</pre></details>
{output}</div>"""
FIGURE = """<div class="cell_output"><figure id="fig"><a class="image-reference" href="../_images/two.png">
<img alt="two panels" src="../_images/two.png"></a><figcaption><p><span class="caption-number">Fig. 5.3 </span>Two.</p>
</figcaption></figure></div>"""
TABLE = """<div class="pst-scrollable-table-container" style="overflow-x: auto"><table class="table">
<thead><tr>{head}</tr></thead><tbody><tr>{row}</tr></tbody></table></div>"""
# As MathJax leaves it: no line breaks within.
FORMULA = """<span class="math"><mjx-container style="display: inline-block"><mjx-math style="display: inline-block;
width: calc({width}em / 16); height: 1em"></mjx-math></mjx-container></span>"""
PAGE = """<!doctype html><html data-content_root="../" data-theme="light"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>page</title>
<link rel="stylesheet" href="../_static/genimg.css"><script src="../_static/reading.js"></script></head>
<body><div class="article-header-buttons"></div><article class="bd-article"><section id="text"><h1>Title</h1>
{body}</section></article></body></html>"""


@pytest.fixture
def show(watched, tmp_path):
    """Opens a page of a small site with another page beside it."""

    def open_page(width=1000, **options):
        for name in ("book", "_images"):
            (tmp_path / name).mkdir(exist_ok=True)
        shutil.copytree(STATIC, tmp_path / "_static", dirs_exist_ok=True)
        figure = np.full((300, 800), 255, np.uint8)
        figure[20:280, 30:380] = figure[20:280, 420:780] = 90
        Image.fromarray(figure).save(tmp_path / "_images" / "two.png")
        table = Table({"a": [(0.5, 0.1)], "b": [10.0], "c": [-3.0]}, ["value"], best="high")
        body = (
            CELL.format(code="import math", output="")
            + CELL.format(code="plot()", output=FIGURE)
            + '<p class="genimg-provenance">Data: toy laws &lt; 1.</p>'
            + '<p><a class="reference internal" href="other.html#thm-a">Theorem</a></p>'
            + '<p><a class="reference internal" href="#fig">here</a></p>'
            + f'<div class="cell_output">{table._repr_html_()}</div>'
            + TABLE.format(head="".join(f"<th>h{k}</th>" for k in range(4)), row=f"<td>{'some words ' * 4}</td>" * 4)
            + TABLE.format(head="<th>number</th>" * 12, row="<td>12345</td>" * 12)
            + f"<p>It is {FORMULA.format(width=400)}, and {FORMULA.format(width=40)}.</p>"
        )
        (tmp_path / "book" / "page.html").write_text(PAGE.format(body=body), "utf-8")
        proof = (
            '<div class="proof theorem admonition" id="thm-a"><p class="admonition-title">Theorem 9.1</p>Short.</div>'
        )
        (tmp_path / "book" / "other.html").write_text(PAGE.format(body=proof), "utf-8")
        assert panels.mark(tmp_path) == 1
        previews.write(tmp_path)
        page = watched(viewport={"width": width, "height": 800}, **options)
        page.goto((tmp_path / "book" / "page.html").as_uri())
        return page

    return open_page


def test_one_switch_shows_all_code_and_is_remembered(show):
    page = show()
    folds = page.locator("details.hide")
    assert folds.locator("summary").all_text_contents() == ["Code: imports and settings", "Code: figure 5.3"]
    # A figure stands for its code; what shows nothing waits for the switch.
    assert [folds.nth(k).is_visible() for k in range(2)] == [False, False]
    switch = page.get_by_role("button", name="Code", exact=True)
    switch.click()
    assert page.get_by_text("plot()").is_visible() and switch.get_attribute("aria-pressed") == "true"
    page.reload()
    assert page.get_by_text("plot()").is_visible()
    page.get_by_role("button", name="Code", exact=True).click()
    assert not page.get_by_text("plot()").is_visible() and not page.get_by_text("import math").is_visible()
    assert page.complaints == page.outside == []


def test_origins_open_on_a_click(show):
    page = show()
    origin = page.locator("details.genimg-from")
    assert not origin.get_by_text("toy laws < 1").is_visible()
    origin.locator("summary").click()
    assert origin.get_by_text("Data: toy laws < 1.").is_visible()
    origin.get_by_role("button", name="Show its code").click()
    assert page.get_by_text("plot()").is_visible()


def test_a_picture_is_enlarged_by_a_click_and_by_the_keyboard(show):
    page = show()
    large = page.locator("dialog.genimg-large")
    page.locator("figure img").click()
    assert large.is_visible() and large.locator("img").get_attribute("alt") == "two panels"
    page.keyboard.press("Escape")
    assert not large.is_visible()
    page.locator("a.image-reference").focus()
    page.keyboard.press("Enter")
    assert large.is_visible() and page.url.endswith("page.html")


def test_a_link_shows_what_it_leads_to_also_on_another_page(show):
    page = show()
    page.get_by_role("link", name="Theorem").hover()
    page.locator(".genimg-preview", has_text="Theorem 9.1").wait_for(timeout=3000)
    page.mouse.move(1, 1)
    assert not page.locator(".genimg-preview").is_visible()
    page.get_by_role("link", name="here").hover()
    page.locator(".genimg-preview figure").wait_for(timeout=3000)
    page.keyboard.press("Escape")
    assert not page.locator(".genimg-preview").is_visible()
    assert page.complaints == page.outside == []


def test_panels_stand_under_each_other_on_a_phone(show):
    page = show(400)
    parts = page.locator(".genimg-panels > div")
    assert parts.count() == 2 and page.locator(".genimg-panels").get_attribute("aria-label") == "two panels"
    first, second = (parts.nth(k).bounding_box() for k in range(2))
    assert second["y"] >= first["y"] + first["height"] and first["width"] > 300
    page.set_viewport_size({"width": 1000, "height": 800})
    page.locator(".genimg-panels").wait_for(state="detached")
    assert page.locator("figure img").is_visible()


def test_a_table_sorts_by_its_numbers(show):
    page = show()
    names = page.locator("table.genimg-table tbody th")
    assert names.all_text_contents() == ["a", "b", "c"]
    head = page.get_by_role("button", name="value")
    head.click()
    assert names.all_text_contents() == ["b", "a", "c"]
    head.click()
    assert names.all_text_contents() == ["c", "a", "b"]
    assert page.locator("th[aria-sort=ascending]").count() == 1


def test_on_a_phone_sentences_are_read_row_by_row_and_numbers_scroll(show):
    page = show(390)
    page.set_viewport_size({"width": 391, "height": 800})  # it measures anew, as once the formulas are there
    page.locator("table.genimg-rows").wait_for()
    said, numbers = (page.locator(".pst-scrollable-table-container").nth(k) for k in range(2))
    wide = "(box) => [box.scrollWidth > box.clientWidth + 1, box.classList.contains('genimg-more')]"
    assert said.evaluate(wide) == [False, False] and numbers.evaluate(wide) == [True, True]
    cells = said.get_by_role("cell")
    assert cells.evaluate_all("(all) => all.map((one) => one.dataset.head)") == ["h0", "h1", "h2", "h3"]
    assert "h1" in cells.nth(1).evaluate("(cell) => getComputedStyle(cell, '::before').content")
    tops = cells.evaluate_all("(all) => all.map((one) => one.getBoundingClientRect().top)")
    assert tops == sorted(set(tops))
    numbers.evaluate("(box) => box.scrollTo(9999, 0)")  # its end: there is no more
    page.wait_for_function("() => !document.querySelector('.pst-scrollable-table-container.genimg-more')")
    page.set_viewport_size({"width": 1000, "height": 800})
    page.locator("table.genimg-rows").wait_for(state="detached")


def test_a_formula_within_a_line_fits_a_phone(show):
    page = show(390)
    page.set_viewport_size({"width": 391, "height": 800})
    page.wait_for_function("() => document.querySelector('mjx-container').style.fontSize !== ''")
    formulas = page.locator("mjx-container")
    assert 60 < int(formulas.first.evaluate("(one) => parseInt(one.style.fontSize)")) < 95
    assert formulas.last.evaluate("(one) => one.style.fontSize") == ""
    assert (
        page.locator("mjx-math").first.bounding_box()["width"]
        <= page.locator("p:has(mjx-math)").bounding_box()["width"]
    )
    page.set_viewport_size({"width": 1000, "height": 800})
    page.wait_for_function("() => document.querySelector('mjx-container').style.fontSize === ''")


@pytest.mark.parametrize("turned", [True, False])
def test_a_drawing_is_dark_on_a_dark_page(show, turned):
    page = show()
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    picture = page.locator("figure img")
    picture.evaluate("(image, turned) => image.toggleAttribute('data-drawing', turned)", turned)
    page.evaluate("document.querySelector('article').parentElement.classList.add('bd-content')")
    assert picture.evaluate("(image) => getComputedStyle(image).filter.includes('invert')") == turned
    picture.click()
    large = page.locator("dialog.genimg-large img")
    assert large.evaluate("(image) => getComputedStyle(image).filter.includes('invert')") == turned
