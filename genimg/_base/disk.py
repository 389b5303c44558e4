"""Files that are whole or not there, whatever happens to who writes them; and one run per folder."""

from __future__ import annotations

import errno
import json
import os
import socket
import tempfile  # noqa: F401  # for the examples
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from genimg._base import ranks
from genimg._base.errors import UsageError

try:
    import fcntl
except ImportError:  # Windows: two runs in one folder go unnoticed there
    fcntl = None  # type: ignore[assignment]

PART = ".part"
DAY = 86_400.0  # seconds
REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the disk is read-only",
    errno.EACCES: "writing is not permitted there",
    errno.EPERM: "writing is not permitted there",
}


def write(path: str | Path, data: bytes) -> Path:
    """Writes a file beside and renames it: a reader sees the old file or the new one, a killed writer leaves the old.

    Of several ranks the first writes, and the others wait for it.

    Raises:
        UsageError: if it cannot be written; the old file is then untouched.

    Example:
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = write(Path(folder) / "new" / "a.txt", b"hello")
        ...     path.read_bytes(), os.listdir(path.parent)
        (b'hello', ['a.txt'])
    """
    path = Path(path)
    ranks.rank_zero_first(partial(_write, path, data))
    return path


def _write(path: Path, data: bytes) -> None:
    with told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        part = beside(path)
        try:
            with part.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())  # a rename that survives a power cut must not precede the data
            os.replace(part, path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def folder(path: Path) -> Path:
    """The folder, made if need be.

    Raises:
        UsageError: if it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make the folder {path} ({error.strerror or error})") from None
    return path


def read_json(path: str | Path, remedy: str) -> Any:
    """What a JSON file holds.

    Args:
        remedy: what to do if it cannot be read, in a few words.

    Raises:
        UsageError: if it is missing, no UTF-8, no JSON, or nested too deeply; one line that names it.

    Example:
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     read_json(write(Path(folder) / "a.json", b"{"), "make it again")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        genimg._base.errors.UsageError: .../a.json is not JSON (line 1: Expecting property name ...); make it again
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"), parse_constant=_no_number)
    except FileNotFoundError:
        raise UsageError(f"{path} does not exist; {remedy}") from None
    except json.JSONDecodeError as error:
        raise UsageError(f"{path} is not JSON (line {error.lineno}: {error.msg}); {remedy}") from None
    except (UnicodeDecodeError, RecursionError, ValueError) as error:
        raise UsageError(f"{path} is not JSON ({' '.join(str(error).split())[:100]}); {remedy}") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror or error}); {remedy}") from None


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def beside(target: Path) -> Path:
    """A hidden name beside a file that is written; what a killed process left under such names is removed.

    Example:
        >>> beside(Path("a.png")).name.endswith(PART)
        True
    """
    sweep(target.parent)
    return target.with_name(f".genimg-{os.getpid()}-{uuid.uuid4().hex}{PART}")


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yields a name beside the target, which takes its place when the block ends well.

    Example:
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with replacing(Path(folder) / "a.txt") as part: _ = part.write_text("hello")
        ...     os.listdir(folder)
        ['a.txt']
    """
    part = beside(target)
    try:
        yield part
        os.replace(part, target)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Removes the parts of processes that are gone, or that nobody has touched for a day."""
    for part in folder.glob(f".genimg-*{PART}"):
        owner = part.name.split("-")[1]
        with suppress(OSError):
            if time.time() - part.stat().st_mtime > DAY or (owner.isdecimal() and not _alive(int(owner))):
                part.unlink()


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # somebody else's
        return True
    return True


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turns the failure to write a file into one line that says why, and what to do."""
    try:
        yield
    except OSError as error:
        reason = REASONS.get(error.errno or 0, error.strerror or str(error))
        raise UsageError(
            f"cannot write {path}: {reason}; what was written before is whole, so make space or give another folder "
            "and go on from there"
        ) from error


@contextmanager
def lock(path: str | Path) -> Iterator[None]:
    """Holds a folder for this process, and removes what killed writers left half done in it.

    The lock is a file beside the folder, `<folder>.lock`; the system lets go of it when the process ends, however that
    happens. Of several ranks the first takes it, and the others wait for it.

    Raises:
        UsageError: if another process holds it, or it cannot be written.

    Example:
        >>> with tempfile.TemporaryDirectory() as folder, lock(Path(folder) / "run"):
        ...     os.listdir(folder)
        ['run.lock']
    """
    with ExitStack() as held:
        if fcntl is not None:
            # No rank goes on into the folder, and empties it perhaps, before the first one has it.
            ranks.rank_zero_first(lambda: held.enter_context(_lock(Path(path).resolve())))
        yield


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    path = folder.with_name(f"{folder.name}.lock")
    with told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="utf-8")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise UsageError(
                f"another run works in {folder} ({file.read().strip() or 'it just started'}): wait for it, or give "
                "another folder"
            ) from None
        except OSError:  # a file system without locks
            pass
        with told(path):
            file.truncate(0)
            file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
            file.flush()
        for part in folder.rglob(f".*{PART}"):
            with suppress(OSError):
                part.unlink()
        yield
