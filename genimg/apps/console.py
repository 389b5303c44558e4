"""What the commands show: progress of a run, and tables. Bars on a terminal, plain lines in a log."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from genimg.lab.reruns import Comparison


class RunBoard:
    """One bar per chapter over its cells, and one over all of them, while `progress` is entered; else lines."""

    def __init__(self, console: Console, cells: Mapping[str, int]) -> None:
        self.console, self.cells = console, cells
        self.live = console.is_terminal
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            disable=not self.live,
        )
        self.tasks = {name: self.progress.add_task(name, total=n, start=False) for name, n in cells.items()}
        self.overall = self.progress.add_task("all cells", total=sum(cells.values()))

    def start(self, chapter: str) -> None:
        """This chapter begins."""
        self.progress.start_task(self.tasks[chapter])
        if not self.live:
            place = list(self.cells).index(chapter) + 1
            self.console.print(f"[{place}/{len(self.cells)}] {chapter}: {self.cells[chapter]} cells", markup=False)

    def cell(self, chapter: str) -> None:
        """One more cell of this chapter has run."""
        self.progress.advance(self.tasks[chapter])
        self.progress.advance(self.overall)

    def finish(self, chapter: str, status: str, seconds: float) -> None:
        """This chapter has ended as `ok` or `failed`."""
        self.progress.stop_task(self.tasks[chapter])
        if status != "ok":
            self.progress.update(self.tasks[chapter], description=f"[red]{chapter} {status}")
        if not self.live:
            self.console.print(f"      {status}, {seconds:.1f} s", markup=False)


def table(
    console: Console, columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: Iterable[str] = ()
) -> None:
    """Prints a table: fitted to the terminal, or as wide as it needs to be in a log."""
    aligned = set(right)
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        shown.add_column(name, justify="right" if name in aligned else "left", overflow="fold")
    for row in rows:
        shown.add_row(*(escape(cell) for cell in row))
    if console.is_terminal:
        console.print(shown)
        return
    wide = Console(width=10_000, color_system=None, file=io.StringIO())
    with wide.capture() as text:
        wide.print(shown)
    for line in text.get().splitlines():
        console.print(line.rstrip(), markup=False)


def value(row: Mapping[str, Any]) -> str:
    """Mean ± spread of a scorecard row's record, or `not run`.

    Example:
        >>> value({"record": None})
        'not run'
    """
    record = row["record"]
    if record is None:
        return "not run"
    spread = f" ± {record.spread:.2g}" if len(record.values) > 1 else ""
    return f"{record.mean:.4g}{spread}"


def score_row(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Claim, reported, ours, unit, seeds, device, deviations of a scorecard row."""
    record, reported = row["record"], row["reported"]
    seeds = ", ".join(map(str, record.seeds)) if record else ""
    deviations = "; ".join(record.deviations) if record else ""
    told = "" if reported is None else f"{reported:g}"
    return row["claim"], told, value(row), row["unit"], seeds, record.device if record else "", deviations


def rerun_row(comparison: Comparison) -> tuple[str, ...]:
    """Name, what the book says, what was measured now, how far they may be apart, verdict of a re-run."""
    ours, now = value({"record": comparison.record}), value({"record": comparison.rerun})
    return comparison.name, ours, now, f"{comparison.allowed:.2g} {comparison.rerun.unit}", comparison.verdict


@contextmanager
def steps(console: Console, pace: bool = False) -> Iterator[Callable[[str, int, int], None]]:
    """A bar for one long computation: yields `progress(what, done, total)`, to be called once per step.

    Where nobody watches, a line is written at every tenth of the way.

    Args:
        pace: show how many steps a second took on average; of each `what`, since it was first heard of.
    """
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[pace]}"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    told: dict[str, int] = {}
    began: dict[str, float] = {}
    task = bar.add_task("starting", total=None, pace="")

    def progress(what: str, done: int, total: int) -> None:
        now = time.perf_counter()
        taken = now - began.setdefault(what, now)
        each = f"{done / taken:.1f}/s" if pace and done and taken else ""
        bar.update(task, completed=done, total=total, description=escape(what), pace=each)
        tenth = 10 * done // max(total, 1)
        if not console.is_terminal and tenth > told.get(what, -1):
            told[what] = tenth
            console.print(f"{what}: {done}/{total}" + (f", {each}" if each else ""), markup=False)

    with bar:
        yield progress
