"""The wall around grading: bubblewrap, where the machine has it and the kernel permits it.

Inside there are the system and this package, to be read; small disks in memory; no network, no home, no checkout, no
checks of exercises, and an environment of a dozen names. All of it ends with the process that grades.
"""

from __future__ import annotations

import os
import shutil
import site
import subprocess
import sys
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import genimg
from genimg.data import cache
from genimg.press import execution

BOOK = "/book"
"""Where the files stand that chapters read, inside."""
SCRATCH = "/scratch"
DISK = 128 * 2**20
"""Bytes of each disk in memory."""
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_SETTINGS = ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/localtime", "/etc/fonts", "/etc/alternatives", "/etc/ssl")
_PACKAGE = Path(genimg.__file__).resolve().parent


@lru_cache(maxsize=1)
def missing() -> str:
    """Why there is no boundary on this machine; nothing if there is one. It is tried, not guessed."""
    if sys.platform != "linux":
        return "namespaces are Linux's"
    if not shutil.which("bwrap"):
        return "bubblewrap is not installed (Debian and Ubuntu: apt install bubblewrap)"
    try:
        command = [
            *wall(None),
            sys.executable,
            "-I",
            "-S",
            str(_PACKAGE / "teach" / "classroom" / "sandbox.py"),
            *disks(),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap does not run here ({error})"
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return f"the kernel permits no namespaces here ({said})"
    return ""


def disks() -> dict[str, int]:
    """Where a fork gets a disk of its own, and how large."""
    read_below = any(path.is_relative_to("/tmp") for path in (*_read(), _PACKAGE))
    return dict.fromkeys([SCRATCH, "/dev/shm", *([] if read_below else ["/tmp"])], DISK)


def wall(book: Path | None, hidden: Iterable[Path] = ()) -> list[str]:
    """The start of a command line: whatever follows runs inside.

    Args:
        book: a folder with the files that chapters read.
        hidden: folders that are empty inside, even if they lie in one that is read, as a folder of data may be.
    """
    words = ["bwrap", "--unshare-all", "--unshare-user", "--die-with-parent", "--new-session", "--clearenv"]
    for name, value in environment().items():
        words += ["--setenv", name, value]
    for place in map(Path, _SYSTEM):
        if place.is_symlink():
            words += ["--symlink", str(place.readlink()), str(place)]
        elif place.is_dir():
            words += ["--ro-bind", str(place), str(place)]
    for setting in _SETTINGS:
        words += ["--ro-bind-try", setting, setting]
    words += ["--proc", "/proc", "--dev", "/dev"]
    for disk, size in disks().items():
        words += ["--size", str(size), "--tmpfs", disk]
    read = _read()
    for path in read:
        words += ["--ro-bind", str(path), str(path)]
    for path in hidden:
        if any(path.is_relative_to(other) for other in read):
            words += ["--tmpfs", str(path), "--remount-ro", str(path)]
    words += ["--ro-bind", str(_PACKAGE), str(_PACKAGE)]
    checks = str(_PACKAGE / "teach" / "check")
    words += ["--tmpfs", checks, "--remount-ro", checks]  # what judges is not where answers are
    if book:
        words += ["--ro-bind", str(book), BOOK]
    return [*words, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", SCRATCH, "--"]


def environment() -> dict[str, str]:
    """All that is known inside of the environment outside."""
    names = {name: os.environ[name] for name in ("LANG", "LC_ALL", "TZ") if name in os.environ}
    names |= {"PATH": "/usr/bin:/bin", "HOME": SCRATCH, "TMPDIR": SCRATCH, "MPLCONFIGDIR": SCRATCH, "MPLBACKEND": "Agg"}
    names |= execution.ENVIRONMENT | {"CUDA_VISIBLE_DEVICES": "", "PYTHONDONTWRITEBYTECODE": "1"}
    # An answer may load data, as its chapter does.
    names["GENIMG_CACHE"] = str(cache.folder().absolute())
    if data := os.environ.get("GENIMG_DATA"):
        names["GENIMG_DATA"] = str(Path(data).absolute())
    return names | {"PYTHONPATH": str(_PACKAGE.parent), "PYTHONNOUSERSITE": ""}


def _read() -> list[Path]:
    """What is read inside beside the system: the interpreter, its packages, this package, pictures."""
    wanted = [sys.prefix, sys.base_prefix, sys.exec_prefix, os.path.realpath(sys.executable), *site.getsitepackages()]
    wanted += [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    wanted += [environment()["GENIMG_CACHE"], environment().get("GENIMG_DATA", "")]
    found = dict.fromkeys(Path(name) for name in wanted if name and Path(name).exists())
    inside = [path for path in found if not path.is_relative_to("/usr")]
    return [path for path in inside if not any(path != other and path.is_relative_to(other) for other in inside)]
