"""Decoded pictures, kept as memory maps.

A cache file is named by what it was made from (`content`), so a changed source has another name and can never return
old pictures. It is written beside and then renamed: two processes may build the same one at once, and an interrupted
one leaves nothing that looks finished.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
import uuid
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import platformdirs

from genimg._base.errors import UsageError

Bytes = npt.NDArray[np.uint8]
Allocate = Callable[[tuple[int, ...]], Bytes]

FORMAT = "1"  # counts up when decoding changes, so that older files are not read any more
IN_MEMORY = 4 * 2**30  # bytes; more than this is not held in memory when the disk cannot be written
DAY = 86_400.0


def folder() -> Path:
    """The user cache: `$GENIMG_CACHE`, else `genimg` in the platform's cache folder."""
    if own := os.environ.get("GENIMG_CACHE"):
        return Path(own).expanduser()
    return platformdirs.user_cache_path("genimg", appauthor=False)


def remembered(
    label: str, content: str, build: Callable[[Allocate], Bytes], fits: Callable[[tuple[int, ...]], bool] = bool
) -> Bytes:
    """The array that `build` makes, read from disk if it was made before.

    Args:
        label: start of the file's name, for people.
        content: identifies everything the array depends on.
        build: gets `allocate(shape)`, fills the array it returns and returns it.
        fits: whether an array of this shape can be the right one; another one on the disk is made again.

    Returns:
        A copy-on-write memory map: writing to it does not change the file.

    Raises:
        UsageError: the cache folder cannot be written and the array is too large for memory.
    """
    key = hashlib.sha256(f"{FORMAT}\n{content}".encode()).hexdigest()[:32]
    target = folder() / "images" / f"{label}-{key}.npy"
    found = _open(target)
    if found is not None and found.dtype == np.uint8 and found.ndim == 4 and fits(found.shape):
        return found
    del found
    beside = target.with_name(f".{target.name}.{uuid.uuid4().hex}.part")
    try:
        array = build(lambda shape: _allocate(beside, shape))
        if not isinstance(array, np.memmap):
            return array
        array.flush()
        del array  # Windows does not rename a file that is mapped
        try:
            os.replace(beside, target)
        except PermissionError:  # Windows: the other process finished first and its file is in use
            if not target.exists():
                raise
        except OSError as error:
            raise UsageError(f"{target} is in the way of the cache ({error.strerror or error}); remove it") from None
        return np.load(target, mmap_mode="c", allow_pickle=False)
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()


def _open(path: Path) -> Bytes | None:
    try:
        return np.load(path, mmap_mode="c", allow_pickle=False)
    except (OSError, ValueError, EOFError):  # not there, or damaged by something else: made again
        return None


def _allocate(path: Path, shape: tuple[int, ...]) -> Bytes:
    need = int(np.prod(shape, dtype=np.int64))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path.parent)
        array = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
        _reserve(path)
        return array
    except OSError as error:
        reason = error.strerror or str(error)
        if need > IN_MEMORY:
            raise UsageError(
                f"these pictures need {need / 2**30:.1f} GiB in {path.parent} ({reason}): pass a smaller size=, "
                "or set GENIMG_CACHE to a folder with space"
            ) from error
        warnings.warn(
            f"cannot write the cache {path.parent} ({reason}), so pictures are decoded each time; set GENIMG_CACHE",
            stacklevel=2,
        )
        return np.empty(shape, dtype=np.uint8)


def _reserve(path: Path) -> None:
    # A sparse map on a full disk kills the process with SIGBUS; a reservation fails with an ordinary error instead.
    if hasattr(os, "posix_fallocate"):
        descriptor = os.open(path, os.O_RDWR)
        try:
            os.posix_fallocate(descriptor, 0, path.stat().st_size)
        finally:
            os.close(descriptor)


def _sweep(directory: Path) -> None:
    for part in directory.glob(".*.part"):  # left behind by processes that were killed
        try:
            if time.time() - part.stat().st_mtime > DAY:
                part.unlink()
        except OSError:
            continue
