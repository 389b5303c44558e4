"""What the first page and a link to the book show: cards of the chapters, the strip to touch, a preview, downloads."""

from __future__ import annotations

import base64
import html
import io
import re
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from PIL import Image, ImageDraw, ImageFont

from genimg._base.errors import UsageError
from genimg.press.address import Address

CARDS: Mapping[str, tuple[str, tuple[float, float, float, float]]] = {
    "01_generative_models": ("cell-005", (0.5, 0.1, 1.0, 1.0)),
    "01b_families": ("cell-073", (0.1, 0.14, 0.9, 0.92)),
    "02_gan_theory": ("cell-022", (0.0, 0.0, 0.46, 1.0)),
    "03_wasserstein_tv": ("cell-019", (0.02, 0.1, 0.98, 0.95)),
    "04_wgan": ("cell-009", (0.0, 0.1, 0.5, 1.0)),
    "05_history_ad": ("cell-007", (0.03, 0.09, 0.5, 1.0)),
    "05b_beyond_history": ("cell-067", (0.0, 0.0, 1.0, 1.0)),
    "06_chromagan": ("first-picture", (0.14, 0.0, 1.0, 1.0)),
    "07_inpainting": ("first-picture", (0.08, 0.0, 0.45, 1.0)),
    "08_scorecard": ("history-digits", (0.0, 0.0, 0.8, 1.0)),
    "09_speed": ("w1-picture", (0.0, 0.12, 0.5, 0.5)),
}
"""For each chapter a cell, and the part of its figure that stands for the chapter: left, top, right, bottom."""
SIZE = 480, 300
"""Pixels of a card's picture."""
PREVIEW = 1200, 630
"""Pixels of the preview, as Open Graph wants it."""
TITLE = "Generative methods for inverse problems in imaging"
WORDS_A_MINUTE = 180  # slower than a novel: formulas count as words here
_DOWNLOADS = "<!-- downloads -->"
_WORD = re.compile(r"\w+")


def card(nb: NotebookNode, chapter: str) -> bytes:
    """The picture of a chapter's card, a PNG, cut from one of its own figures.

    Raises:
        UsageError: if the chapter has no such figure.
    """
    name, (left, top, right, bottom) = CARDS[chapter]
    outputs = [output for cell in nb.cells if cell.id == name for output in cell.get("outputs", [])]
    found = [output.data["image/png"] for output in outputs if "image/png" in output.get("data", {})]
    if not found:
        raise UsageError(f"{chapter}: its card needs the figure of cell {name}, which is not there; see front.CARDS")
    with Image.open(io.BytesIO(base64.b64decode(found[0]))) as figure:
        wide, high = figure.size
        part = figure.convert("RGB").crop((int(left * wide), int(top * high), int(right * wide), int(bottom * high)))
    return _png(_within(part, SIZE))


def minutes(nb: NotebookNode) -> int:
    """How long the text of a chapter takes to read, to five minutes.

    Example:
        >>> import nbformat
        >>> minutes(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("word " * 2000)]))
        10
    """
    words = sum(len(_WORD.findall(cell.source)) for cell in nb.cells if cell.cell_type == "markdown")
    return max(5, 5 * round(words / WORDS_A_MINUTE / 5))


def time(nb: NotebookNode, run: Mapping[str, Any] | None) -> str:
    """How long a chapter takes, to read and, where it has been run, to run."""
    return f"{minutes(nb)} min to read" + (f", {run['seconds']:.0f} s to run" if run else "")


def strip() -> str:
    """The strip to touch, as a block for a page."""
    from genimg.widgets import door

    found = door.strip(door.face(), door.walk(), door.photographs())
    return f"~~~~~~~~{{raw}} html\n{found}\n~~~~~~~~"


def preview() -> Image.Image:
    """The three pictures of the strip beside each other, under the title of the book."""
    from matplotlib import font_manager

    from genimg.widgets import door

    shown = door.pictures(door.face(), door.walk(), door.photographs())
    sheet = Image.new("RGB", PREVIEW, "#10222e")
    draw = ImageDraw.Draw(sheet)
    file = font_manager.findfont("DejaVu Sans")
    subtitle = "An executable book: theory with proofs, code, and pictures to touch"
    large, small = ImageFont.truetype(file, 36), ImageFont.truetype(file, 24)
    draw.text((39, 36), TITLE, font=large, fill="#ffffff")
    draw.text((39, 92), subtitle, font=small, fill="#9fc3d8")
    names = {"fill": "fill a hole", "walk": "notice what is new", "colour": "give back colours"}
    for k, (name, words) in enumerate(names.items()):
        x = 39 + 381 * k
        sheet.paste(Image.fromarray(shown[name]), (x, 154))
        draw.text((x, 530), words, font=small, fill="#ffffff")
    draw.text((39, 580), "genimg", font=small, fill="#e69f00")
    return sheet


def announce(site: Path, address: Address | None) -> None:
    """What other programs show of a link to a page: title, one sentence and the preview, in every page of `site`."""
    picture = "_static/preview.jpg"
    preview().save(site / picture, quality=88, optimize=True)
    where = address.site if address else ""  # a preview is asked for by its whole address, where there is one
    sentence = (
        "An executable book on generative adversarial networks for filling holes, giving back colours and noticing "
        "anomalies: theory with proofs, code, and networks that run in the page."
    )
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        named = re.search(r"<title>(.*?)</title>", text, re.DOTALL)
        title = " ".join(named[1].split()) if named else TITLE
        begin = where or "../" * (len(page.relative_to(site).parts) - 1)
        tags = {
            "og:type": "book",
            "og:title": html.unescape(title),
            "og:description": sentence,
            "og:image": f"{begin}{picture}",
            "og:image:alt": "A face with letters filled in, a row of digits, a photograph half in colour",
        }
        lines = [f'<meta property="{name}" content="{html.escape(value)}">' for name, value in tags.items()]
        lines += [f'<meta name="description" content="{html.escape(sentence)}">'] * ('name="description"' not in text)
        lines += ['<meta name="twitter:card" content="summary_large_image">']
        page.write_text(text.replace("</head>", "\n".join([*lines, "</head>"]), 1), encoding="utf-8")


def offer(site: Path, files: Iterable[Path]) -> None:
    """Puts files to take away into `site`, and links to them where its first page asks for them.

    The page in the zip of the book has no such links: who reads it has the book.
    """
    links = []
    kinds = {".zip": "The book as a zip, to read and run without internet", ".pdf": "The book as one PDF, to print"}
    for file in files:
        shutil.copy2(file, site / file.name)
        size = file.stat().st_size / 2**20
        links.append(f'<li><a href="../{file.name}">{kinds[file.suffix]}</a> ({size:.0f} MB)</li>')
    page = site / "book" / "index.html"
    if page.is_file():
        text = page.read_text(encoding="utf-8")
        page.write_text(text.replace(_DOWNLOADS, f"<ul>{''.join(links)}</ul>" if links else ""), encoding="utf-8")


def _within(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The picture in a box of white, as large as it gets without being cut."""
    scale = min(size[0] / picture.width, size[1] / picture.height)
    small = picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.Resampling.LANCZOS)
    sheet = Image.new("RGB", size, "white")
    sheet.paste(small, ((size[0] - small.width) // 2, (size[1] - small.height) // 2))
    return sheet


def _png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, format="PNG", optimize=True)
    return file.getvalue()


if __name__ == "__main__":
    preview().save(sys.argv[1], quality=88, optimize=True)
