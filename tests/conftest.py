"""What every test needs: one thread, no window, the same examples each time."""

import signal
import sys
from pathlib import Path

import hypothesis
import matplotlib
import nbformat
import numpy as np
import pytest
import torch
from PIL import Image

from genimg._base import devices

torch.set_num_threads(1)  # the suite takes minutes instead of seconds where two workers share two cores
matplotlib.use("Agg")
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job, and all it starts, ignores Ctrl-C
# The same examples in every run: a failure here is a failure everywhere. Time limits measure the machine.
hypothesis.settings.register_profile("genimg", deadline=None, derandomize=True)
hypothesis.settings.load_profile("genimg")

# Not a test: Python runs it at start where it is first on the path, and Debian's Python has one of its own name.
collect_ignore = ["offline"]


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture
def in_bfloat16(monkeypatch):
    """Networks compute in bfloat16 where that is wanted, also on a processor that only imitates it."""
    monkeypatch.setattr(devices, "bfloat16", lambda device, wanted=True: bool(wanted))


@pytest.fixture
def solar_package(tmp_path, monkeypatch):
    """An elpv-dataset of our own, laid out like the real one; call it with (probability, type) and pixels per cell."""
    monkeypatch.delitem(sys.modules, "elpv_dataset", raising=False)  # one that is installed and was imported

    def install(rows, pixels) -> Path:
        folder = tmp_path / "site" / "elpv_dataset"
        (folder / "data" / "images").mkdir(parents=True)
        (folder / "__init__.py").touch()
        lines = []
        for k, ((probability, kind), array) in enumerate(zip(rows, pixels, strict=True)):
            name = f"images/cell{k + 1:04d}.png"
            Image.fromarray(np.asarray(array, dtype=np.uint8)).save(folder / "data" / name)
            lines.append(f"{name}  {probability}  {kind}\n")
        (folder / "data" / "labels.csv").write_text("".join(lines))
        monkeypatch.syspath_prepend(str(folder.parent))
        return folder / "data"

    return install


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder that looks like the project, and the working directory; call it to add a chapter of code cells."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: book/index\n")
    (tmp_path / "book").mkdir()

    def chapter(name: str, *code: str, parameters: str = 'profile = "quick"\nseed = 0\ndevice = "auto"') -> Path:
        first = nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})
        cells = [nbformat.v4.new_markdown_cell(f"# {name}"), first, *map(nbformat.v4.new_code_cell, code)]
        for i, cell in enumerate(cells):
            cell.id = f"cell-{i:03d}"
        path = tmp_path / "book" / f"{name}.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
        return path

    return chapter
