"""What built pages and readers' notebooks weigh: light pictures, and nothing sent that no page uses."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbformat import NotebookNode
    from PIL.Image import Image as Picture

MATHJAX = ("tex-chtml.js", "a11y", "input", "output", "ui")  # what pages may ask for; of 24 MB the rest is other builds
# The theme draws its icons twice, from fonts and again by 1.5 MB of script; the fonts alone give the same icons.
ICON_SCRIPT = re.compile(r"\s*<script[^>]*fontawesome\.js[^>]*></script>")
RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
STATE = re.compile(r'(?<=<script type="application/json" data-part="state">).*?(?=</script>)', re.DOTALL)
EMBEDDED = re.compile(r'(<img src=")?data:image/png;base64,([A-Za-z0-9+/]+=*)')
SHOWN = ("frames", "pictures")  # what widgets only show; they may compute with other pictures of their state
QUALITY = 64
JPEG_QUALITY = 88


def slim(html: Path) -> None:
    """Makes the built pages in `html` light, in place: what is seen stays the same."""
    static = html / "_static"
    for path in (static / "mathjax").glob("*"):
        if path.name not in MATHJAX:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in (*static.rglob("*.map"), *static.rglob("fontawesome.js*")):
        path.unlink(missing_ok=True)
    smaller = {}
    drawn = sorted((html / "_images").glob("*.png"))
    with ThreadPoolExecutor() as pool:
        encoded = pool.map(webp, [path.read_bytes() for path in drawn])
    for path, data in zip(drawn, encoded, strict=True):
        if data:
            path.with_suffix(".webp").write_bytes(data)
            path.unlink()
            smaller[path.name] = path.with_suffix(".webp").name
    for page in html.rglob("*.html"):
        text = ICON_SCRIPT.sub("", page.read_text(encoding="utf-8"))
        text = re.sub(r"(?<=_images/)[\w.-]+\.png", lambda found: smaller.get(found[0], found[0]), text)
        page.write_text(_inside(text), encoding="utf-8")
    _slim_icons(html)


def lighten(nb: NotebookNode) -> None:
    """Makes the outputs of a readers' notebook light, in place.

    Photographs become JPEG, which every notebook program shows; of WebP, which pages have, only JupyterLab is known to
    do so. Drawings stay. What widgets hold becomes what it is in a page: a browser shows it in either.
    """
    for cell in nb.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "text/html" in data:
                data["text/html"] = _inside(data["text/html"])
            if "image/png" in data and (photograph := jpeg(base64.b64decode(data["image/png"]))):
                del data["image/png"]
                data["image/jpeg"] = base64.b64encode(photograph).decode()
                if "image/png" in output.get("metadata", {}):
                    output.metadata["image/jpeg"] = output.metadata.pop("image/png")


def _inside(text: str) -> str:
    """HTML with the pictures that it holds as WebP."""
    return EMBEDDED.sub(_embedded, STATE.sub(_shown, text))


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


@cache  # pages and readers' notebooks hold the same pictures
def webp(png: bytes, *, lossy: bool = True) -> bytes | None:
    """The picture as WebP, or None where that does not save a tenth of it.

    Drawings keep every pixel, so that lines and letters stay sharp. WebP with loss is smaller for photographs only:
    where it takes less than half of what it takes without, the picture is of that kind, and gets it, at quality 64.
    """
    pixels = _pixels(png)
    best = _encoded(pixels, "WEBP", method=6, exact=True, lossless=True)
    if lossy:
        photograph = _encoded(pixels, "WEBP", method=6, exact=True, quality=QUALITY)
        best = photograph if 2 * len(photograph) < len(best) else best
    return best if 10 * len(best) < 9 * len(png) else None


def jpeg(png: bytes) -> bytes | None:
    """The picture as JPEG with all its colours, or None where that does not save half of it, or something is clear."""
    pixels = _pixels(png)
    if pixels.mode != "RGB":
        return None
    data = _encoded(pixels, "JPEG", quality=JPEG_QUALITY, subsampling=0, optimize=True, progressive=True)
    return data if 2 * len(data) < len(png) else None


def _pixels(png: bytes) -> Picture:
    """RGB, or RGBA where something can be seen through."""
    from PIL import Image

    with Image.open(io.BytesIO(png)) as picture:
        opaque = not picture.has_transparency_data or picture.convert("RGBA").getchannel("A").getextrema() == (255, 255)
        return picture.convert("RGB" if opaque else "RGBA")


def _encoded(pixels: Picture, kind: str, **how: Any) -> bytes:
    file = io.BytesIO()
    pixels.save(file, kind, **how)
    return file.getvalue()
