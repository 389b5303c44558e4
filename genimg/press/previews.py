"""What links between pages lead to: works, theorems, equations and figures, for the previews of `_static/reading.js`.

A page opened from disk may not read another page, but it may run a script; so one script holds all targets.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from bs4 import BeautifulSoup, Tag

KINDS = ".proof, .exercise, .citation, .math, figure"
"""What a preview shows whole; of a section it shows the title and the first paragraph."""
NOT_SHOWN = ".headerlink, details, button, script, .label, .genimg-widget"


def write(site: Path) -> Path:
    """`_static/previews.js`: `page#id` → HTML, of every place in `site/book` that a link of another page leads to."""
    from bs4 import BeautifulSoup

    pages = {
        path.stem: BeautifulSoup(path.read_text("utf-8"), "html.parser") for path in (site / "book").glob("*.html")
    }
    wanted = {target for name, page in pages.items() for target in _links(page, name)}
    found = {f"{name}#{id}": _shown(pages[name], id) for name, id in sorted(wanted) if name in pages}
    file = site / "_static" / "previews.js"
    text = json.dumps({key: html for key, html in found.items() if html}, ensure_ascii=False)
    file.write_text(f"window.genimgPreviews = {text};\n", encoding="utf-8")
    return file


def _links(page: BeautifulSoup, name: str) -> set[tuple[str, str]]:
    """(page, id) of the links of an article to other pages."""
    parts = [urlsplit(str(link["href"])) for link in page.select("article a.reference.internal[href*='#']")]
    targets = {(Path(unquote(part.path)).stem, unquote(part.fragment)) for part in parts if part.path}
    return {(page, id) for page, id in targets if page != name}


def _shown(page: BeautifulSoup, id: str) -> str:
    """What stands at an id, as HTML; empty if there is nothing to show."""
    import copy

    place = page.find(id=id)
    if place is None:
        return ""
    whole = copy.copy(place if place.css.match(KINDS) else _first(place))
    for tag in whole.select(NOT_SHOWN):
        tag.decompose()
    for tag in [whole, *whole.find_all(True)]:
        del tag["id"]
    for tag in whole.find_all("img"):
        del tag["loading"]
    return str(whole)


def _first(section: Tag) -> Tag:
    """Title and first paragraph of a section."""
    from bs4 import BeautifulSoup

    parts = [section.find(["h1", "h2", "h3", "h4"], recursive=False), section.find("p", recursive=False)]
    return BeautifulSoup("<div>" + "".join(str(part) for part in parts if part) + "</div>", "html.parser")
