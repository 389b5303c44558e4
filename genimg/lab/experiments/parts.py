"""What a part of a long experiment found, kept in a file as soon as it is there.

An interrupted run goes on where it stopped, one process per seed shares the work, and a last run over all seeds only
reads.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from genimg._base import devices, disk, records
from genimg._base.errors import UsageError


def kept(path: Path, settings: dict[str, Any], device: torch.device, make: Callable[[], Any]) -> dict[str, Any]:
    """What the file holds; if there is none, `make` is called and its result written first.

    Args:
        path: a JSON file.
        settings: constants that the result depends on, kept with it.
        device: where `make` computes; kept with its result, as are the commit and the seconds it took.
        make: gives what JSON can hold.

    Returns:
        `settings`, `device`, `commit`, `seconds`, and the result as `found`.

    Raises:
        UsageError: if the file was made with other settings.
    """
    if not path.exists():
        begun = time.perf_counter()
        found = make()
        about = {"device": devices.describe(device), "commit": records.commit()}
        write(path, {**settings, **about, "seconds": time.perf_counter() - begun, "found": found})
    part = disk.read_json(path, "remove it, and it is made again")
    if not isinstance(part, dict):
        raise UsageError(f"{path} is no part of an experiment; remove it, and it is made again")
    if {name: part.get(name) for name in settings} != json.loads(json.dumps(settings)):
        raise UsageError(f"{path} was made with other constants; start without --resume, or give another --out")
    return part


class Stopwatch:
    """Seconds that a run takes over all its interruptions, kept in a JSON file beside its checkpoint.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "seconds.json"
        >>> write(path, {"seconds": 100.0})                                # an earlier process
        >>> 100 < Stopwatch(path).seconds < 101
        True
    """

    def __init__(self, path: Path) -> None:
        self.path, self.begun = path, time.perf_counter()
        self.before = _seconds(path) if path.exists() else 0.0

    @property
    def seconds(self) -> float:
        """Until now."""
        return self.before + time.perf_counter() - self.begun

    def keep(self) -> None:
        """Writes them; what comes after is lost with the process, as is what was trained since the checkpoint."""
        write(self.path, {"seconds": self.seconds})


def _seconds(path: Path) -> float:
    try:
        return float(disk.read_json(path, "remove it: only the time is lost")["seconds"])
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"{path} holds no seconds; remove it: only the time is lost") from None


def write(path: Path, content: dict[str, Any]) -> None:
    """JSON, whole or not at all: another process may be reading."""
    disk.write(path, (json.dumps(content, indent=1) + "\n").encode())
