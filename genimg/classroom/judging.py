"""Running cells without a kernel, and asking our own check what it says of an answer.

Book: teaching.
"""

from __future__ import annotations

import ast
import importlib
import os
import sys
from typing import Any

import genimg

RIGHT, NOT_YET, CRASHED, MISSING = "right", "not yet", "crashed", "missing"


def shell() -> Any:
    """IPython in this process: it knows `%` and `display`, and no thread of it runs beside the cells."""
    os.environ["MPLBACKEND"] = "Agg"
    from IPython.core.history import HistoryManager
    from IPython.core.interactiveshell import InteractiveShell

    HistoryManager.enabled = False  # type: ignore[assignment]  # a trait
    _checks()  # what the checks import is there before anything is confined
    return InteractiveShell.instance()


def run(shell: Any, source: str) -> BaseException | None:
    """What went wrong in the cell, or None."""
    result = shell.run_cell(source, silent=True)
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
    error: BaseException | None = result.error_before_exec or result.error_in_exec
    return error


def told(error: BaseException) -> str:
    """An error in one line."""
    first = next(iter(str(error).strip().splitlines()), "")
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def failed(error: BaseException, megabytes: int) -> tuple[str, str]:
    """Result and hint for an answer that did not run to its end."""
    if isinstance(error, NotImplementedError):
        return MISSING, "raise NotImplementedError() is still there"
    if isinstance(error, MemoryError) or "allocate memory" in str(error):
        return CRASHED, f"more than {megabytes} MB of memory"
    return CRASHED, told(error)


def verdict(shell: Any, check: str) -> tuple[str, str]:
    """Result and hint of a check cell, with the names that the answer has made.

    The checks are imported anew, from their files: an answer that has put others in their place earns nothing.
    """
    *before, last = ast.parse(check).body
    assert isinstance(last, ast.Expr)
    try:
        checks = _checks()
        names = {**shell.user_ns, "gi": genimg}
        exec(compile(ast.Module(before, []), "check", "exec"), names)
        said = eval(compile(ast.Expression(last.value), "check", "eval"), names)
    except BaseException as error:  # checks catch what answers raise; a name that the answer does not define is left
        return NOT_YET, told(error)
    if type(said) is not checks.Verdict:
        return NOT_YET, f"the check gave {type(said).__name__}, no verdict"
    return (RIGHT if said.right is True else NOT_YET), str(said.says)


def _checks() -> Any:
    """`genimg.check`, read from its files."""
    sys.modules["genimg"] = genimg
    for name in [name for name in sys.modules if name == "genimg.check" or name.startswith("genimg.check.")]:
        del sys.modules[name]
    return importlib.import_module("genimg.check")
