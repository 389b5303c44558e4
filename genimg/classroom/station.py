"""The process in which one chapter is graded: its cells run once, then each submission in a fork of it.

So sixty submissions to a chapter that trains for a minute cost one minute, not sixty, and an answer finds exactly the
names that the handed-out notebook gives it. A fork reports after every exercise; one that dies or takes too long is
killed, its exercise is graded as such, and a new fork goes on behind it.

Started by `genimg.classroom.grading`: a job as JSON on the standard input, one line of JSON per event on the output.

Book: teaching.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from genimg.classroom import judging
from genimg.classroom.handouts import beside
from genimg.classroom.sandbox import confine

CRASHED, TIMED_OUT = "crashed", "timed out"
_MOST = 100_000
"""Bytes of one report; a fork that says more says nonsense."""
_HINT = 500
"""Characters of a hint: an error may quote a whole tensor."""


@dataclass
class Sitting:
    """One submission while it is graded.

    Attributes:
        student: whose it is.
        imports: what to import first, a statement per line.
        tasks: (label, cells, check) of each exercise that was answered.
        graded: result, hint and seconds, by place in `tasks`.
        fatal: places whose cells ended a fork, and are not run again; -1 are the imports.
        at: the place that the fork is at.
        since: when it got there.
        pid: the fork.
        heard: what of its report is not a whole line yet.
    """

    student: str
    imports: str
    tasks: list[tuple[str, list[str], str]]
    graded: dict[int, tuple[str, str, float]] = field(default_factory=dict)
    fatal: set[int] = field(default_factory=set)
    at: int = -1
    since: float = 0.0
    pid: int = 0
    heard: bytes = b""


def main() -> None:
    """Reads the job, runs the chapter's cells, grades."""
    job = json.load(sys.stdin)
    report = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    with open(os.devnull, "r+b") as nowhere:  # what cells print is nobody's business here
        for stream in (0, 1):
            os.dup2(nowhere.fileno(), stream)
    root = Path(job["root"])
    os.chdir(root / "book")
    shell = judging.shell()
    for place, source in enumerate(job["cells"]):
        error = judging.run(shell, source)
        if error is not None:
            print(json.dumps({"failed": f"cell {place + 1}, {judging.told(error)}"}), file=report)
            return
        print(json.dumps({"cells": place + 1}), file=report)
    sittings = [Sitting(**each) for each in job["sittings"]]
    for student, label, (result, hint, seconds) in grade(
        shell, root, sittings, jobs=job["jobs"], megabytes=job["megabytes"], seconds=job["seconds"]
    ):
        row = {"student": student, "exercise": label, "result": result, "hint": hint, "seconds": seconds}
        print(json.dumps(row), file=report)


def grade(
    shell: Any, root: Path, sittings: Sequence[Sitting], *, jobs: int, megabytes: int, seconds: int
) -> Iterator[tuple[str, str, tuple[str, str, float]]]:
    """Student, exercise and what came of it, submission by submission as they end.

    Args:
        shell: in which the chapter's cells have run.
        root: the project folder.
        sittings: the submissions.
        jobs: how many at once.
        megabytes: of memory for each, beyond the chapter's own.
        seconds: of wall time for each exercise.
    """
    waiting, running = list(sittings), dict[int, Sitting]()
    with tempfile.TemporaryDirectory(prefix="genimg-grade-") as home:
        try:
            while waiting or running:
                while waiting and len(running) < jobs:
                    sitting = waiting.pop(0)
                    folder = Path(tempfile.mkdtemp(dir=home))
                    beside(root, folder)
                    running[_fork(shell, sitting, folder, megabytes, seconds)] = sitting
                ready, _, _ = select.select(list(running), [], [], 0.1)
                for pipe, sitting in list(running.items()):
                    over = pipe in ready and _hear(pipe, sitting)
                    late = time.monotonic() - sitting.since > seconds
                    if not over and not late:
                        continue
                    del running[pipe]
                    os.close(pipe)
                    code = _end(sitting.pid, patience=0.0 if late else 1.0)
                    if len(sitting.graded) < len(sitting.tasks):
                        _blame(sitting, code, seconds, late=late)
                        waiting.insert(0, sitting)
                        continue
                    for place, (label, _, _) in enumerate(sitting.tasks):
                        yield sitting.student, label, sitting.graded[place]
        finally:
            for sitting in running.values():
                _end(sitting.pid)


def _fork(shell: Any, sitting: Sitting, folder: Path, megabytes: int, seconds: int) -> int:
    """Starts a fork for this submission; returns the end of a pipe that hears from it."""
    ours, theirs = os.pipe()
    sitting.at, sitting.since, sitting.heard = -1, time.monotonic(), b""
    sitting.pid = os.fork()
    if sitting.pid:
        with suppress(OSError):
            os.setpgid(sitting.pid, sitting.pid)  # here and there, since either may be first
        os.close(theirs)
        return ours
    try:
        os.setpgid(0, 0)
        os.dup2(1, 2)  # into nowhere, like all that cells print
        for name in os.listdir("/dev/fd"):  # the station's own report, and the others' pipes
            if int(name) > 2 and int(name) != theirs:
                with suppress(OSError):
                    os.close(int(name))
        # The clock on the wall is the limit; that of the processor is for a fork that nobody watches any more.
        confine(folder, megabytes, seconds * (len(sitting.tasks) + 2))
        _sit(shell, sitting, theirs, megabytes)
    finally:
        os._exit(0)


def _sit(shell: Any, sitting: Sitting, pipe: int, megabytes: int) -> None:
    """In the fork: the tasks in their order, those that were graded before without a word."""

    def say(*words: Any) -> None:
        os.write(pipe, (json.dumps(words) + "\n").encode())

    if -1 not in sitting.fatal:
        for statement in sitting.imports.splitlines():  # one that fails does not keep the others from running
            judging.run(shell, statement)
    for place, (_, cells, check) in enumerate(sitting.tasks):
        if place in sitting.fatal:
            continue
        say("at", place)
        start = time.perf_counter()
        error = [judging.run(shell, cell) for cell in cells][-1]  # a first attempt that failed is no matter
        if place not in sitting.graded:
            result, hint = judging.verdict(shell, check)
            if error is not None and result != judging.RIGHT:
                result, hint = judging.failed(error, megabytes)
            say("graded", place, result, hint[:_HINT], round(time.perf_counter() - start, 2))


def _hear(pipe: int, sitting: Sitting) -> bool:
    """Reads what there is of a report; whether the fork has ended, or says nonsense."""
    part = os.read(pipe, 65536)
    sitting.heard += part
    *lines, sitting.heard = sitting.heard.split(b"\n")
    try:
        for line in lines:
            kind, place, *rest = json.loads(line)
            if place not in range(len(sitting.tasks)) or place in sitting.fatal:
                return True
            sitting.at, sitting.since = place, time.monotonic()
            if kind == "graded" and place not in sitting.graded:
                result, hint, seconds = rest
                sitting.graded[place] = (str(result), str(hint)[:_HINT], float(seconds))
    except (ValueError, TypeError):
        return True
    return not part or len(sitting.heard) > _MOST


def _end(pid: int, patience: float = 0.0) -> int:
    """Ends a fork, and what it started; its exit code, negative for a signal.

    Args:
        pid: the fork.
        patience: seconds in which it may end by itself: its pipe closes a moment before it is gone.
    """
    ended, status = os.waitpid(pid, os.WNOHANG)
    start = time.monotonic()
    while not ended and time.monotonic() - start < patience:
        time.sleep(0.01)
        ended, status = os.waitpid(pid, os.WNOHANG)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    if not ended:
        os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(status if ended else os.waitpid(pid, 0)[1])


def _blame(sitting: Sitting, code: int, seconds: int, *, late: bool) -> None:
    """The exercise that the fork was at is graded, and not run again."""
    if late or code == -signal.SIGXCPU:
        what = (TIMED_OUT, f"still running after {seconds} s", float(seconds))
    elif code < 0:
        what = (CRASHED, f"the process was ended by {signal.Signals(-code).name}", 0.0)
    else:
        what = (CRASHED, "the process ended itself", 0.0)
    # A fork that ended before its first answer, twice, will do so again: then all are graded.
    hopeless = sitting.at in sitting.fatal
    sitting.fatal.add(sitting.at)
    for place in range(len(sitting.tasks)):
        if hopeless or place == sitting.at:
            sitting.graded.setdefault(place, what)


if __name__ == "__main__":
    main()
