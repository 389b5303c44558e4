"""What Sphinx has numbered, written beside the pages: no second numbering can differ from the first.

As a Sphinx extension this module leaves `labels.json` in the folder of the pages; `press.pages` moves it to `build`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

FILE = "labels.json"


class Label(NamedTuple):
    """Something that can be referred to."""

    kind: str  # such as `theorem`, `figure`, `displaymath`, `exercise`, `section` or `page`
    number: str  # such as `2.1`; empty for sections and pages
    title: str  # of a section or page; else empty
    page: str  # such as `book/02_gan_theory`
    anchor: str  # the id on that page; empty for the page itself


def read(folder: Path) -> dict[str, Label]:
    """The labels in a folder, by name; none where no pages were built, or without this extension."""
    file = folder / FILE
    if not file.is_file():
        return {}
    return {name: Label(*fields) for name, fields in json.loads(file.read_text(encoding="utf-8")).items()}


def collect(env: Any) -> dict[str, Label]:
    """The labels in Sphinx's environment, all documents read and numbered."""
    found = {page: Label("page", "", title.astext(), page, "") for page, title in env.titles.items()}
    for name, (page, anchor, title) in env.domaindata["std"]["labels"].items():
        found[name] = Label("section", "", title, page, anchor)
    for page, kinds in env.toc_fignumbers.items():
        for kind, numbers in kinds.items():
            for anchor, number in numbers.items():
                name = anchor.removeprefix("equation-") if kind == "displaymath" else anchor
                found[name] = Label(kind, ".".join(map(str, number)), "", page, anchor)
    return found


def setup(app: Any) -> dict[str, Any]:
    """Connects Sphinx with `collect`."""

    def finished(app: Any, error: Exception | None) -> None:
        if error is None:
            text = json.dumps({name: list(map(str, label)) for name, label in collect(app.env).items()})
            (Path(app.outdir) / FILE).write_text(text, encoding="utf-8")

    app.connect("build-finished", finished)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
