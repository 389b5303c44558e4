"""What MyST would leave in a readers' notebook, found by parsing; and every label of the book, without building it."""

import re
from pathlib import Path

from genimg.press import notebooks
from genimg.press.readers import References
from genimg.press.readers.citations import read as bibliography
from genimg.press.readers.labels import Label
from genimg.press.readers.markdown import directive, parser

ROOT = Path(__file__).parents[1]
CHAPTERS = sorted((ROOT / "book").glob("*.ipynb"))
LABEL = re.compile(r"\b(?:alg|def|eq|ex|fig|prop|rem|tab|thm)-\d\d-\w")
WORK = re.compile(r"\b[a-z]{3,}(?:19|20)\d\d[a-z]*\b")  # the key of a work


def leaks(nb, keys=()):
    """What a notebook program would show as it was typed: directives, roles, labels, and keys of works and numbers."""
    found = []
    for cell in nb.cells:
        if cell.cell_type != "markdown":
            continue
        for token in parser().parse(cell.source):
            if directive(token) or token.type in ("math_block_label", "myst_target", "myst_line_comment"):
                found.append((cell.id, token.type, token.info))
            for child in token.children or ():
                text = child.content if child.type in ("text", "code_inline") else ""
                key = text in keys if child.type == "code_inline" else WORK.search(text)
                if child.type == "myst_role" or LABEL.search(text) or key:
                    found.append((cell.id, child.type, child.content))
                if child.type == "link_open" and str(child.attrGet("href")).startswith("#"):
                    found.append((cell.id, "link", child.attrGet("href")))
    return found


def references():
    """Every label of the book, numbered 1.1, and its bibliography."""
    labels = {f"book/{path.stem}": Label("page", "", path.stem, f"book/{path.stem}", "") for path in CHAPTERS}
    labels |= {f"book/{path.stem}": Label("page", "", path.stem, "", "") for path in (ROOT / "book").glob("*.md")}
    for path in CHAPTERS:
        for cell in notebooks.read(path).cells:
            names = [cell.metadata.get("mystnb", {}).get("figure", {}).get("name")]
            for token in parser().parse(cell.source) if cell.cell_type == "markdown" else ():
                what = directive(token)
                names.append(what.options.get("label") if what else None)
                names.append(token.info if token.type == "math_block_label" else None)
                names.append(token.content if token.type == "myst_target" else None)
            labels |= {name: Label("theorem", "1.1", "", f"book/{path.stem}", name) for name in names if name}
    return References(labels, bibliography(ROOT / "book" / "references.bib"), "../../")
