"""How long until something is there: the import, a command, the first figure of each chapter, the whole book.

Each is a process of its own, as a reader starts it. The first figure of a chapter counts from the start of its kernel;
the whole book is the last `genimg run --profile quick`, the sum over its chapters, from its manifest.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import click
import torch
from measure import benchmark, keep, out_option
from nbclient import NotebookClient

from genimg.press import execution, notebooks

ROOT = Path(__file__).parents[1]
COMMAND = "from genimg.apps.cli import main; main"
STARTS = {
    "python": "pass",
    "import genimg": "import genimg",
    "import torch": "import torch",
    "import genimg and use it": "import genimg as gi; gi.networks.dcgan(seed=0); gi.objectives; gi.training",
    "genimg --help": f"{COMMAND}(['--help'])",
    "genimg detect, one picture": f"{COMMAND}(['detect', 'history-celeba', 'docs/front.jpg'])",
}


def started(code: str, times: int) -> float:
    """Seconds of a Python that runs this, the median."""
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, capture_output=True)
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def first_figure(path: Path) -> float:
    """Seconds from the start of the kernel until the chapter has shown its first picture."""
    book = notebooks.read(path)
    begun = time.perf_counter()
    client = NotebookClient(book, timeout=600, resources={"metadata": {"path": str(path.parent)}})
    with client.setup_kernel(env=os.environ | execution.ENVIRONMENT):
        for index, cell in enumerate(book.cells):
            if cell.cell_type != "code":
                continue
            client.execute_cell(cell, index)
            if any("image/png" in output.get("data", {}) for output in cell.outputs):
                return time.perf_counter() - begun
    raise click.ClickException(f"{path.name} shows no picture")


def last_run() -> dict[str, float]:
    """Seconds of every chapter in the manifest that `genimg run` left here; a chapter that failed does not count."""
    manifest = ROOT / "build" / "book" / "manifest.json"
    if not manifest.is_file():
        raise click.ClickException("run the book first: genimg run --profile quick")
    found = json.loads(manifest.read_text(encoding="utf-8"))["chapters"]
    return {name: entry["seconds"] for name, entry in found.items() if entry["status"] == "ok"}


@benchmark(__doc__)
@click.option("--chapter", "names", multiple=True, help="Only these.  [default: all]")
@click.option("--book/--no-book", default=True, show_default=True, help="The chapters of the last `genimg run`, too.")
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="Of each start.")
@out_option
def main(names: tuple[str, ...], book: bool, rounds: int, out: Path | None) -> None:
    """Measures and prints a table."""
    rows = []
    for what, code in STARTS.items():
        rows.append({"what": what, "seconds": round(started(code, rounds), 3)})
        click.echo(f"{what:44}{rows[-1]['seconds']:9.2f} s")
    for path in notebooks.chapters(ROOT):
        if names and path.stem not in names:
            continue
        if not any("image/png" in o.get("data", {}) for c in notebooks.read(path).cells for o in c.get("outputs", ())):
            continue  # a chapter of tables
        rows.append({"what": f"first figure of {path.stem}", "seconds": round(first_figure(path), 2)})
        click.echo(f"{rows[-1]['what']:44}{rows[-1]['seconds']:9.2f} s")
    if book:
        times = last_run()
        for name, taken in times.items():
            rows.append({"what": f"all of {name}", "seconds": round(taken, 1)})
            click.echo(f"{rows[-1]['what']:44}{rows[-1]['seconds']:9.2f} s")
        rows.append({"what": "the book", "seconds": round(sum(times.values()), 1)})
        click.echo(f"{rows[-1]['what']:44}{rows[-1]['seconds']:9.2f} s")
    keep(out, torch.device("cpu"), rows=rows, rounds=rounds)


if __name__ == "__main__":
    main()
