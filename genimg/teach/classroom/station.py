"""The process in which a chapter's own cells run, once; each submission then gets a fork of it.

So sixty submissions to a chapter that trains for a minute cost one minute, not sixty, and an answer finds exactly the
names that the handed-out notebook gives it. No answer ever passes through here: a fork gets a line to the judge and
hears its answer there. Beside every fork a guard waits, out of the fork's sight, which ends it when the judge says so
or is gone.

Started by `genimg.teach.classroom.posts`, inside `genimg.teach.classroom.boundary` where there is one:
`python -m genimg.teach.classroom.station FD FOLDER [DISK=SIZE …]`.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from genimg.teach.classroom import answering, sandbox
from genimg.teach.classroom.wire import Closed, Line, pack


def main(number: int, folder: str, disks: dict[str, int]) -> None:
    """Runs the cells that are sent, then forks at every word.

    Args:
        disks: of a fork inside the boundary; empty means that there is no boundary.
    """
    sandbox.end_with_the_parent()
    answering.without_checks()
    line = Line(socket.socket(fileno=number))
    with open(os.devnull, "r+b") as nowhere:  # what cells print is nobody's business here
        for stream in (0, 1, 2):
            os.dup2(nowhere.fileno(), stream)
    os.chdir(folder)
    shell = answering.shell()
    with suppress(Closed):
        while True:
            message, _ = line.receive()
            if message["do"] == "cell":
                error = answering.run(shell, message["cell"])
                line.send({"error": None if error is None else answering.told(error)})
            elif message["do"] == "names":
                out = bytearray()
                found = {name: shell.user_ns[name] for name in message["names"] if name in shell.user_ns}
                line.send({"value": {name: pack(value, out, lambda thing: -1) for name, value in found.items()}}, out)
            else:
                _, (answer, leash), _, _ = socket.recv_fds(line.end, 1, 2)
                _fork(shell, line, answer, leash, message, disks)
                os.close(answer)
                os.close(leash)


def _fork(shell: Any, line: Line, answer: int, leash: int, order: dict[str, Any], disks: dict[str, int]) -> None:
    """Starts the guard, which starts the fork; returns in the station."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass  # guards of earlier submissions
    if os.fork():
        return
    code = 1
    try:
        line.close()
        judge = Line(socket.socket(fileno=leash))
        try:
            sandbox.adopt()
            if disks:
                sandbox.leave()
            child = os.fork()
            if child == 0:
                _sit(shell, judge, answer, order, disks)
            os.close(answer)
            code = _guard(child, judge)
        except OSError as error:
            judge.send({"failed": str(error)})
    finally:
        os._exit(code)


def _guard(child: int, judge: Line) -> int:
    """Waits for the fork or for the judge's word, ends what is left, and says how the fork ended."""
    ended = 0
    while not ended:
        ready, _, _ = select.select([judge.end], [], [], 0.02)
        if ready:  # a word, or the end of the line: both mean that it is over
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            ended, status = os.waitpid(child, 0)
        else:
            ended, status = os.waitpid(child, os.WNOHANG)
    _end_adopted()
    with suppress(Exception):
        judge.send({"code": os.waitstatus_to_exitcode(status)})
    return 0


def _end_adopted() -> None:
    """Ends what the fork has started, which the kernel gave to this process; in namespaces nothing is left."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        with suppress(OSError):
            for name in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
                os.kill(int(name), signal.SIGKILL)
        try:
            os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return


def _sit(shell: Any, judge: Line, answer: int, order: dict[str, Any], disks: dict[str, int]) -> None:
    """In the fork: confined, it answers on its line until that ends. Never returns."""
    try:
        os.setsid()  # a signal to "my group" must not reach the station
        for name in os.listdir("/dev/fd"):  # the leash stays, for what goes wrong before the answer runs
            if int(name) > 2 and int(name) not in (answer, judge.end.fileno()):
                with suppress(OSError):
                    os.close(int(name))
        memory = sandbox.memory()
        if disks:
            sandbox.settle(disks)
            sandbox.few_processes()
            folder = order["scratch"]
            for path in Path(order["book"]).iterdir():
                (Path(folder) / path.name).symlink_to(path)
        else:
            sandbox.end_with_the_parent()
            folder = order["folder"]
        # The judge's clock is the limit; that of the processor is for a fork that nobody watches any more.
        sandbox.confine(folder, memory and memory + order["megabytes"] * 2**20, order["seconds"])
        judge.close()
        with suppress(Closed):
            answering.Answers(shell, Line(socket.socket(fileno=answer))).serve()
    except OSError as error:
        with suppress(Exception):
            judge.send({"failed": str(error)})
    finally:
        os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], {name: int(size) for name, size in (a.split("=") for a in sys.argv[3:])})
