"""The strip of the landing page: stored frames at once, an answer to every touch, and networks that take over."""

from pathlib import Path

import pytest
from skimage.data import chelsea
from skimage.io import imsave

from genimg.widgets import door
from genimg.widgets.live import site

ROOT = Path(__file__).parents[2]
# As Sphinx begins a page one folder below the site's root.
PAGE = """<!doctype html><html data-content_root="../" data-theme="light"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>page</title>
<style>body {{ margin: 16px auto; max-width: 1000px; font-family: sans-serif; }}</style>{html}</html>"""


@pytest.fixture(scope="module")
def html():
    return door.strip(door.face(), door.walk(), door.photographs())


@pytest.fixture
def show(watched, html, tmp_path):
    def open_page(width=1100, **options):
        (tmp_path / "book").mkdir(exist_ok=True)
        (tmp_path / "book" / "page.html").write_text(PAGE.format(html=html), "utf-8")
        page = watched(viewport={"width": width, "height": 800}, **options)
        page.goto((tmp_path / "book" / "page.html").as_uri())
        return page

    return open_page


def drawn(part):
    return part.locator("canvas").evaluate("(canvas) => canvas.toDataURL()")


def scratch(page, part):
    box = part.locator("canvas").bounding_box()
    page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.3 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.7 * box["height"], steps=6)
    page.mouse.up()


def test_it_is_light(html):
    assert len(html) < 600_000


@pytest.mark.parametrize("width", [390, 1100])
def test_every_touch_is_answered_without_networks(show, shot, width):
    page = show(width)
    parts = {kind: page.locator(f".gwd .part.{kind}") for kind in ("paint", "walk", "wipe")}
    page.locator(".gwd .wipe .said:not(:empty)").wait_for(timeout=4000)
    shot(page, f"door-{width}")
    before = {kind: drawn(part) for kind, part in parts.items()}
    for part in parts.values():
        part.get_by_role("slider").fill("80")
    after = {kind: drawn(part) for kind, part in parts.items()}
    assert all(before[kind] != after[kind] for kind in parts)
    assert "anomaly score" in parts["walk"].locator(".said").inner_text()
    # The folder of networks is missing here: a hole is filled smoothly, at once, and the page says why.
    parts["paint"].get_by_role("button", name="whole face").click()
    whole = drawn(parts["paint"])
    scratch(page, parts["paint"])
    parts["paint"].locator(".said", has_text="without its networks. The smooth fill stays").wait_for(timeout=2000)
    page.wait_for_timeout(900)  # the line moves aside
    assert drawn(parts["paint"]) != whole
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.outside == []


def test_the_networks_take_over(show, shot, tmp_path):
    site.write(tmp_path, ROOT / "build")
    page = show()
    paint, walk, wipe = (page.locator(f".gwd .part.{kind}") for kind in ("paint", "walk", "wipe"))
    page.locator(".gwd .wipe .said:not(:empty)").wait_for()
    scratch(page, paint)
    paint.locator(".said", has_text="Filled by a search").wait_for(timeout=120_000)
    stored = drawn(walk)
    walk.get_by_role("button", name="two other digits").click()
    page.wait_for_function(f"document.querySelector('.gwd .walk canvas').toDataURL() !== {stored!r}")
    imsave(tmp_path / "cat.png", chelsea())
    wipe.locator("[type=file]").set_input_files(tmp_path / "cat.png")
    wipe.locator(".said", has_text="coloured in this browser").wait_for(timeout=60_000)
    few = wipe.locator("canvas").evaluate(
        """(canvas) => {
            const { data } = canvas.getContext("2d").getImageData(0, 0, 512, 512);
            const spread = (from, to) => {
              let sum = 0;
              for (let y = 0; y < 512; y++) for (let x = from; x < to; x++) {
                const i = 4 * (512 * y + x);
                sum += Math.max(data[i], data[i + 1], data[i + 2]) - Math.min(data[i], data[i + 1], data[i + 2]);
              }
              return sum / 512 / (to - from);
            };
            return [spread(0, 240), spread(272, 512)];
        }"""
    )
    assert few[0] == 0 and few[1] > 10  # grey left of the line, colour right of it
    shot(page, "door-live")
    assert page.complaints == page.outside == []


def test_without_scripts_pictures_stay(show, shot):
    page = show(java_script_enabled=False)
    assert page.locator("img").count() == 3
    shot(page, "door-without-scripts")
