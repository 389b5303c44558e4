"""Answer cells with their solutions taken out, so that the whole notebook still runs."""

from __future__ import annotations

import ast
from textwrap import indent

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"  # nbgrader's, which say what `genimg class student` takes out
TODO = "# YOUR CODE HERE\nraise NotImplementedError()"


def stub(source: str, used: set[str]) -> str:
    r"""An answer cell without what stands between the markers.

    Inside of a function its place is taken by `raise NotImplementedError()`. At the top of the cell that would stop the
    notebook; there each name that is used later gets `...`, which a check takes for an answer not yet written.

    Args:
        used: names that later cells need.

    Example:
        >>> print(stub("### BEGIN SOLUTION\nhelp = 2\nc = help + 1\n### END SOLUTION", {"c"}))
        c = ...  # YOUR ANSWER
    """
    kept: list[str] = []
    cut: list[str] | None = None
    margin = ""
    for line in source.split("\n"):
        if line.strip() == BEGIN:
            cut, margin = [], line[: len(line) - len(line.lstrip())]
        elif line.strip() == END and cut is not None:
            kept += indent(TODO, margin).split("\n") if margin else _asked("\n".join(cut), used)
            cut = None
        elif cut is not None:
            cut.append(line)
        else:
            kept.append(line)
    return "\n".join(kept)


def whole(source: str) -> str:
    """An answer cell with its solution, without the markers."""
    lines = source.splitlines(keepends=True)
    return "".join(line for line in lines if line.strip() not in (BEGIN, END)).rstrip("\n")


def names(source: str) -> set[str]:
    """The names that a cell of Python uses; a line with a magic uses none."""
    lines = (line for line in source.split("\n") if not line.lstrip().startswith(("%", "!")))
    return {node.id for node in ast.walk(ast.parse("\n".join(lines))) if isinstance(node, ast.Name)}


def _asked(solution: str, used: set[str]) -> list[str]:
    """Stubs for what a solution at the top of a cell defines and later cells use."""
    found: dict[str, str] = {}
    for statement in ast.parse(solution).body:
        if isinstance(statement, ast.FunctionDef):
            head = f"def {statement.name}({ast.unparse(statement.args)}):"
            found.setdefault(statement.name, f"{head}\n{indent(TODO, '    ')}\n\n")
            continue
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.setdefault(node.id, f"{node.id} = ...  # YOUR ANSWER")
            elif isinstance(node, ast.ClassDef):
                found.setdefault(node.name, f"{node.name} = ...  # YOUR ANSWER")
    stubs = [text for name, text in found.items() if name in used]
    return "\n".join(stubs or ["# YOUR CODE HERE"]).rstrip("\n").split("\n")
