"""The book in a class: notebooks to hand out, notebooks to teach from, and submissions, graded.

A student's notebook is a chapter without its solutions, an instructor's is the chapter with notes on its exercises.
Grading runs the answers of each submission in a process of its own, behind a wall and against the clock; the book's own
checks ask it questions from outside.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genimg.teach.classroom.exercises import Exercise as Exercise
    from genimg.teach.classroom.exercises import find as find
    from genimg.teach.classroom.grading import Grade as Grade
    from genimg.teach.classroom.grading import grade as grade
    from genimg.teach.classroom.grading import table as table
    from genimg.teach.classroom.grading import text as text
    from genimg.teach.classroom.grading import write_csv as write_csv
    from genimg.teach.classroom.handouts import instructor as instructor
    from genimg.teach.classroom.handouts import student as student
    from genimg.teach.classroom.handouts import write as write

# On first use: the process in which answers run imports this package, and must not hold what judges them.
_NAMES = {
    **dict.fromkeys(("Exercise", "find"), "exercises"),
    **dict.fromkeys(("Grade", "grade", "table", "text", "write_csv"), "grading"),
    **dict.fromkeys(("instructor", "student", "write"), "handouts"),
}
_MODULES = ("exercises", "grading", "handouts", "markdown", "submissions")

__all__ = [*_NAMES]


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
