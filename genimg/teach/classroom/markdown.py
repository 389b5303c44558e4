"""The book's directives as Markdown that every notebook shows: JupyterLab and Colab know none of MyST."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress

from nbformat import NotebookNode

_OPEN = re.compile(r"^(?P<fence>`{3,}|:{3,})\{(?P<kind>[\w:-]+)\} *(?P<title>.*)$")
_OPTION = re.compile(r"^:[\w-]+:")
_ROLE = re.compile(r"(?<!`)\{(?:doc|ref|numref|eq|prf:ref|cite:\w|glue:text)\}(?=`)")
_GLUED = re.compile(r"\{glue:text\}`(?P<name>[^`:]+):?(?P<format>[^`]*)`")


def glued(nb: NotebookNode) -> dict[str, str]:
    """The numbers that the cells of an executed chapter put into its text, by name."""
    outputs = [output for cell in nb.cells for output in cell.get("outputs", ())]
    named = [output for output in outputs if "scrapbook" in output.get("metadata", {})]
    key = "application/papermill.record/text/plain"
    return {o.metadata["scrapbook"]["name"]: o.data[key] for o in named if key in o.data}


def plain(text: str, numbers: Mapping[str, str]) -> str:
    r"""Exercises, hints, theorems and references of a markdown cell, without directives and roles.

    An exercise becomes a heading and its text, a hint folds, a theorem gets its name in bold, a reference keeps its
    target, a number is written out. What is none of these, a figure or code, stays as it is.

    Args:
        text: of the cell.
        numbers: from `glued`.

    Example:
        >>> print(plain("```{prf:theorem} Duality\n:label: thm\nSee {prf:ref}`thm-other`.\n```", {}))
        **Theorem (Duality).**
        <BLANKLINE>
        See `thm-other`.
    """
    kept: list[str] = []
    closings: list[tuple[str, str]] = []  # the fences that are open, and what replaces their ends
    lines = text.split("\n")
    while lines:
        line = lines.pop(0)
        begins = _OPEN.match(line)
        if begins and (head := _head(begins["kind"], begins["title"], lines)):
            while lines and _OPTION.match(lines[0]):
                lines.pop(0)
            kept += [head[0], ""]
            closings.append((begins["fence"], head[1]))
        elif closings and line.strip() == closings[-1][0]:
            kept.append(closings.pop()[1])
        else:
            kept.append(_ROLE.sub("", _GLUED.sub(lambda role: _written(role, numbers), line)))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()


def _written(role: re.Match[str], numbers: Mapping[str, str]) -> str:
    """A number in the format of its role, or the role as it was."""
    value = numbers.get(role["name"])
    if value is None:
        return role[0]
    with suppress(ValueError):
        return format(float(value), role["format"])
    return value.strip("'\"")


def _head(kind: str, title: str, following: list[str]) -> tuple[str, str] | None:
    """What replaces the first and the last line of a directive; None for one that stays."""
    if kind in ("exercise", "exercise-start"):
        return f"### Exercise: {title}", ""
    if kind in ("solution", "solution-start"):
        return "**Solution.**", ""
    if kind in ("exercise-end", "solution-end"):
        return "", ""
    if kind == "admonition" and ":class: dropdown" in following[:3]:
        return f"<details><summary>{title}</summary>", "\n</details>"
    if kind == "admonition":
        return f"**{title}**", ""
    if kind.startswith("prf:"):
        name = kind.removeprefix("prf:").capitalize()
        return f"**{name} ({title}).**" if title else f"**{name}.**", ""
    return None
