"""Stations from the judge's side: starting one, sending the chapter, and a line to each submission's fork."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from genimg._base.errors import UsageError
from genimg.press.notebooks import beside
from genimg.teach.classroom import boundary
from genimg.teach.classroom.wire import Closed, Late, Line, Nonsense, unpack

_LINKS = "[__import__('os').symlink('{0}/' + name, name) for name in __import__('os').listdir('{0}')]"
PATIENCE = 30.0
"""Seconds in which a station that has nothing to do answers."""


class Dead(Exception):
    """The station is gone, or silent."""


class ChapterFails(UsageError):
    """The chapter's own cells do not run."""


class Fork:
    """One fork: a line to its answers, and the leash of its guard."""

    def __init__(self, answers: Line, leash: Line) -> None:
        self.answers, self.leash = answers, leash
        self.code: int | None = None

    def end(self, patience: float = 0.0) -> int | None:
        """Ends the fork; its exit code, negative for a signal, or None where nobody told.

        Args:
            patience: seconds in which it may end by itself: its line closes a moment before it is gone.
        """
        self.answers.close()
        self.leash.deadline = time.monotonic() + (patience or 5)
        try:
            if not patience:
                self.leash.send({})
            self._report()
        except Late:
            self.leash.deadline = time.monotonic() + 5
            with suppress(Closed, Late, Nonsense):
                self.leash.send({})
                self._report()
        except (Closed, Nonsense):
            pass
        self.leash.close()
        return self.code

    def _report(self) -> None:
        message, _ = self.leash.receive()
        if "failed" in message:
            raise Dead(f"a submission could not be shut in: {message['failed']}")
        code = message.get("code")
        self.code = code if type(code) is int else None


class Station:
    """A station on one chapter, started when it is needed and again when it has died.

    Args:
        wall: whether it stands inside the boundary.
        hidden: folders that must not be seen inside.
        ran: called with the number of cells that have run.
    """

    def __init__(
        self,
        root: Path,
        cells: Sequence[str],
        *,
        wall: bool,
        hidden: Iterable[Path] = (),
        ran: Callable[[int], None] = lambda count: None,
    ) -> None:
        self.root, self.cells, self.wall, self.hidden, self.ran = root, cells, wall, list(hidden), ran
        self.process: subprocess.Popen[bytes] | None = None
        self.line: Line
        self.home: tempfile.TemporaryDirectory[str]

    def __enter__(self) -> Station:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Starts it, if it does not stand, and runs the chapter.

        Raises:
            ChapterFails: if one of the chapter's own cells fails.
        """
        if self.process and self.process.poll() is None:
            return
        self.stop()
        self.home = tempfile.TemporaryDirectory(prefix="genimg-grade-", ignore_cleanup_errors=True)
        book = Path(self.home.name) / "book"
        beside(self.root, book)
        ours, theirs = socket.socketpair()
        with theirs:
            program = [sys.executable, "-m", "genimg.teach.classroom.station", str(theirs.fileno())]
            if self.wall:
                disks = [f"{name}={size}" for name, size in boundary.disks().items()]
                command = [*boundary.wall(book, self.hidden), *program, boundary.SCRATCH, *disks]
                environment = None
            else:
                command = [*program, str(book)]
                environment = {**os.environ, **boundary.environment(), "HOME": self.home.name}
            with tempfile.TemporaryFile() as complaints:
                self.process = subprocess.Popen(
                    command, pass_fds=[theirs.fileno()], env=environment, stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL, stderr=complaints,
                )  # fmt: skip
                theirs.close()
                self.line = Line(ours)
                self._begin(complaints)

    def _begin(self, complaints: Any) -> None:
        if self.wall:  # what chapters read stands there, and they run where they may write
            cells = [_LINKS.format(boundary.BOOK), *self.cells]
        else:
            cells = list(self.cells)
        for place, cell in enumerate(cells):
            try:
                self.line.deadline = None
                self.line.send({"do": "cell", "cell": cell})
                message, _ = self.line.receive()
            except (Closed, Nonsense):
                complaints.seek(0)
                said = (complaints.read().decode(errors="replace").strip().splitlines() or ["no message"])[-1]
                self.stop()
                raise ChapterFails(f"cell {place + 1} ended the process ({said})") from None
            own = place + 1 - (len(cells) - len(self.cells))
            if message.get("error") is not None:
                self.stop()
                raise ChapterFails(f"cell {own}, {message['error']}")
            if own:
                self.ran(own)

    def values(self, names: Sequence[str]) -> dict[str, Any]:
        """What the chapter itself calls by these names, as far as it is data; no answer has run where it is read.

        Raises:
            Dead: if the station does not answer.
        """
        message, blob = self._ask({"do": "names", "names": list(names)})
        found = {}
        for name, told in dict(message.get("value", {})).items():
            with suppress(Nonsense):
                found[str(name)] = unpack(told, blob, _refuse)
        return found

    def fork(self, *, megabytes: int, seconds: int) -> Fork:
        """A fork with the chapter's names, confined.

        Args:
            megabytes: of memory, beyond the chapter's own.
            seconds: of processor time.

        Raises:
            Dead: if the station does not answer.
        """
        (answers, their_answers), (leash, their_leash) = socket.socketpair(), socket.socketpair()
        order: dict[str, Any] = {"do": "fork", "megabytes": megabytes, "seconds": seconds}
        if self.wall:
            order |= {"scratch": boundary.SCRATCH, "book": boundary.BOOK}
        else:
            order["folder"] = tempfile.mkdtemp(dir=self.home.name)
            beside(self.root, Path(order["folder"]))
        try:
            self.line.deadline = time.monotonic() + PATIENCE
            self.line.send(order)
            socket.send_fds(self.line.end, [b"f"], [their_answers.fileno(), their_leash.fileno()])
        except (Closed, Late, Nonsense, OSError):
            answers.close()
            leash.close()
            raise Dead("the station is gone") from None
        finally:
            their_answers.close()
            their_leash.close()
        return Fork(Line(answers), Line(leash))

    def _ask(self, message: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        try:
            self.line.deadline = time.monotonic() + PATIENCE
            self.line.send(message)
            return self.line.receive()
        except (Closed, Late, Nonsense) as error:
            raise Dead(f"the station does not answer ({type(error).__name__})") from None

    def stop(self) -> None:
        """Ends it with all that it has started."""
        if self.process is None:
            return
        self.line.close()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(0.5 if self.process.poll() is None else 0)
        self.process.kill()
        self.process.wait()
        self.process = None
        shutil.rmtree(self.home.name, ignore_errors=True)
        self.home.cleanup()


def _refuse(number: int, kind: str, calls: bool) -> object:
    raise Nonsense(f"a {kind} is no data")
