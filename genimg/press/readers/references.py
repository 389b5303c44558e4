"""What the roles of a chapter stand for, in plain Markdown: references, citations and numbers."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from nbformat import NotebookNode

from genimg.press.readers.citations import Citation
from genimg.press.readers.labels import Label

_KINDS = {"displaymath": "Equation"}


@dataclass(frozen=True)
class References:
    """Where names in a chapter lead."""

    # of the built pages; without them a reference shows its name
    labels: Mapping[str, Label] = field(default_factory=dict)
    # of the bibliography; without them a citation shows its key
    citations: Mapping[str, Citation] = field(default_factory=dict)
    base: str = ""  # the address of the pages, with a slash at its end; without it nothing is a link
    # what the chapter's cells put into its text, by name, as printed
    numbers: Mapping[str, str] = field(default_factory=dict)

    def of(self, nb: NotebookNode) -> References:
        """The same with the numbers of an executed chapter."""
        return replace(self, numbers=glued(nb))

    def named(self, label: str, kind: str) -> str:
        """A name such as `Theorem 2.1`, from the label, else from the kind alone."""
        found = self.labels.get(label)
        return f"{kind.capitalize()} {found.number}" if found and found.number else kind.capitalize()

    def url(self, label: str) -> str:
        """The address of what has that label; empty if it, or where the pages are, is unknown."""
        found = self.labels.get(label)
        if found is None or not self.base:
            return ""
        return f"{self.base}{found.page}.html" + (f"#{found.anchor}" if found.anchor else "")

    def role(self, name: str, content: str) -> str | None:
        """The Markdown that a role stands for; None for one that is not known.

        Example:
            >>> known = References({"thm-a": Label("theorem", "2.1", "", "book/02_gan", "thm-a")}, base="../")
            >>> known.role("prf:ref", "thm-a")
            '[Theorem 2.1](../book/02_gan.html#thm-a)'
            >>> known.role("prf:ref", "the second theorem <thm-a>")
            '[the second theorem](../book/02_gan.html#thm-a)'
        """
        if name == "glue:text":
            return self._number(content)
        if name in ("cite:t", "cite:p"):
            return self._cited([key.strip() for key in content.split(",")], name == "cite:p")
        if name in ("doc", "ref", "numref", "eq", "prf:ref"):
            return self._link(content, page=name == "doc")
        return None

    def _link(self, content: str, *, page: bool) -> str:
        text, _, target = content.rpartition("<") if content.endswith(">") else ("", "", content)
        text, target = text.strip(), target.removesuffix(">").strip()
        label = target if not page else target.removeprefix("/") if target in self.labels else f"book/{target}"
        found = self.labels.get(label)
        if found is None:
            return text or f"`{target}`"
        if not text and found.kind == "displaymath":
            text = f"({found.number})"
        text = text or found.title or self.named(label, _KINDS.get(found.kind, found.kind))
        url = self.url(label)
        return f"[{text}]({url})" if url else text

    def _cited(self, keys: list[str], parenthetical: bool) -> str:
        written = []
        for key in keys:
            work = self.citations.get(key)
            if work is None:
                written.append(f"`{key}`")
                continue
            text = f"{work.authors}, {work.year}" if parenthetical else f"{work.authors} ({work.year})"
            url = work.url.replace("(", "%28").replace(")", "%29")
            written.append(f"[{text}]({url})" if url else text)
        return f"({'; '.join(written)})" if parenthetical else " and ".join(written)

    def _number(self, content: str) -> str:
        name, _, layout = content.partition(":")
        value = self.numbers.get(name)
        if value is None:
            return f"`{content}`"
        with suppress(ValueError):
            if layout:
                return format(float(value), layout)
        return value.strip("'\"")


def glued(nb: NotebookNode) -> dict[str, str]:
    """The numbers that the cells of an executed chapter put into its text, by name."""
    outputs = [output for cell in nb.cells for output in cell.get("outputs", ())]
    named = [output for output in outputs if "scrapbook" in output.get("metadata", {})]
    key = "application/papermill.record/text/plain"
    return {o.metadata["scrapbook"]["name"]: o.data[key] for o in named if key in o.data}
