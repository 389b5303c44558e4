"""The book's directives as Markdown that every notebook shows: JupyterLab and Colab know none of MyST.

Book: teaching.
"""

from __future__ import annotations

import re

_OPEN = re.compile(r"^(?P<fence>`{3,}|:{3,})\{(?P<kind>[\w:-]+)\} *(?P<title>.*)$")
_OPTION = re.compile(r"^:[\w-]+:")
_ROLE = re.compile(r"(?<!`)\{(?:doc|ref|numref|eq|prf:ref|cite:\w|glue:text)\}(?=`)")


def plain(text: str) -> str:
    r"""Exercises, hints, theorems and references of a markdown cell, without directives and roles.

    An exercise becomes a heading and its text, a hint folds, a theorem gets its name in bold, a reference keeps its
    target. What is none of these, a figure or code, stays as it is.

    Example:
        >>> print(plain("```{prf:theorem} Duality\n:label: thm\nSee {prf:ref}`thm-other`.\n```"))
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
            kept.append(_ROLE.sub("", line))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()


def _head(kind: str, title: str, following: list[str]) -> tuple[str, str] | None:
    """What replaces the first and the last line of a directive; None for one that stays."""
    if kind in ("exercise", "exercise-start"):
        return f"### Exercise: {title}", ""
    if kind == "exercise-end":
        return "", ""
    if kind == "admonition" and ":class: dropdown" in following[:3]:
        return f"<details><summary>{title}</summary>", "\n</details>"
    if kind == "admonition":
        return f"**{title}**", ""
    if kind.startswith("prf:"):
        name = kind.removeprefix("prf:").capitalize()
        return f"**{name} ({title}).**" if title else f"**{name}.**", ""
    return None
