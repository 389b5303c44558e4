"""Every readers' notebook from top to bottom, its exercises unanswered: `make readers`, a quarter of an hour.

What `make test` holds instead is in test_readers.py: cells are those of the chapters, which run there, and stubs and
checks run in a kernel.
"""

import myst
import nbclient
import pytest

from genimg.press import execution, notebooks, readers


@pytest.fixture(scope="module")
def references():
    return myst.references()


@pytest.mark.parametrize("path", myst.CHAPTERS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom(path, references, tmp_path, monkeypatch):
    for name, value in execution.ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    for name in ("records", "claims.json"):  # they lie beside readers' notebooks
        (tmp_path / name).symlink_to(path.parent / name)
    nb = readers.chapter(notebooks.read(path), path.stem, references)
    nbclient.NotebookClient(nb, timeout=1800, kernel_name="python3").execute(cwd=str(tmp_path))
    checks = [cell for cell in nb.cells if "check" in notebooks.tags(cell)]
    said = [cell.outputs[0].data["text/plain"] for cell in checks]
    assert all(text.startswith("Not yet: nothing is written yet") for text in said), said
