"""Every figure of the book says where it comes from, or that it shows no result."""

import copy
import json
from fnmatch import fnmatch
from pathlib import Path

import nbformat
import pytest
from test_records import example

from genimg import records, zoo
from genimg._base.errors import UsageError
from genimg.press import notebooks, provenance

ROOT = Path(__file__).parents[1]
CHAPTERS = notebooks.chapters(ROOT)
RUN = {"device": "CPU, 1 thread(s)", "seconds": 47.6, "commit": "0123456789ab+", "weights": {"digits": "abcdef123456"}}
VALUES = {"profile": "quick", "seed": 0}


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_every_figure_has_a_decision(path):
    nb = notebooks.read(path)
    undecided = [cell.id for cell in nb.cells if provenance.shows(cell) and provenance.of(cell) is None]
    assert undecided == [], (
        'say "genimg": {"provenance": …} in the metadata of these cells: see genimg.press.provenance'
    )


def test_what_figures_name_exists():
    told = [provenance.of(cell) for path in CHAPTERS for cell in notebooks.read(path).cells]
    parts = [each for each in told if each not in (None, provenance.DRAWING)]
    assert {name for each in parts for name in each.get("weights", [])} <= set(zoo.names())
    ids = {claim["id"] for claim in records.load_claims(ROOT / "book" / "claims.json")}
    ids |= set(records.load_all(ROOT / "book" / "records"))
    patterns = {pattern for each in parts for pattern in each.get("records", [])}
    assert [pattern for pattern in patterns if not any(fnmatch(name, pattern) for name in ids)] == []


def line(told, run=RUN, known=None):
    return provenance.line(told, VALUES, run, known or {})


def test_a_run_says_profile_seed_device_seconds_commit_and_the_hash_of_its_weights():
    assert line({"data": "a, b", "weights": ["digits", "faces"]}) == (
        "Data: a, b. Run: profile quick, seed 0, CPU, 1 thread(s), whole chapter 48 s, commit 0123456+. "
        "Weights: digits abcdef12, faces."  # a manifest that does not know the hash gets none invented
    )


def test_what_was_not_run_here_says_so():
    text = line({"weights": ["digits"]}, run=None)
    assert "not run where this page was built" in text and "Weights: digits." in text
    assert not any(word in text for word in ("CPU", "commit 0", "abcdef"))


def test_records_speak_for_themselves():
    one = example(values=[1.0], seeds=[3], seconds=5000, commit="fedcba987654", profile="cpu", dataset="d; 7 of them")
    known = {"x-a": one, "x-b": example(seconds=5000, commit="fedcba987654", profile="cpu", weights="99887766aa")}
    assert line({"records": ["x-*"]}, known=known) == (
        "Measured: x-* (2 records), d, profile cpu, seeds 0, 1, 3, CPU, 1.4 h, commit fedcba9, weights 99887766."
    )
    assert line({"records": ["y-*"]}, known=known) == "Not measured yet: no record y-*."


@pytest.mark.parametrize("told", ["figure", {}, {"model": "x"}, {"data": ["x"]}, {"weights": "digits"}])
def test_another_word_is_refused(told):
    cell = nbformat.v4.new_code_cell("x", metadata={"genimg": {"provenance": told}})
    with pytest.raises(UsageError, match="provenance must be 'drawing', or hold some of data, weights, records"):
        provenance.of(cell)


def test_the_line_stands_under_its_output_as_text():
    parameters = nbformat.v4.new_code_cell('profile = "quick"', metadata={"tags": ["parameters"]})
    cell = nbformat.v4.new_code_cell("x", metadata={"genimg": {"provenance": {"data": "a < b"}}})
    nb = nbformat.v4.new_notebook(cells=[parameters, cell, nbformat.v4.new_markdown_cell("after")])
    before = copy.deepcopy(nb)
    provenance.annotate(nb, RUN, {})
    assert nb == before  # nothing was shown
    cell.outputs = [nbformat.v4.new_output("display_data", data={"image/png": "eA=="})]
    provenance.annotate(nb, RUN, {})
    assert [c.cell_type for c in nb.cells] == ["code", "code", "markdown", "markdown"]
    assert nb.cells[2].source.startswith('<p class="genimg-provenance">Data: a &lt; b. Run: profile quick, CPU')
    nbformat.validate(json.loads(nbformat.writes(nb)))
