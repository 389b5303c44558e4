"""What a built page weighs: pictures as WebP, and nothing sent that no page uses."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

MATHJAX = ("tex-chtml.js", "a11y", "input", "output", "ui")  # what pages may ask for; of 24 MB the rest is other builds
# The theme draws its icons twice, from fonts and again by 1.5 MB of script; the fonts alone give the same icons.
ICON_SCRIPT = re.compile(r"\s*<script[^>]*fontawesome\.js[^>]*></script>")
RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
STATE = re.compile(r'(?<=<script type="application/json" data-part="state">).*?(?=</script>)', re.DOTALL)
EMBEDDED = re.compile(r'(<img src=")?data:image/png;base64,([A-Za-z0-9+/]+=*)')
SHOWN = ("frames", "pictures")  # what widgets only show; they may compute with other pictures of their state
QUALITY = 64


def slim(html: Path) -> None:
    """Makes the built pages in `html` light, in place: what is seen stays the same."""
    static = html / "_static"
    for path in (static / "mathjax").glob("*"):
        if path.name not in MATHJAX:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in (*static.rglob("*.map"), *static.rglob("fontawesome.js*")):
        path.unlink(missing_ok=True)
    smaller = {}
    for path in sorted((html / "_images").glob("*.png")):
        if data := webp(path.read_bytes()):
            path.with_suffix(".webp").write_bytes(data)
            path.unlink()
            smaller[path.name] = path.with_suffix(".webp").name
    for page in html.rglob("*.html"):
        text = ICON_SCRIPT.sub("", page.read_text(encoding="utf-8"))
        text = re.sub(r"(?<=_images/)[\w.-]+\.png", lambda found: smaller.get(found[0], found[0]), text)
        text = EMBEDDED.sub(_embedded, STATE.sub(_shown, text))
        page.write_text(text, encoding="utf-8")
    _slim_icons(html)


def _shown(match: re.Match[str]) -> str:
    """The state of a widget, its photographs with loss where they are only looked at."""
    state = json.loads(match[0])
    for name in SHOWN:
        if name in state:
            text = EMBEDDED.sub(lambda found: _embedded(found, shown=True), json.dumps(state[name], ensure_ascii=False))
            state[name] = json.loads(text)
    return json.dumps(state, ensure_ascii=False, sort_keys=True, allow_nan=False).replace("<", "\\u003c")


def _embedded(match: re.Match[str], shown: bool = False) -> str:
    before = match[1] or ""
    data = webp(base64.b64decode(match[2]), lossy=shown or bool(before))
    return f"{before}data:image/webp;base64,{base64.b64encode(data).decode()}" if data else match[0]


def _slim_icons(html: Path) -> None:
    """Leaves of each icon font the icons that the pages and the theme name: 5 kB of 300."""
    from fontTools import subset, ttLib  # comes with matplotlib

    texts = [path.read_text(encoding="utf-8") for end in ("*.html", "*.js") for path in html.rglob(end)]
    named = {name for text in texts for name in re.findall(r"\bfa-([a-z0-9-]+)", text)}
    codes = set()
    sheets = {path: path.read_text(encoding="utf-8") for path in html.rglob("*.css")}
    for text in sheets.values():
        for selectors, body in RULE.findall(text):
            of = set(re.findall(r"\.fa-([a-z0-9-]+)::?before", selectors))
            if not of or of & named:
                codes |= {int(code, 16) for code in re.findall(r'"\\([0-9a-f]{4})"', body)}
    for path in html.rglob("webfonts/fa-*.ttf"):
        font = ttLib.TTFont(path)
        thin = subset.Subsetter()
        thin.populate(unicodes=codes)
        thin.subset(font)
        font.save(path)
        path.with_suffix(".woff2").unlink(missing_ok=True)
    for path, text in sheets.items():
        path.write_text(re.sub(r"url\([^)]*/fa-[\w-]+\.woff2\) format\([^)]*\),\s*", "", text), encoding="utf-8")


def webp(png: bytes, *, lossy: bool = True) -> bytes | None:
    """The picture as WebP, or None where that does not save a tenth of it.

    Drawings keep every pixel, so that lines and letters stay sharp. WebP with loss is smaller for photographs only:
    where it takes less than half of what it takes without, the picture is of that kind, and gets it, at quality 64.

    Args:
        png: a picture as PNG.
        lossy: whether loss is allowed at all.
    """
    from PIL import Image

    with Image.open(io.BytesIO(png)) as picture:
        opaque = not picture.has_transparency_data or picture.convert("RGBA").getchannel("A").getextrema() == (255, 255)
        pixels = picture.convert("RGB" if opaque else "RGBA")
    best = _encoded(pixels, lossless=True)
    if lossy:
        photograph = _encoded(pixels, quality=QUALITY)
        best = photograph if 2 * len(photograph) < len(best) else best
    return best if 10 * len(best) < 9 * len(png) else None


def _encoded(pixels: Picture, **how: Any) -> bytes:
    file = io.BytesIO()
    pixels.save(file, "WEBP", method=6, exact=True, **how)
    return file.getvalue()
