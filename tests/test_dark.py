"""Which figures are turned on a dark page."""

import numpy as np
import pytest
import torch
from PIL import Image

from genimg.press import dark
from genimg.widgets import FrameSlider

FIGURE = '<figure id="f"><img alt="{alt}" src="../_images/{name}.png"/><figcaption>{caption}</figcaption></figure>'


@pytest.fixture
def site(tmp_path):
    """Pictures: a curve on paper, a sheet of digits, a photograph on a white margin."""
    curve = np.full((100, 200, 3), 255, np.uint8)
    curve[50] = (200, 30, 30)
    digits = np.full((100, 200, 3), 255, np.uint8)
    digits[10:60, 20:180] = 0
    photograph = np.full((100, 200, 3), 255, np.uint8)
    photograph[10:80, 20:150] = np.random.default_rng(0).integers(60, 250, (70, 130, 3))
    (tmp_path / "_images").mkdir()
    (tmp_path / "book").mkdir()
    for name, pixels in (("curve", curve), ("digits", digits), ("photograph", photograph)):
        Image.fromarray(pixels).save(tmp_path / "_images" / f"{name}.png")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "alt", "caption", "turned"),
    [
        ("curve", "a curve", "Blue: the law.", True),
        ("curve", "a curve", "From pale to dark with time.", False),
        ("curve", "a black line", "A line.", False),
        ("curve", "a curve", "The lightness L, a black-box attack and a spotlight.", True),
        ("digits", "digits", "Digits.", False),
        ("photograph", "a church", "A church.", False),
        ("missing", "nothing", "Nothing.", False),
    ],
)
def test_ink_on_paper_is_turned_unless_words_say_how_dark_it_is(site, name, alt, caption, turned):
    page = site / "book" / "page.html"
    page.write_text(f"<p>dark</p>{FIGURE.format(name=name, alt=alt, caption=caption)}<p>white</p>", "utf-8")
    before = page.read_text("utf-8")
    assert dark.mark(site) == int(turned)
    after = page.read_text("utf-8")
    assert ("data-drawing" in after) == turned and after.replace('data-drawing="" ', "") == before


def test_a_film_is_turned_if_all_its_frames_are_drawings(tmp_path):
    curve = torch.ones(3, 40, 60)
    curve[:, 20] = -0.5
    films = [
        FrameSlider([curve, each], ["a", "b"], "A film")._repr_mimebundle_()[0]["text/html"]
        for each in (curve.flip(1), -curve)
    ]
    page = tmp_path / "page.html"
    films[0] = films[0].replace(
        'type="application/json" data-part="state"', 'data-part="state" type="application/json"'
    )
    page.write_text("<p>a</p>".join(films), "utf-8")  # Sphinx's parser has sorted the attributes of the first
    assert dark.mark(tmp_path) == 1
    after = page.read_text("utf-8")
    assert after.index(dark.MARK) < after.index("<p>a</p>")
    assert after.replace(f'{dark.MARK}="" ', "") == "<p>a</p>".join(films)
