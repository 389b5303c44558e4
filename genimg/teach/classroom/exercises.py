"""The exercises of a chapter, found in its cells.

An exercise is a `{exercise}` directive with a label, then, up to the next one, code cells tagged `answer` and at most
one tagged `check`.
"""

from __future__ import annotations

import ast
import inspect
import re
from typing import NamedTuple

from nbformat import NotebookNode

from genimg.press.notebooks import tags

_HEAD = re.compile(
    r"^(?:`{3,}|:{3,})\{exercise(?:-start)?\} *(?P<title>.*)\n(?:.*\n)*?:label: (?P<label>\S+)", flags=re.MULTILINE
)
_LEVEL = re.compile(r"[\s`:]*\*Level (\d)\D+(\d+) min\*")  # the first line after the head


class Exercise(NamedTuple):
    """One exercise and the ids of its cells."""

    label: str  # such as `ex-01-quantile`
    title: str  # in words
    level: int  # 1 follow the text, 2 combine, 3 open-ended; 0 where the chapter does not say
    minutes: int  # how long it takes, about; 0 where the chapter does not say
    text: str  # id of the markdown cell that asks
    answers: tuple[str, ...] = ()  # ids of the code cells to fill in; none for an exercise on paper
    check: str | None = None  # id of the code cell that judges the answer, or None where a person does


def find(nb: NotebookNode) -> list[Exercise]:
    """The exercises of a chapter in their order."""
    found: list[Exercise] = []
    for cell in nb.cells:
        if cell.cell_type == "markdown":
            for head in _HEAD.finditer(cell.source):
                told = _LEVEL.match(cell.source, head.end())
                level, minutes = map(int, told.groups()) if told else (0, 0)
                found.append(Exercise(head["label"], head["title"].strip(), level, minutes, cell.id))
        elif found and "answer" in tags(cell):
            found[-1] = found[-1]._replace(answers=(*found[-1].answers, cell.id))
        elif found and "check" in tags(cell):
            found[-1] = found[-1]._replace(check=cell.id)
    return found


def judge_of(source: str) -> str | None:
    """The name of the check that a check cell calls.

    Example:
        >>> judge_of("gi.check.quantile(inverse)")
        'quantile'
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("gi.check."):
            return ast.unparse(node.func).removeprefix("gi.check.")
    return None


def typical_mistakes(name: str) -> list[str]:
    """What `gi.check.<name>` may say to an answer that is not right: the sentences in its source.

    A value that depends on the answer is shown as `…`.
    """
    from genimg.teach import check

    function = inspect.unwrap(getattr(check, name))
    body = ast.parse(inspect.getsource(function)).body[0]
    if not isinstance(body, ast.FunctionDef):  # a check is a function; a class says nothing
        return []
    start = 1 if ast.get_docstring(body) else 0
    said: list[str] = []
    for statement in body.body[start:]:
        _collect(statement, said)
    return list(dict.fromkeys(said))


def _collect(node: ast.AST, said: list[str]) -> None:
    """The sentences below `node`, in the order of the source; those of an accepting verdict are no mistakes."""
    if isinstance(node, ast.Call) and ast.unparse(node).startswith("Verdict(True"):
        return
    text = None
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        text = node.value
    elif isinstance(node, ast.JoinedStr):
        text = "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
    if text is not None:
        if text.count(" ") >= 3:  # a sentence, not the name of an argument
            said.append(text)
        return
    for child in ast.iter_child_nodes(node):
        _collect(child, said)
