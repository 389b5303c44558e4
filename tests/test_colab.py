"""A chapter as Colab gets it: one file in an empty folder, and a Python that has torch but no genimg.

With an address, what Colab would fetch from GitHub comes from this checkout, since git is told to find it here;
without one, the wheel lies beside the notebook. Pip may ask nobody.
"""

import os
import shutil
import subprocess
import sysconfig
import venv
from pathlib import Path

import nbclient
import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager

from genimg.press import address, notebooks, pages
from genimg.press.address import Address

ROOT = Path(__file__).parents[1]
URL = "https://github.com/someone/a-fork"
COLAB = """import sys, types
sys.modules["google.colab"] = types.ModuleType("google.colab")
from ipykernel.kernelapp import launch_new_instance
launch_new_instance()"""
CHAPTER = "08_scorecard"  # the quickest, and the one that reads most of what travels beside a notebook


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A repository with the working tree as its only commit."""
    folder = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE", "LICENSE-TEXT"):
        shutil.copy2(ROOT / name, folder)
    for name in ("genimg", "book"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    who = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
    for command in (["init", "-q"], ["add", "-A"], [*who, "commit", "-q", "-m", "The working tree"]):
        subprocess.run(["git", "-C", folder, *command], check=True)
    return folder


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """An environment that sees all packages that are installed here, genimg excepted."""
    home = tmp_path_factory.mktemp("colab")
    venv.create(home / "venv", with_pip=False)
    seen = home / "packages"
    seen.mkdir()
    for kind in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for path in Path(kind).iterdir():
            if "genimg" not in path.name and not (seen / path.name).exists():
                (seen / path.name).symlink_to(path)
    (site,) = (home / "venv" / "lib").glob("python*/site-packages")
    (site / "seen.pth").write_text(f"{seen}\n")
    return home / "venv" / "bin" / "python"


@pytest.fixture
def without_genimg(python):
    """Takes away what a chapter installed."""
    yield
    (site,) = (python.parents[1] / "lib").glob("python*/site-packages")
    for path in site.glob("genimg*"):
        shutil.rmtree(path)


def environment(source, folder):
    """What the notebook's process sees: no checkout, no index of packages, GitHub on this disk."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL", "PIP_"))}
    here = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.file://{source}.insteadOf",
        "GIT_CONFIG_VALUE_0": URL,
    }
    pip = {
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }  # "0" means: without
    return kept | here | pip | {"HOME": str(folder), "IPYTHONDIR": str(folder / ".ipython"), "OMP_NUM_THREADS": "1"}


def at(source):
    """The address of the repository, at its only commit."""
    head = subprocess.run(["git", "-C", source, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    return Address("someone", "a-fork", head.stdout.strip())


def fresh(place, where):
    """A chapter without outputs, its first cell filled in, and told that it is in Colab."""
    nb = notebooks.read(ROOT / "book" / f"{CHAPTER}.ipynb")
    address.fill_notebook(nb, where)
    for cell in notebooks.code_cells(nb):
        cell.outputs, cell.execution_count = [], None
    notebooks.write(nb, place / f"{CHAPTER}.ipynb")
    return nbformat.read(place / f"{CHAPTER}.ipynb", as_version=4)


@pytest.mark.parametrize("addressed", [True, False], ids=["with an address", "without"])
def test_a_chapter_runs_alone_in_an_empty_folder(addressed, source, python, without_genimg, tmp_path):
    place, home = tmp_path / "content", tmp_path / "home"
    place.mkdir(), home.mkdir()
    where = at(source) if addressed else None
    own = environment(source, home)
    without = subprocess.run([python, "-c", "import torch, genimg"], env=own, cwd=place, capture_output=True, text=True)
    assert "No module named 'genimg'" in without.stderr
    if where is None:
        pages.wheel(ROOT, place)
    nb = fresh(place, where)

    class Colab(AsyncKernelManager):
        kernel_spec = KernelSpec(argv=[str(python), "-c", COLAB, "-f", "{connection_file}"])

    client = nbclient.NotebookClient(nb, kernel_manager_class=Colab, timeout=300)
    client.execute(cwd=str(place), env=own)
    assert all(cell.execution_count for cell in notebooks.code_cells(nb))
    said = "".join(output.get("text", "") for output in nb.cells[1].outputs)
    assert "ERROR" not in said, said
    installed = subprocess.run(
        [python, "-c", "import genimg; print(genimg.__file__)"], env=own, cwd=home, capture_output=True, text=True
    )
    assert installed.stdout.startswith(str(python.parents[1])), installed.stderr


@pytest.mark.parametrize("addressed", [True, False], ids=["with an address", "without"])
def test_outside_of_colab_a_notebook_says_how_to_install_and_does_nothing(addressed, source, python, tmp_path):
    where = at(source) if addressed else None

    class Elsewhere(AsyncKernelManager):
        kernel_spec = KernelSpec(argv=[str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"])

    nb = fresh(tmp_path, where)
    client = nbclient.NotebookClient(nb, kernel_manager_class=Elsewhere, timeout=300)
    said = "git\\+https://github.com/someone/a-fork@" if where else r"pip install -e '\.\[book\]'"
    with pytest.raises(nbclient.exceptions.CellExecutionError, match=said):
        client.execute(cwd=str(tmp_path), env=environment(source, tmp_path))
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")] == [f"{CHAPTER}.ipynb"]
