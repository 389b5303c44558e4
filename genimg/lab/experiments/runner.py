"""Runs an experiment: what a part of it gave is kept in a file at once, and what is there is not made again.

An experiment is a class `Study`: `parts` makes what one seed gives, `records` says what was measured. Folders, files,
progress and what all records have in common are done here. So an interrupted run goes on where it stopped, one process
per seed shares the work, and a last run over all seeds only reads.
"""

from __future__ import annotations

import json
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch

from genimg._base import devices, disk, records
from genimg._base.errors import Absent, UsageError
from genimg._base.records import Record

Progress = Callable[[str, int, int], None]
"""Called as progress(what, done, total); may raise `OutOfTime`."""
Part = dict[str, Any]
"""What was `found`, the constants it depends on, and its `device`, `commit` and `seconds`."""
Size = TypeVar("Size")


class OutOfTime(Exception):
    """The time that a run was given is over; what it has kept on disk is whole."""


class Job:
    """One run of an experiment: what was asked for, its folder, and how far it is.

    Attributes:
        name, profile, seeds, device: as given to `Experiment.run`.
        out: the folder of all experiments.
        folder: the one of this experiment.
        done, total: steps or parts.
    """

    def __init__(
        self, name: str, profile: str, seeds: list[int], device: torch.device, out: Path, progress: Progress
    ) -> None:
        self.name, self.profile, self.seeds, self.device = name, profile, seeds, device
        self.out, self.folder, self.progress = out, out / name, progress
        self.done = self.total = 0

    def of(self, seed: int) -> Path:
        """The folder of one seed."""
        return self.folder / f"{self.profile}-{seed}"

    def tell(self, what: str) -> None:
        """Says what comes next."""
        self.progress(what, self.done, self.total)
        self.done += 1

    def part(self, what: str, path: Path, settings: dict[str, Any], make: Callable[[], Any]) -> Part:
        """Says what comes next, and makes it or reads it: see `kept`."""
        self.tell(what)
        return kept(path, settings, self.device, make)

    def train(self, seed: int, steps: Iterable[int], total: int, every: int) -> Stopwatch:
        """Goes through the steps of a training that saves its own checkpoints, one each `every` steps."""
        watch, before = Stopwatch(self.of(seed) / "seconds.json"), self.done
        for step in steps:
            if step % 20 == 0:
                self.progress(f"{self.name} seed {seed}", before + step, self.total)
            if step % every == 0 or step == total:
                watch.keep()
        self.done = before + total
        return watch

    def here(self, names: Iterable[str], look: Callable[[str], object], needed: str) -> list[str]:
        """Those of the data sets that `look` finds; it raises a `UsageError` for others.

        Raises:
            Absent: if there are none; it says what is needed.
        """
        found = []
        for name in names:
            try:
                look(name)
            except UsageError:
                continue
            found.append(name)
        if not found:
            raise Absent(f"{self.name}: {needed}")
        return found

    def record(self, parts: Iterable[Part], **fields: Any) -> Record:
        """A record of what these parts gave; what is not said is this project's own pure number, higher is better."""
        every = list({id(part): part for part in parts}.values())
        weights = {part.get("weights") for part in every}
        common: dict[str, Any] = {
            "source": "this project", "unit": "1", "better": "higher", "reported": None, "deviations": [],
            "seeds": self.seeds, "profile": self.profile,
            "device": ", ".join(sorted({part["device"] for part in every})),
            "commit": " ".join(sorted({part["commit"] for part in every})),
            "seconds": round(sum(part["seconds"] for part in every), 1),
            "weights": weights.pop() if len(weights) == 1 else None,
        }  # fmt: skip
        return Record(**{**common, **fields})


class Study(ABC, Generic[Size]):
    """An experiment at work; the module of an experiment has a subclass of this name.

    Args:
        job: what was asked for.
        size: the constants of the profile.
    """

    def __init__(self, job: Job, size: Size) -> None:
        self.job, self.size = job, size

    def load(self) -> None:
        """Finds what it needs, pictures and packages, before anything is removed or trained."""

    def stale(self) -> Iterator[Path]:
        """What a run that begins anew removes: the folders of its seeds."""
        yield from map(self.job.of, self.job.seeds)

    @abstractmethod
    def count(self) -> int:
        """How often `Job.tell` is called, or how many steps there are."""

    def prepare(self) -> None:
        """Makes what all seeds share."""

    @abstractmethod
    def parts(self, seed: int) -> Any:
        """What one seed gives, each part of it by `Job.part`."""

    @abstractmethod
    def records(self, found: dict[int, Any]) -> dict[str, Record]:
        """What was measured, by the names of the records; `found` is what `parts` gave for each seed."""

    def run(self, resume: bool) -> dict[str, Record]:
        """All of it, in order."""
        self.load()
        if not resume:
            for path in self.stale():
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)  # other ranks do it too
                else:
                    path.unlink(missing_ok=True)
        self.job.total = self.count()
        self.prepare()
        found = {seed: self.parts(seed) for seed in self.job.seeds}
        self.job.progress(self.job.name, self.job.total, self.job.total)
        return self.records(found)


def kept(path: Path, settings: dict[str, Any], device: torch.device, make: Callable[[], Any]) -> Part:
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
        write(path, {**settings, **made(found, device, time.perf_counter() - begun)})
    part = disk.read_json(path, "remove it, and it is made again")
    if not isinstance(part, dict):
        raise UsageError(f"{path} is no part of an experiment; remove it, and it is made again")
    if {name: part.get(name) for name in settings} != json.loads(json.dumps(settings)):
        raise UsageError(f"{path} was made with other constants; start without --resume, or give another --out")
    return part


def made(found: Any, device: torch.device | str, seconds: float, **more: Any) -> Part:
    """A part that was made just now."""
    about = {"device": devices.describe(device), "commit": records.commit(), "seconds": seconds}
    return {**about, **more, "found": found}


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
