"""The page API: every public name of the science, without a complaint of Sphinx, and the chapters that use it."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup

from genimg import transport
from genimg.press import api, notebooks

ROOT = Path(__file__).parents[1]
CONF = """
project = "test"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode", "genimg.press.api"]
nb_execution_mode = "off"
napoleon_use_ivar = True
exclude_patterns = []
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The page, built by Sphinx alone beside one chapter; a warning is an error."""
    folder = tmp_path_factory.mktemp("api")
    (folder / "book").mkdir()
    (folder / "conf.py").write_text(CONF)
    (folder / "index.md").write_text("# Index\n\n```{toctree}\napi\nbook/03_x\n```\n")
    (folder / "api.md").write_text(api.page(), encoding="utf-8")
    cells = [
        nbformat.v4.new_markdown_cell("# A chapter"),
        nbformat.v4.new_code_cell(
            "import genimg as gi\nfrom genimg.numerics.transport import w1_1d\ngi.transport.w1_dual"
        ),
    ]
    notebooks.write(notebooks.normalise(nbformat.v4.new_notebook(cells=cells)), folder / "book" / "03_x.ipynb")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", folder, folder / "html"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return BeautifulSoup((folder / "html" / "api.html").read_text("utf-8"), "html.parser")


def test_every_public_name_of_the_science_is_on_the_page_with_a_link_to_its_source(built):
    shown = {tag["id"]: tag for tag in built.select("dt[id]")}
    names = [
        f"{module.__name__}.{name}"
        for each in api.SCIENCE.values()
        for package in each
        for module in api.modules(package)
        for name in api.public(module)
    ]
    assert len(names) > 150 and len(set(names)) == len(names)
    for name in names:
        assert name in shown and shown[name].select_one("a .viewcode-link"), name


def test_a_name_leads_to_the_chapters_that_use_it(built):
    for name, used in (("w1_dual", True), ("w1_1d", True), ("w1_primal", False)):
        text = built.find(id=f"genimg.numerics.transport.{name}").parent
        assert ("Used in A chapter." in text.get_text()) == used, name


def test_usage_follows_imports_and_attributes_and_ignores_magics(tmp_path):
    lines = ["%pip install x", "if True:", "    !ls", "from genimg.numerics.transport import w1_dual as f"]
    code = "\n".join([*lines, "gi.WassersteinGP(1.0)", "gi.nothing.at_all"])
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    notebooks.write(nb, tmp_path / "01_a.ipynb")
    found = api.usage([tmp_path / "01_a.ipynb"])
    assert found == {
        name: ["01_a"] for name in ("genimg.gan.objectives.WassersteinGP", "genimg.numerics.transport.w1_dual")
    }


def test_the_chapters_use_most_of_what_the_package_offers():
    found = api.usage(notebooks.chapters(ROOT))
    assert "03_wasserstein_tv" in found[f"{transport.__name__}.w1_dual"] and len(found) > 60
