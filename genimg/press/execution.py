"""Running chapters with papermill: which kernel, which environment, what is kept, and the manifest of a run.

Results go to a folder of their own. A committed notebook changes only when that was asked for and its run succeeded.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import Any

import torch
from nbformat import NotebookNode

from genimg import zoo
from genimg._base import disk, records
from genimg._base.errors import UsageError
from genimg.press import notebooks

ENVIRONMENT = {
    # Sums over several threads differ in the last digit, and the notebooks use one thread anyway.
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # else the kernel's debugger warns on the terminal
}

if torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512"):
    # Wider vectors add in another order, and training makes much of a last digit: all x86-64 take the narrower ones.
    ENVIRONMENT |= {
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "OPENBLAS_CORETYPE": "Zen",
    }


@dataclass(frozen=True)
class Job:
    """One chapter, ready to run: its committed notebook and the parameters that this run sets."""

    path: Path
    original: NotebookNode
    parameters: Mapping[str, Any]

    @property
    def chapter(self) -> str:
        """The name of the chapter, such as `04_wgan`."""
        return self.path.stem

    @property
    def cells(self) -> int:
        """How many cells there are to execute."""
        return len(notebooks.code_cells(self.original))


@dataclass(frozen=True)
class Result:
    """What became of one chapter."""

    chapter: str  # its name
    cells: int  # how many cells were executed to the end
    seconds: float  # wall time, the start of the kernel included
    notebook: Path  # the executed notebook, or the partial one if the run failed
    error: str | None  # None, or one line that names the cell and the error

    @property
    def status(self) -> str:
        """`ok` or `failed`."""
        return "failed" if self.error else "ok"


def prepare(path: Path, parameters: Mapping[str, Any], *, in_place: bool = False) -> Job:
    """Checks a chapter and what it is asked to do before anything runs.

    Args:
        in_place: whether the committed notebook is to be replaced. That one shows the book at its own parameters, so
            only `device` may then differ, which no reader of the page sees.

    Raises:
        UsageError: for a notebook without parameters cell, an unknown parameter, or other values with `in_place`.
    """
    original = notebooks.read(path)
    source = notebooks.parameters_cell(original, path.name).source
    try:
        committed = notebooks.parameters(source)
        notebooks.replace_parameters(source, parameters)
    except UsageError as error:
        raise UsageError(f"{path.stem}: {error}") from None
    except (ValueError, SyntaxError) as error:
        raise UsageError(f"{path.stem}: its parameters cell must hold plain values: {error}") from None
    other = [name for name, value in parameters.items() if name != "device" and committed[name] != value]
    if in_place and other:
        raise UsageError(
            f"--in-place stores {path.stem} at {other[0]} = {committed[other[0]]!r}, as it is committed; "
            f"leave out --in-place to run it at {parameters[other[0]]!r}"
        )
    return Job(path, original, parameters)


def run(job: Job, out: Path, *, in_place: bool = False, on_cell: Callable[[], None] | None = None) -> Result:
    """Executes one chapter in its own folder, with the interpreter that runs this function.

    The result is `out/<chapter>.ipynb`, normalised; an older one is removed first, so that `out` never shows a result
    that this run did not make. While it runs, and if it fails, the notebook lies in `out/partial/`.

    Args:
        in_place: replace the committed notebook too, its parameters as they were, if the run succeeds.
    """
    done, partial = out / job.path.name, out / "partial" / job.path.name
    done.unlink(missing_ok=True)
    nb = notebooks.read(job.path)
    cell = notebooks.parameters_cell(nb)
    cell.source = notebooks.replace_parameters(cell.source, job.parameters)
    for each in notebooks.code_cells(nb):
        each.outputs, each.execution_count = [], None  # a partial notebook must not show old outputs as its own
    notebooks.write(nb, partial)
    start = time.perf_counter()
    cells, error = _execute(partial, job.path.parent, on_cell or (lambda: None))
    seconds = time.perf_counter() - start
    if error:
        return Result(job.chapter, cells, seconds, partial, error)
    nb = notebooks.normalise(notebooks.read(partial))
    notebooks.write(nb, done)
    partial.unlink()
    if in_place:
        notebooks.parameters_cell(nb).source = notebooks.parameters_cell(job.original).source
        notebooks.write(nb, job.path)
    return Result(job.chapter, cells, seconds, done, None)


def side_by_side(
    jobs: Sequence[Job], out: Path, workers: int, *, in_place: bool = False
) -> Iterator[tuple[Job, Result]]:
    """As `run`, several chapters at a time, each in a process of its own; as they end, in the order of their ends.

    Those of many cells begin, so that at the end no process waits for a long one.
    """
    largest_first = sorted(jobs, key=lambda job: -job.cells)
    with ProcessPoolExecutor(min(workers, len(jobs)), mp_context=get_context("spawn")) as pool:
        running = {pool.submit(run, job, out, in_place=in_place): job for job in largest_first}
        try:
            for ended in as_completed(running):
                yield running[ended], ended.result()
        except BaseException:  # Ctrl-C: no other chapter begins, and a kernel ends with the process that started it
            for child in active_children():
                child.terminate()
            raise


def _execute(path: Path, cwd: Path, on_cell: Callable[[], None]) -> tuple[int, str | None]:
    """Papermill over the notebook at `path`, which it rewrites after every cell.

    Returns:
        how many cells ran to the end, and one line on the failure, if there was one.
    """
    try:
        import papermill
        from papermill.exceptions import PapermillExecutionError
    except ImportError as missing:
        raise UsageError(f"running chapters needs {missing.name}: pip install -e '.[book]'") from None
    logging.getLogger("papermill").addHandler(logging.NullHandler())  # what it logs is in the result
    total, begun, ended = len(notebooks.read(path).cells), [0], 0

    def begin(cell_index: int, **_: Any) -> None:
        begun.append(cell_index + 1)

    def end(execute_reply: Mapping[str, Any], **_: Any) -> None:
        nonlocal ended
        if execute_reply["content"]["status"] == "ok":
            ended += 1
            on_cell()

    try:
        with _environment():
            papermill.execute_notebook(
                path,
                path,
                kernel_name="python3",
                kernel_manager_class=_own_interpreter(),
                cwd=cwd,
                progress_bar=False,
                on_cell_execute=begin,
                on_cell_executed=end,
            )
    except PapermillExecutionError as error:
        return ended, f"cell {begun[-1]} of {total}: {_one_line(error.ename, error.evalue)}"
    except RuntimeError as error:  # the kernel died, or did not start
        return ended, f"cell {begun[-1]} of {total}: {_one_line(type(error).__name__, str(error))}"
    return ended, None


def _one_line(name: str, text: str) -> str:
    first = next((line for line in re.sub("\x1b\\[.*?m", "", text).splitlines() if line.strip()), "")
    return f"{name}: {first}" if first else name


def _own_interpreter() -> type:
    """A kernel manager whose kernel is this very interpreter, whatever kernel specifications the machine has."""
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager
    from traitlets import Float

    class OwnInterpreter(AsyncKernelManager):
        shutdown_wait_time = Float(2.0)  # a kernel that computes when Ctrl-C is pressed does not answer; then kill it
        if os.name == "posix":  # sockets that are files: two kernels that start at once may be given the same port
            transport, ip = "ipc", os.path.join(os.environ["IPYTHONDIR"], "kernel")

        @property
        def kernel_spec(self) -> KernelSpec:
            # What goes wrong in a cell is in the notebook; the kernel's own log would only disturb the progress bars.
            argv = [sys.executable, "-m", "ipykernel_launcher", "--log-level=CRITICAL", "-f", "{connection_file}"]
            return KernelSpec(argv=argv, display_name="Python 3", language="python")

    return OwnInterpreter


@contextmanager
def _environment() -> Iterator[None]:
    """For the kernel: `ENVIRONMENT`, where the caller has not set a variable, and an empty IPython profile."""
    before = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="genimg-ipython-") as profile:
        os.environ.update({**ENVIRONMENT, **before, "IPYTHONDIR": profile})
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


def update_manifest(out: Path, job: Job, result: Result, device: str) -> Path:
    """Writes what is known of a run into `out/manifest.json`, beside the entries of the other chapters."""
    path = out / "manifest.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        content = {"chapters": {}}
    content["chapters"][job.chapter] = {
        "status": result.status,
        "error": result.error,
        "parameters": dict(job.parameters),
        "device": device,
        "cells": result.cells,
        "seconds": round(result.seconds, 2),
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "commit": records.commit(job.path.parent),
        "versions": records.versions(),
        "weights": {name: entry["sha256"] for name, entry in zoo.manifest().items()},
        "notebook": str(result.notebook.relative_to(out)),
        "sha256": hashlib.sha256(result.notebook.read_bytes()).hexdigest(),
    }
    content["chapters"] = dict(sorted(content["chapters"].items()))
    disk.write(path, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())
    return path
