"""What the benchmarks share: ways that take turns, medians and ratios from one run, and the file that a page reads.

A busy machine slows all ways of a round alike, so a ratio is the median of the ratios of the rounds, and no number
stands alone.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
import torch

import genimg as gi
from genimg._base import disk
from genimg._base.errors import UsageError

Way = Callable[[], Any]


class Benchmark(click.Command):
    """A command whose user is told a mistake in one line."""

    def invoke(self, ctx: click.Context) -> Any:
        """Runs it."""
        try:
            return super().invoke(ctx)
        except UsageError as error:
            raise click.ClickException(str(error)) from None


def benchmark(text: str | None) -> Callable[[Callable[..., None]], Benchmark]:
    """The command of a benchmark, which explains itself by the first paragraph of its module's docstring."""
    first = (text or "").split("\n\n")[0]
    return click.command(cls=Benchmark, help=first, context_settings={"help_option_names": ["-h", "--help"]})


rounds_option = click.option(
    "--rounds", type=click.IntRange(1), default=5, show_default=True, help="Calls of each way."
)
threads_option = click.option("--threads", type=click.IntRange(1), help="Of torch on the CPU.  [default: one per core]")
device_option = click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
out_option = click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Keep the results in this file, for the book."
)


def seconds(way: Way, device: torch.device) -> float:
    """One call, waited for."""
    wait = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    wait()
    start = time.perf_counter()
    way()
    wait()
    return time.perf_counter() - start


def in_turns(ways: Mapping[str, Way], rounds: int, device: torch.device, warm: int = 1) -> dict[str, list[float]]:
    """Seconds of each call of each way, by name, round by round, after `warm` rounds that do not count."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(-warm, rounds):
        for name, way in ways.items():
            taken = seconds(way, device)
            if turn >= 0:
                times[name].append(taken)
    return times


def ratio(slow: list[float], fast: list[float]) -> float:
    """How many times the seconds of `fast` those of `slow` are: the median over the rounds.

    >>> ratio([2.0, 9.0, 6.0], [1.0, 3.0, 2.0])
    3.0
    """
    return statistics.median(a / b for a, b in zip(slow, fast, strict=True))


def machine(device: torch.device) -> dict[str, Any]:
    """Where and with what this was measured; how busy the machine was at the end, too."""
    cpu = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        cpu = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    commit = _git("rev-parse", "--short", "HEAD")
    # What is measured decides, not the records that the benchmarks before this one have just written.
    dirty = "-dirty" if _git("status", "--porcelain", "--", "../genimg", ".") else ""
    return {
        "device": gi.devices.describe(device),
        "cpu": cpu,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "bfloat16": gi.devices.bfloat16(device),
        "commit": commit + dirty if commit else "unknown",
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def _git(*words: str) -> str:
    """What git says here; nothing outside a clone."""
    command = ["git", "-C", str(Path(__file__).parent), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def keep(path: Path | None, device: torch.device, **found: Any) -> None:
    """Writes what was found, with the machine and the command, where a page of the book reads it."""
    if path is None:
        return
    command = " ".join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *_without_out(sys.argv[1:])])
    text = json.dumps({"command": command, "machine": machine(device), **found}, indent=1, ensure_ascii=False)
    disk.write(path, (text + "\n").encode())


def _without_out(words: list[str]) -> list[str]:
    """A command's words without the file that its results went to."""
    if "--out" not in words:
        return words
    at = words.index("--out")
    return words[:at] + words[at + 2 :]
