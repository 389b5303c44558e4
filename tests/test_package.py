"""The package as a whole, and the book as it is committed."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from genimg.press import address, notebooks

ROOT = Path(__file__).parents[1]
CHAPTERS = sorted((ROOT / "book").glob("*.ipynb"))
HEAVY = ("matplotlib", "torchvision", "ipywidgets", "anywidget")


def every_chapter(test):
    return pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in CHAPTERS])(test)


# The package.


def test_import_is_fast_and_light():
    code = "import time; start = time.perf_counter(); import genimg; print(time.perf_counter() - start)\n"
    code += f"import sys; print(sorted(set({HEAVY}) & set(sys.modules)))"
    seconds, loaded = subprocess.check_output([sys.executable, "-c", code], text=True).splitlines()
    assert float(seconds) < 1.5 and loaded == "[]"


def test_the_core_needs_neither_pictures_nor_widgets():
    modules = "anomaly color colorize data distributions divergence fields history inpaint metrics networks objectives"
    more = ["poisson", "records", "training", "transport", "zoo"]
    code = f"import sys, genimg\nfor name in {[*modules.split(), *more]}: getattr(genimg, name)\n"
    code += f"print(sorted(set({HEAVY}) & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"


def test_every_name_of_the_package_resolves():
    import genimg

    assert all(getattr(genimg, name) is not None for name in genimg.__all__)
    with pytest.raises(AttributeError, match="No genimg attribute nothing"):
        genimg.nothing  # noqa: B018


def test_the_science_is_reachable_from_the_package_and_the_ground_is_not():
    import genimg

    def below(wing):
        folder = ROOT / "genimg" / wing
        return {p.stem for p in folder.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()} - {"__init__"}

    science = below("numerics") | below("gan") | below("problems") | {"data", "zoo", "plots", "widgets", "check"}
    assert science - {"runs"} <= set(dir(genimg))
    assert not {"disk", "ranks", "errors", "experiments", "runs", "press"} & set(genimg.__all__)


def test_the_house_has_few_rooms():
    listed = subprocess.check_output(["git", "-C", ROOT, "ls-files", "genimg"], text=True).split()
    assert len({Path(name).parts[1] for name in listed}) <= 16


def test_no_file_leads_to_somebody_elses_account():
    listed = subprocess.check_output(["git", "-C", ROOT, "ls-files", "-z"], text=True).split("\0")
    for name in filter(None, listed):
        if (ROOT / name).suffix in (".safetensors", ".png", ".jpg", ".woff2") or not (ROOT / name).is_file():
            continue
        found = re.findall(r"github\.com[/:][\w.-]+/genimg[\w-]*", (ROOT / name).read_text("utf-8"))
        assert not found, (name, found)


def test_the_licences_and_the_citation_name_the_same_version_and_holder():
    import genimg

    assert f"version: {genimg.__version__}\n" in (ROOT / "CITATION.cff").read_text()
    for name in ("LICENSE", "LICENSE-TEXT", "CITATION.cff", "pyproject.toml"):
        assert "the genimg authors" in (ROOT / name).read_text(), name


# The book.


def test_the_table_of_contents_lists_every_page():
    listed = re.findall(r"(?:file|root): (book/\w+)$", (ROOT / "_toc.yml").read_text(), flags=re.MULTILINE)
    found = [path.relative_to(ROOT) for pattern in ("*.ipynb", "*.md") for path in (ROOT / "book").glob(pattern)]
    assert sorted(listed) == sorted(str(path.with_suffix("")) for path in found)


@every_chapter
def test_a_chapter_starts_with_bootstrap_and_parameters(path):
    nb = notebooks.read(path)
    first, second, third = notebooks.code_cells(nb)[:3]
    assert nb.cells[0].cell_type == "markdown" and nb.cells[0].source.startswith("# ")
    assert first.source == address.setup_cell(None) and notebooks.tags(first) == ["remove-cell"]
    assert second is notebooks.parameters_cell(nb) and set(notebooks.tags(second)) == {"parameters", "hide-input"}
    assert notebooks.parameters(second.source) == {"profile": "quick", "seed": 0, "device": "auto"}
    assert (
        "genimg._base.seeding.deterministic(seed)" in third.source or "gi.seeding.deterministic(seed)" in third.source
    )


@every_chapter
def test_a_chapter_is_committed_as_a_clean_run_left_it(path, tmp_path):
    nb = notebooks.read(path)
    cells = notebooks.code_cells(nb)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1)), "run it: genimg run --in-place"
    for cell in cells:
        for output in cell.outputs:
            raises = {"raises-exception", "nbval-raises-exception"} & set(notebooks.tags(cell))
            assert output.output_type != "error" or raises, cell.source
            assert output.get("name") != "stderr", f"a warning is stored: {output.get('text')}"
            assert not re.search(
                r"\bat 0x[0-9a-f]+", str(output.get("text", "")) + str(output.get("data", {}).get("text/plain"))
            )
    notebooks.write(notebooks.normalise(nb), tmp_path / path.name)
    assert (tmp_path / path.name).read_bytes() == path.read_bytes(), "not in normal form: genimg run --in-place"


@every_chapter
def test_checked_cells_have_something_to_check(path):
    checked = [c for c in notebooks.code_cells(notebooks.read(path)) if "nbval-check-output" in notebooks.tags(c)]
    assert checked, "no number of this chapter is checked"
    for cell in checked:
        texts = [o for o in cell.outputs if o.get("text") or "text/plain" in o.get("data", {})]
        assert texts, f"nbval compares nothing with an empty output: {cell.source}"


@every_chapter
def test_every_figure_says_what_it_shows_to_who_cannot_see_it(path):
    names = []
    for cell in notebooks.code_cells(notebooks.read(path)):
        if not any(kind.startswith("image/") for o in cell.outputs for kind in o.get("data", {})):
            continue
        shown = cell.metadata.get("mystnb", {})
        assert len(shown.get("image", {}).get("alt", "")) >= 20, cell.source
        assert shown.get("figure", {}).get("caption"), cell.source
        names.append(shown["figure"].get("name", ""))
    assert all(name.startswith(f"fig-{path.stem[:2]}-") for name in names) and len(set(names)) == len(names)


@every_chapter
def test_pictures_in_the_text_have_an_alternative_too(path):
    for cell in notebooks.read(path).cells:
        if cell.cell_type == "markdown":
            assert "![](" not in cell.source
            for block in re.findall(r"```\{(?:figure|image)\}.*?```", cell.source, flags=re.DOTALL):
                assert ":alt:" in block, block
