"""A chapter in pieces that are read at one sitting, and answers that wait for a guess.

A built page is the whole chapter. Its sections are given the number of their piece here, and what answers a question is
marked as its answer; `reading in pieces` is then a matter of the page's script (`pieces.js`), and without one, or on
paper, nothing is missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bs4 import BeautifulSoup, Tag

SCREENS = 8.0
"""About as long should a piece be: what fits into a window of 800 pixels, eight times."""
WORDS_A_MINUTE, SECONDS_A_FIGURE = 180, 30
LAST = ("exercises", "summary")
"""What begins a piece of its own, whichever comes first: what a reader does after reading."""
_HEIGHTS = {"img": 430, "div.math": 66, ".genimg-widget": 560, "tr": 30, "h2": 70, "h3": 60, "p": 18, "li": 8}
_LINE = 28 / 72  # pixels for a character of running text
_UNSEEN = "details, script, style, .cell_input, .genimg-widget *, table *, .genimg-provenance"
_LAST_WORDS = 110
_ASKED = re.compile(
    r"(?:^|[.?!:;,] (?:and )?)(?:what|which|where|when|who|how|does|do|is|are|can)\b[^.?!:]*\? ?(?:[A-Z][^.?!]*\.)?$"
    r"|\b[Dd]ecide before|\b[Bb]efore you (?:look|read on)\b",
    re.IGNORECASE,
)
_RESULT = ".cell_output img, .cell_output table"
_WORD = re.compile(r"\w+")


def cut(sizes: Sequence[float], most: float = SCREENS) -> list[int]:
    """The piece of each section, from 0: neighbours together, pieces as even as they can be.

    Args:
        sizes: of the sections in their order, in any unit.
        most: the number of pieces is the sum over this, rounded.

    Example:
        >>> cut([2, 2, 3, 5, 1, 2], 8)
        [0, 0, 0, 1, 1, 1]
        >>> cut([9, 1, 1, 9], 8)
        [0, 0, 1, 1]
    """
    count = max(1, min(len(sizes), round(sum(sizes) / most)))
    even = sum(sizes) / count

    @cache
    def best(start: int, left: int) -> tuple[float, tuple[int, ...]]:
        """The least sum of squared deviations of `left` pieces from `start` on, and where they begin."""
        if left == 1:
            return (sum(sizes[start:]) - even) ** 2, (start,)
        found = []
        for end in range(start + 1, len(sizes) - left + 2):
            rest, begins = best(end, left - 1)
            found.append(((sum(sizes[start:end]) - even) ** 2 + rest, (start, *begins)))
        return min(found)

    begins = best(0, count)[1]
    return [sum(k >= begin for begin in begins) - 1 for k in range(len(sizes))]


def mark(site: Path) -> dict[str, int]:
    """Marks pieces and answers in the pages of `site/book`; how many pieces each page has that has several.

    `data-pieces` on the chapter holds the minutes that each takes to read, `data-piece` its number on every part.
    """
    from bs4 import BeautifulSoup

    counts = {}
    for file in sorted((site / "book").glob("*.html")):
        page = BeautifulSoup(file.read_text(encoding="utf-8"), "html.parser")
        chapter = page.select_one("article.bd-article > section")
        if chapter is None or not page.select_one("article .cell"):
            continue
        found = _pieces(page, chapter)
        if found > 1:
            counts[file.stem] = found
        if _answers(page, chapter) or found > 1:
            file.write_text(str(page), encoding="utf-8")
    return counts


def _pieces(page: BeautifulSoup, chapter: Tag) -> int:
    parts = chapter.find_all("section", recursive=False)
    before = [tag for tag in chapter.find_all(True, recursive=False) if tag not in parts and tag.name != "h1"]
    end = next((k for k, part in enumerate(parts) if _title(part).casefold().startswith(LAST)), len(parts))
    read, done = parts[:end], parts[end:]
    if len(read) < 2:
        return 1
    sizes = [screens(part) for part in read]
    sizes[0] += sum(screens(tag) for tag in before)
    pieces = cut(sizes)
    pieces += [pieces[-1] + 1] * len(done)
    if pieces[-1] == 0:
        return 1
    minutes = [0.0] * (pieces[-1] + 1)
    for piece, tag in [*((0, tag) for tag in before), *zip(pieces, parts, strict=True)]:
        tag["data-piece"] = str(piece)
        minutes[piece] += _minutes(tag)
    chapter["data-pieces"] = " ".join(str(max(1, round(each))) for each in minutes)
    return len(minutes)


def screens(tag: Tag) -> float:
    """How high a part of a page is, in windows of 800 pixels, about: text by its length, the rest by its kind."""
    unseen = {id(each) for each in tag.select(_UNSEEN)}
    high = sum(
        pixels * sum(id(each) not in unseen or name in ("tr", "img") for each in tag.select(name) if not _folded(each))
        for name, pixels in _HEIGHTS.items()
    )
    text = sum(len(string) for string in tag.strings if not any(id(up) in unseen for up in string.parents))
    code = sum(pre.get_text().count("\n") + 2 for pre in tag.select(".cell_input pre") if not _folded(pre))
    return (high + _LINE * text + 19 * code) / 800


def _folded(tag: Tag) -> bool:
    return tag.find_parent("details") is not None


def _minutes(tag: Tag) -> float:
    words = sum(len(_WORD.findall(p.get_text())) for p in tag.select("p, li, .math") if not _folded(p))
    return words / WORDS_A_MINUTE + len(tag.select("figure, .genimg-widget")) * SECONDS_A_FIGURE / 60


def _title(part: Tag) -> str:
    head = part.find(["h2", "h3"])
    return re.sub(r"^[\d.\s]+", "", head.get_text()).strip() if head else ""


# ---------------------------------------------------------------- questions


def asks(text: str) -> bool:
    """Whether a paragraph leaves its reader with a question, in its last words or because it is called one.

    Example:
        >>> asks("Look at the known part first: how soon does it stop changing?"), asks("Why? Because it is convex.")
        (True, False)
        >>> asks("There is no truth to compare with: would you have believed them?")
        False
    """
    text = " ".join(text.split())
    named = re.match(r"Question\b", text) is not None and "?" in text
    return named or _ASKED.search(text[-_LAST_WORDS:]) is not None


def _answers(page: BeautifulSoup, chapter: Tag) -> int:
    """Marks what a reader should guess before looking; how many questions there are."""
    count = 0
    for question in chapter.select(":scope > section p"):  # not of the introduction: a chapter opens with its picture
        if question.parent is None or question.parent.name != "section" or question.find_parent(class_="admonition"):
            continue
        if not asks(question.get_text()):
            continue
        answer = list(_answer(question))
        if not any(tag.select_one(_RESULT) for tag in answer):
            continue
        count += 1
        question["data-asks"] = str(count)
        for tag in answer:
            tag["data-answers"] = str(count)
    return count


def _answer(question: Tag) -> Iterator[Tag]:
    """The cells that follow a question at once and show a picture or a table, and the text that reads it."""
    shown = False
    for tag in question.find_next_siblings():
        classes: list[str] = list(tag.get("class") or [])
        if "cell" in classes:
            if tag.select_one(".genimg-widget, .tag_answer") or (shown and _after_text(tag)):
                return  # what is played with is no answer, and what comes after the reading is another matter
            shown = shown or tag.select_one(_RESULT) is not None
            if not shown and tag.select_one(".cell_output"):
                return
        elif "genimg-provenance" not in classes and (not shown or not _reads(tag)):
            return
        yield tag


def _after_text(tag: Tag) -> bool:
    before = tag.find_previous_sibling(lambda each: "genimg-provenance" not in (each.get("class") or []))
    return before is not None and "cell" not in (before.get("class") or [])


def _reads(tag: Tag) -> bool:
    """Whether this can be the reading of a result: text or a formula, and not the next question."""
    is_text = tag.name in ("p", "ul", "ol", "blockquote") or "math" in (tag.get("class") or [])
    return is_text and not tag.get_text().lstrip().startswith("Question")
