"""The page API: what the package's docstrings say, made by Sphinx, and which chapters use each name.

`page` is the page; `setup` makes this module an extension of Sphinx, which turns the plain text of the docstrings into
reStructuredText and adds the links to the chapters.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from genimg.press import notebooks

SCIENCE = {
    "Laws and distances": ("distributions", "divergence", "transport", "interpolation", "metrics"),
    "Training": ("networks", "objectives", "training", "history"),
    "Pictures": ("color", "fields", "poisson", "data", "zoo"),
    "Inverse problems": ("anomaly", "colorize", "inpaint"),
}
"""The modules and packages that the page documents, by heading."""


def modules(name: str) -> list[ModuleType]:
    """A module of the package, or a package with its modules; those that only have re-exports are left out."""
    top: ModuleType = getattr(importlib.import_module("genimg"), name)
    below = sorted(each.name for each in pkgutil.iter_modules(getattr(top, "__path__", [])))
    found = [top, *(importlib.import_module(f"{top.__name__}.{each}") for each in below)]
    return [module for module in found if public(module)]


def public(module: ModuleType) -> list[str]:
    """The functions and classes that a module defines and does not hide."""
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == module.__name__
    ]


def page() -> str:
    """The page as MyST Markdown; Sphinx fills in the docstrings."""
    lines = [
        "# API",
        "",
        "Every public name of the science, from its docstring. A link *source* leads to the code, and a last line says",
        "which chapters use a name.",
        "",
    ]
    for heading, names in SCIENCE.items():
        lines += [f"## {heading}", ""]
        for name in names:
            for module in modules(name):
                lines += [f"### `{module.__name__}`", "", "```{eval-rst}", f".. automodule:: {module.__name__}"]
                lines += ["   :members:", "   :member-order: bysource", "```", ""]
    return "\n".join(lines)


def usage(paths: list[Path]) -> dict[str, list[str]]:
    """Which chapters use a name: its full name, such as `genimg.numerics.transport.w1_dual` → names of chapters.

    A chapter uses what it imports from the package, and what it reaches from `gi`.
    """
    found: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        used = {name for cell in notebooks.code_cells(notebooks.read(path)) for name in _names(cell.source)}
        for name in sorted(used):
            found[name].append(path.stem)
    return dict(found)


def _names(source: str) -> Iterator[str]:
    """The full names of the package's objects that a cell mentions."""
    code = re.sub(r"^( *)[%!].*$", r"\1pass", source, flags=re.MULTILINE)  # what is not Python
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "genimg":
            for alias in node.names:
                yield from _full([*str(node.module).split(".")[1:], alias.name])
        elif isinstance(node, ast.Attribute):
            yield from _full(_chain(node))


def _chain(node: ast.expr) -> list[str]:
    """`gi.a.b` as `["a", "b"]`; empty for what does not begin with the package."""
    words: list[str] = []
    while isinstance(node, ast.Attribute):
        words.insert(0, node.attr)
        node = node.value
    return words if isinstance(node, ast.Name) and node.id in ("gi", "genimg") else []


def _full(words: list[str]) -> Iterator[str]:
    """The full names of what lies on the way along these attributes."""
    value: Any = importlib.import_module("genimg")
    for word in words:
        try:
            value = getattr(value, word)
        except AttributeError:
            try:
                value = importlib.import_module(f"{value.__name__}.{word}")
            except (AttributeError, ImportError):
                return
        if (inspect.isclass(value) or inspect.isfunction(value)) and value.__module__.startswith("genimg"):
            yield f"{value.__module__}.{value.__qualname__}"


_LITERAL = re.compile(r"(``.+?``|`[^`]+`)")


def restructured(lines: list[str]) -> list[str]:
    r"""A docstring, in which only backticks are markup, as reStructuredText; examples stay as they are.

    Example:
        >>> print(*restructured(["The mean of |x*| over `n`, x_ fixed.", ">>> f(*x)"]))
        The mean of \|x\*\| over ``n``, x\_ fixed. >>> f(*x)
    """
    made, example, source = [], False, False
    for line in lines:
        source = line.startswith("Source:") or (source and line.startswith(" "))
        if source and line.startswith(" "):
            line = line.strip()  # its next lines are indented, and no definitions
        example = line.lstrip().startswith(">>>") or (example and bool(line.strip()))
        if example:
            made.append(line)
            continue
        parts = _LITERAL.split(line)
        for k, part in enumerate(parts):
            if k % 2:
                parts[k] = f"``{part.strip('`')}``"
            else:
                parts[k] = re.sub(r"(?<=\w)_(?!\w)", r"\\_", re.sub(r"([\\*|])", r"\\\1", part))
        made.append("".join(parts))
    return made


def setup(app: Any) -> dict[str, Any]:
    """Connects Sphinx with `restructured` and `usage`."""
    used: dict[str, list[str]] = {}

    def start(app: Any) -> None:
        used.update(usage(sorted((Path(app.srcdir) / "book").glob("*.ipynb"))))

    def docstring(app: Any, what: str, name: str, value: object, options: object, lines: list[str]) -> None:
        if lines and lines[0].startswith("Alias for field number"):  # what Python says of a NamedTuple's field
            lines.clear()
        lines[:] = restructured(lines)
        if chapters := used.get(name):
            lines += ["", "Used in " + ", ".join(f":doc:`/book/{chapter}`" for chapter in chapters) + "."]

    app.connect("builder-inited", start)
    app.connect("autodoc-process-docstring", docstring, priority=400)  # before napoleon, which reads the sections
    return {"parallel_read_safe": True}
