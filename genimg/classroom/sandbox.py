"""What a forked process may not do any more once it has confined itself: reach the network, start programs, grow.

This keeps mistakes and idle tricks from harm. It is no prison: code that means harm has the rights of who started it,
on the files of this machine. Submissions of people you do not trust belong on a machine, or under an account, of
their own.

Book: teaching.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000  # flags of unshare(2)
_PARENT_DEATH_SIGNAL = 1  # of prctl(2)
_NETWORK = ("socket.connect", "socket.sendto", "socket.sendmsg", "socket.bind")
_NAMES = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo")
_PROGRAMS = ("os.fork", "os.forkpty", "os.posix_spawn", "os.system", "os.exec", "subprocess.Popen")
_FILE = 64 * 2**20  # bytes


class Refused(PermissionError):
    """A graded submission asked for what it may not have."""


def confine(folder: Path, megabytes: int, seconds: int) -> None:
    """Confines this process, for good.

    Args:
        folder: the working directory and home from now on.
        megabytes: of memory, beyond what the process has now (enforced on Linux).
        seconds: of processor time.
    """
    os.chdir(folder)
    os.environ |= {"HOME": str(folder), "TMPDIR": str(folder), "MPLCONFIGDIR": str(folder)}
    _end_with_the_parent()
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, _FILE)
    _limit(resource.RLIMIT_CPU, seconds)
    pages = Path("/proc/self/statm")
    if pages.exists():
        now = int(pages.read_text().split()[0]) * resource.getpagesize()
        _limit(resource.RLIMIT_AS, now + megabytes * 2**20)
    _leave_the_network()
    sys.addaudithook(_refuse)


def _limit(kind: int, value: int) -> None:
    """Both limits, soft and hard; a lower one that stands already remains."""
    hard = resource.getrlimit(kind)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))


def _end_with_the_parent() -> None:
    """If the process that watches this one is killed, no endless loop remains behind."""
    with suppress(OSError, AttributeError):  # not Linux
        ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL)


def _leave_the_network() -> bool:
    """Into a network namespace without any device, where the kernel permits it; what the audit hook refuses anyway."""
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        return libc.unshare(_NEW_NETWORK) == 0 or libc.unshare(_NEW_USER | _NEW_NETWORK) == 0
    except (OSError, AttributeError):  # not Linux
        return False


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook: code written in Python cannot bypass it, nor remove it."""
    if event in _NAMES or (event in _NETWORK and isinstance(arguments[1], tuple)):  # a Unix socket has no tuple
        raise Refused(f"no network while an answer is graded ({event})")
    if event in _PROGRAMS:
        raise Refused(f"no other programs while an answer is graded ({event})")
