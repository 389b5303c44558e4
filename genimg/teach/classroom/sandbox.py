"""What a process does to itself before it runs an answer. Of the standard library only: it also runs as a probe.

Inside `genimg.teach.classroom.boundary` a fork leaves for namespaces of its own (`leave`), so that it sees neither the
station nor a classmate, and its disk is a small one in memory. Without that boundary there are only limits and an
audit hook, which hold off mistakes; a program that means harm has the rights of who started it.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from contextlib import suppress
from typing import Any

_NAMESPACES = 0x10000000 | 0x00020000 | 0x20000000 | 0x08000000 | 0x40000000  # user, mount, process, IPC, network
_READ_ONLY, _NOT_SET_UID, _NO_DEVICES = 1, 2, 4  # flags of mount(2)
_PARENT_DEATH_SIGNAL, _REAPER = 1, 36  # of prctl(2)
_CAPABILITIES = 0x20080522  # the version of capset(2) that knows 64 of them
_NETWORK = ("socket.connect", "socket.sendto", "socket.sendmsg", "socket.bind")
_NAMES = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo")
_PROGRAMS = ("os.fork", "os.forkpty", "os.posix_spawn", "os.system", "os.exec", "subprocess.Popen")
_FILE = 64 * 2**20  # bytes
_PROCESSES = 256


class Refused(PermissionError):
    """A graded submission asked for what it may not have."""


def leave() -> None:
    """Prepares namespaces of one's own; the next fork is the first process in them, and calls `settle`.

    Raises:
        OSError: if the kernel does not permit it.
    """
    user, group = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_NAMESPACES):
        raise OSError(ctypes.get_errno(), "no namespaces for a fork")
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def settle(disks: dict[str, int]) -> None:
    """In the first process of new namespaces: empty disks of these sizes in bytes, an empty /proc, and no rights.

    A /proc of its own would be as good, but the kernel refuses one inside that of bubblewrap, parts of which are
    covered; the one that is there shows the station.

    Raises:
        OSError: if one of it fails.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    for place, size in disks.items():
        _mount(libc, "tmpfs", place, _NOT_SET_UID | _NO_DEVICES, f"size={size},nr_inodes=20000,mode=700")
    _mount(libc, "tmpfs", "/proc", _NOT_SET_UID | _NO_DEVICES | _READ_ONLY, "size=4096,nr_inodes=2")
    head = (ctypes.c_uint32 * 2)(_CAPABILITIES, 0)
    if libc.capset(head, (ctypes.c_uint32 * 6)()):
        raise OSError(ctypes.get_errno(), "rights that cannot be given up")


def _mount(libc: Any, kind: str, place: str, flags: int, options: str) -> None:
    if libc.mount(kind.encode(), place.encode(), kind.encode(), flags, options.encode()):
        raise OSError(ctypes.get_errno(), f"no {kind} at {place}")


def memory() -> int:
    """Bytes of address space of this process; 0 where nobody tells (not Linux)."""
    with suppress(OSError, ValueError), open("/proc/self/statm") as pages:
        return int(pages.read().split()[0]) * resource.getpagesize()
    return 0


def confine(folder: str, memory: int, seconds: int) -> None:
    """Limits this process, for good.

    Args:
        folder: the working directory and home from now on.
        memory: bytes of address space; 0 is no limit.
        seconds: of processor time.
    """
    os.chdir(folder)
    os.environ |= {"HOME": folder, "TMPDIR": folder, "MPLCONFIGDIR": folder}
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, _FILE)
    _limit(resource.RLIMIT_CPU, seconds)
    if memory:
        _limit(resource.RLIMIT_AS, memory)
    sys.addaudithook(_refuse)


def few_processes() -> None:
    """Limits how many processes and threads there may be; only where they are counted apart from the user's others."""
    _limit(resource.RLIMIT_NPROC, _PROCESSES)


def end_with_the_parent() -> None:
    """If the process that watches this one is killed, no endless loop remains behind."""
    with suppress(OSError, AttributeError):  # not Linux
        ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL)


def adopt() -> None:
    """From now on what a child leaves behind belongs to this process."""
    with suppress(OSError, AttributeError):  # not Linux
        ctypes.CDLL(None).prctl(_REAPER, 1)


def _limit(kind: int, value: int) -> None:
    """Both limits, soft and hard; a lower one that stands already remains."""
    hard = resource.getrlimit(kind)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook, which gives a clear message to code that asks in Python."""
    if event in _NAMES or (event in _NETWORK and isinstance(arguments[1], tuple)):  # a Unix socket has no tuple
        raise Refused(f"no network while an answer is graded ({event})")
    if event in _PROGRAMS:
        raise Refused(f"no other programs while an answer is graded ({event})")


def _probe(places: list[str]) -> int:
    """Whether a fork can have namespaces here: 0 if so."""
    leave()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            settle(dict.fromkeys(places, 2**20))
            code = 0 if os.getpid() == 1 and all(not os.listdir(place) for place in places) else 1
        except OSError as error:
            os.write(2, f"{error}\n".encode())
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    sys.exit(_probe(sys.argv[1:]))
