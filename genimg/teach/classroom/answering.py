"""The side of the answer: cells are run here, and functions called with what the judge sends. Nothing is judged here.

This process holds the chapter's names and one submission. `gi.check` is a stand-in that has no opinion, so that a
cell that asks for one, as it did at home, does not fail.
"""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from genimg.teach.classroom.wire import Line, Nonsense, pack, unpack


class _Unasked:
    """What the stand-in for a check says: nothing. It is true, so that `assert` goes on."""

    right, says = True, ""

    def __call__(self, *args: object, **kwargs: object) -> _Unasked:
        return self

    def __repr__(self) -> str:
        return "Not judged here."


class _Checks(types.ModuleType):
    __all__: Sequence[str] = ()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Unasked()


def without_checks() -> None:
    """From now on `genimg.teach.check` has no opinion in this process."""
    import genimg.teach

    stand_in = _Checks("genimg.teach.check")
    stand_in.__path__ = []
    sys.modules["genimg.teach.check"] = stand_in
    genimg.check = genimg.teach.check = stand_in


def shell() -> Any:
    """IPython in this process, without a screen: what asks for one, or for another program, does nothing."""
    os.environ["MPLBACKEND"] = "Agg"
    from IPython.core.history import HistoryManager
    from IPython.core.interactiveshell import InteractiveShell

    HistoryManager.enabled = False  # type: ignore[assignment]  # a trait

    class Blind(InteractiveShell):
        def enable_gui(self, gui: object = None) -> None:
            """There is none."""

        def enable_matplotlib(self, gui: object = None) -> tuple[str, str]:
            return "agg", "agg"

        def system(self, cmd: str) -> None:
            """As `!pip install …`, which stands above many an answer."""

        system_piped = system_raw = system

        def getoutput(self, cmd: str, split: bool = True, depth: int = 0) -> Any:
            return [] if split else ""

        def showtraceback(self, *args: object, **kwargs: object) -> None:
            """Nobody sees it, and that of an endless recursion takes a minute to lay out."""

        def showsyntaxerror(self, *args: object, **kwargs: object) -> None:
            """As little as other errors."""

        def _showtraceback(self, *args: object, **kwargs: object) -> None:
            """As little as other errors."""

    shell = Blind.instance()
    for name in ("pip", "conda", "mamba", "uv", "micromamba"):
        shell.magics_manager.magics["line"][name] = lambda line: None
    return shell


def run(shell: Any, source: str) -> BaseException | None:
    """What went wrong in the cell, or None."""
    try:
        result = shell.run_cell(source, silent=True)
    except BaseException as error:  # a text that is no Unicode, an expression that is too deep for the compiler
        return error
    if "matplotlib.pyplot" in sys.modules:
        try:
            sys.modules["matplotlib.pyplot"].close("all")
        except Exception as error:
            return error
    return result.error_before_exec or result.error_in_exec


def told(error: BaseException) -> str:
    """An error in one line."""
    try:
        first = next(iter(str(error).strip().splitlines()), "")
    except Exception:
        first = ""
    return f"{type(error).__name__}: {first}"[:2000] if first else type(error).__name__


class Answers:
    """The names of one submission, for somebody at the other end of a line."""

    def __init__(self, shell: Any, line: Line) -> None:
        self.shell, self.line = shell, line
        self.things: list[Any] = []
        self.leaves: dict[int, list[Tensor]] = {}

    def serve(self) -> None:
        """Answers until the judge hangs up."""
        while True:
            message, blob = self.line.receive()
            out = bytearray()
            try:
                reply = self._reply(message, blob, out)
            except (KeyboardInterrupt, Exception) as error:
                out, reply = bytearray(), {"raised": [type(error).__name__, told(error)]}
            try:
                self.line.send(reply, out)
            except Nonsense as error:
                self.line.send({"raised": ["ValueError", f"{error}; an answer is smaller"]})

    def _reply(self, message: Mapping[str, Any], blob: bytes, out: bytearray) -> dict[str, Any]:
        do = message["do"]
        if do == "run":
            self.things, self.leaves = [], {}
            error = None
            for cell in message["cells"]:  # a first attempt that failed is no matter
                error = run(self.shell, cell)
            return {"error": None if error is None else self._kind(error, message["cells"])}
        if do == "names":
            found = {name: self.shell.user_ns[name] for name in message["names"] if name in self.shell.user_ns}
            return {"value": {name: pack(value, out, self._keep) for name, value in found.items()}}
        if do == "attribute":
            value = getattr(self.things[message["id"]], message["name"])
            return {"value": pack(value, out, self._keep)}
        if do == "gradient":
            given = unpack(message["given"], blob, self._thing)
            thing = self.things[message["id"]]
            slopes = torch.autograd.grad(
                thing, self.leaves[message["id"]], given.to(thing.dtype), allow_unused=True, retain_graph=True
            )
            return {"value": [pack(each, out, self._keep) for each in slopes]}
        leaves: list[Tensor] = []

        def grown(plain: Tensor, number: int) -> Tensor:
            leaves.append(plain.requires_grad_())
            return leaves[-1]

        args = [unpack(each, blob, self._thing, grown) for each in message["args"]]
        start = len(self.things)
        try:
            value = self.things[message["id"]](*args)
        except SystemExit as error:
            return {"raised": ["SystemExit", told(error)]}
        packed = pack(value, out, self._keep)
        self.leaves |= dict.fromkeys(range(start, len(self.things)), leaves)
        return {"value": packed}

    def _keep(self, value: object) -> int:
        self.things.append(value)
        return len(self.things) - 1

    def _thing(self, number: int, kind: str, calls: bool) -> Any:
        return self.things[number]

    def _kind(self, error: BaseException, cells: Sequence[str]) -> list[str]:
        if isinstance(error, NotImplementedError) and "NotImplementedError" in cells[-1] and not str(error):
            return ["stub", ""]  # not another error of that name, raised by what the answer calls
        memory = isinstance(error, MemoryError) and not isinstance(error.__cause__, SyntaxError)
        if memory and _too_deep(cells[-1]):
            return ["error", "an expression that is nested too deeply for Python"]
        return ["memory" if memory or "allocate memory" in told(error) else "error", told(error)]


def _too_deep(source: str) -> bool:
    """Whether it is the compiler that gave up, which it says with a MemoryError."""
    try:
        compile(source, "cell", "exec", dont_inherit=True)
    except (MemoryError, RecursionError):
        return True
    except Exception:
        return False
    return False
