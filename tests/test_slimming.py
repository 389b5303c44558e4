"""Light pages: the same pixels for drawings, nearly the same for photographs, and no reference to what is gone."""

import base64
import io
import json

import nbformat
import numpy as np
import pytest
import skimage.data
from fontTools import ttLib
from fontTools.fontBuilder import FontBuilder
from fontTools.ttLib.tables._g_l_y_f import Glyph
from PIL import Image

from genimg.press import slimming


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", optimize=True)
    return file.getvalue()


def pixels(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), dtype=float)


@pytest.fixture(scope="module")
def photograph():
    return skimage.data.astronaut()[:128, 128:256]


@pytest.fixture(scope="module")
def drawing():
    """Lines and an edge, in a format that PNG is not good at: every row a shifted copy."""
    x = np.arange(300)
    rows = [np.where((x + 7 * y) % 50 < 2, 0, 255) for y in range(300)]
    return np.stack([np.stack(rows)] * 3, axis=-1).astype(np.uint8)


def test_a_drawing_keeps_every_pixel(drawing):
    data = slimming.webp(png(drawing))
    assert data and len(data) < len(png(drawing)) and (pixels(data) == drawing).all()


def test_a_photograph_is_nearly_the_same_at_a_fraction_unless_loss_is_forbidden(photograph):
    data = slimming.webp(png(photograph))
    assert len(data) < len(png(photograph)) / 3
    assert 0 < np.abs(pixels(data) - photograph).mean() < 4
    exact = slimming.webp(png(photograph), lossy=False)
    assert exact is None or (pixels(exact) == photograph).all()


def test_transparency_stays_where_there_is_some(drawing):
    alpha = np.full((300, 300, 1), 255, np.uint8)
    assert Image.open(io.BytesIO(slimming.webp(png(np.concatenate([drawing, alpha], -1))))).mode == "RGB"
    alpha[:100] = 0
    seen = Image.open(io.BytesIO(slimming.webp(png(np.concatenate([drawing, alpha], -1)))))
    assert seen.mode == "RGBA" and (np.asarray(seen)[..., 3:] == alpha).all()


def test_what_cannot_shrink_stays():
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    assert slimming.webp(png(noise), lossy=False) is None


def test_a_notebook_keeps_drawings_and_gets_photographs_that_every_program_shows(photograph, drawing):
    clear = np.dstack([photograph, np.full(photograph.shape[:2], 128, np.uint8)])
    held = [base64.b64encode(png(each)).decode() for each in (photograph, drawing, clear)]
    state = json.dumps({"frames": [f"data:image/png;base64,{held[0]}"], "exact": f"data:image/png;base64,{held[0]}"})
    html = f'<script type="application/json" data-part="state">{state}</script>'
    data = [*({"image/png": each, "text/plain": "<Figure>"} for each in held), {"text/html": html}]
    outputs = [nbformat.v4.new_output("display_data", each, metadata={"image/png": {"alt": "a"}}) for each in data]
    nb = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell("", outputs=outputs), nbformat.v4.new_markdown_cell()]
    )
    slimming.lighten(nb)
    nbformat.validate(nb)
    first, second, third, widget = nb.cells[0].outputs
    shown = base64.b64decode(first.data["image/jpeg"])
    assert set(first.data) == {"image/jpeg", "text/plain"} and first.metadata == {"image/jpeg": {"alt": "a"}}
    assert 2 * len(shown) < len(png(photograph)) and 0 < np.abs(pixels(shown) - photograph).mean() < 3
    assert (second.data["image/png"], third.data["image/png"]) == (held[1], held[2])
    left = json.loads(widget.data["text/html"].partition(">")[2].partition("<")[0])
    assert left["frames"][0].startswith("data:image/webp")
    assert (pixels(base64.b64decode(left["exact"].partition(",")[2])) == photograph).all()


@pytest.fixture
def site(tmp_path, photograph, drawing):
    static = tmp_path / "_static"
    for name in ("mathjax/tex-chtml.js", "mathjax/tex-svg.js", "mathjax/output/chtml/fonts/a.woff"):
        (static / name).parent.mkdir(parents=True, exist_ok=True)
        (static / name).touch()
    for name in ("fontawesome.js", "fontawesome.js.map", "theme.js", "theme.js.map"):
        (static / name).write_text("")
    fonts = static / "vendor" / "webfonts"
    fonts.mkdir(parents=True)
    builder = FontBuilder(1000, isTTF=True)
    glyphs = [".notdef", "bars", "moon", "rocket"]
    builder.setupGlyphOrder(glyphs)
    builder.setupCharacterMap({0xF0C9: "bars", 0xF186: "moon", 0xF135: "rocket"})
    builder.setupGlyf({name: Glyph() for name in glyphs})
    builder.setupHorizontalMetrics(dict.fromkeys(glyphs, (500, 0)))
    builder.setupHorizontalHeader()
    builder.setupPost()
    builder.save(fonts / "fa-solid-900.ttf")
    (fonts / "fa-solid-900.woff2").touch()
    (static / "theme.css").write_text(
        '@font-face{src:url(vendor/webfonts/fa-solid-900.woff2) format("woff2"),url(fa-solid-900.ttf) format("x")}'
        '.fa-bars:before,.fa-navicon:before{content:"\\f0c9"}.fa-rocket:before{content:"\\f135"}'
        '.own::after{content:"\\f186"}'
    )
    (tmp_path / "_images").mkdir()
    (tmp_path / "_images" / "a.png").write_bytes(png(drawing))
    (tmp_path / "_images" / "b.png").write_bytes(png(np.zeros((1, 1, 3), np.uint8)))
    url = "data:image/png;base64," + base64.b64encode(png(photograph)).decode()
    state = json.dumps({"frames": [[url]], "exact": url, "note": "a < b"}, sort_keys=True).replace("<", "\\u003c")
    (tmp_path / "index.html").write_text(
        '<script defer src="_static/fontawesome.js?digest=5"></script><i class="fa-solid fa-bars"></i>'
        f'<img src="_images/a.png"><img src="_images/none.png"><img src="{url}">'
        f'<script type="application/json" data-part="state">{state}</script>'
    )
    return tmp_path


def test_a_site_keeps_what_its_pages_ask_for(site, photograph):
    slimming.slim(site)
    text = (site / "index.html").read_text()
    assert "fontawesome.js" not in text and '<img src="_images/a.webp"><img src="_images/none.png">' in text
    left = {path.name for path in site.rglob("*") if path.is_file()}
    assert {"a.webp", "tex-chtml.js", "a.woff", "theme.js", "fa-solid-900.ttf"} <= left
    assert not left & {"a.png", "tex-svg.js", "fontawesome.js", "theme.js.map", "fa-solid-900.woff2"}

    state = json.loads(text.partition('data-part="state">')[2].partition("</script>")[0])
    assert state["note"] == "a < b" and "a < b" not in text
    shown, exact = (pixels(base64.b64decode(url.partition(",")[2])) for url in (state["frames"][0][0], state["exact"]))
    assert (exact == photograph).all() and 0 < np.abs(shown - photograph).mean() < 4
    assert '<img src="data:image/webp' in text

    assert set(ttLib.TTFont(next(site.rglob("*.ttf"))).getBestCmap()) == {0xF0C9, 0xF186}  # named, or used by the theme
    assert "woff2" not in (site / "_static" / "theme.css").read_text()
