"""The numbers of the book come from one place: what a page prints of a record is that record.

The convention: a cell that shows records needs the set-up of its chapter and other such cells, and nothing that was
trained. So these cells can be executed again at once, and what they print, glue into the prose and put into tables must
be what the notebook shows.
"""

import ast
import contextlib
import dataclasses
import io
import re
import shutil
import symtable
from pathlib import Path

import pytest

from genimg import records
from genimg.press import notebooks

ROOT = Path(__file__).parents[1]
CHAPTERS = notebooks.chapters(ROOT)
RECORD = "application/papermill.record/text/plain"


def names(source):
    """The names of the chapter that a cell uses, and those that it binds; those inside its functions are its own."""
    top = symtable.symtable(source, "cell", "exec")
    scopes, used = top.get_children(), {s.get_name() for s in top.get_symbols() if s.is_referenced()}
    for scope in scopes:
        scopes += scope.get_children()
        used |= {s.get_name() for s in scope.get_symbols() if s.is_global()}
    return used, {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported()}


def of_records(cells):
    """The cells that read records, and those that use a name which nothing else binds."""
    known = {cell.id: names(cell.source) for cell in cells}
    found = {cell.id for cell in cells if "records.load_" in cell.source}
    while True:
        inside, outside = ({n for id, (_, bound) in known.items() if (id in found) == w for n in bound} for w in (1, 0))
        more = {id for id, (used, _) in known.items() if used & (inside - outside)} - found
        if not more:
            return [cell for cell in cells if cell.id in found]
        found |= more


def shown(cell):
    """What a cell shows in words: its glued values, its printed lines, its tables."""
    glued, printed, tables = {}, "", []
    for output in cell.outputs:
        data = output.get("data", {})
        if RECORD in data:
            glued[output.metadata["scrapbook"]["name"]] = data[RECORD]
        elif output.output_type == "stream":
            printed += output.text
        elif "text/html" in data and "genimg-widget" not in data["text/html"]:
            tables.append(data["text/html"])
    return glued, printed, tables


def again(cell, space, monkeypatch):
    """The same from a new execution of a cell among the names of those before it."""
    glued, tables, out = {}, [], io.StringIO()
    space["glue"] = lambda name, value, **_: glued.update({name: repr(value)})
    space["display"] = lambda *values: tables.extend(value._repr_html_() for value in values)
    monkeypatch.setattr("IPython.display.display", space["display"])
    body = ast.parse(cell.source).body
    last = body.pop() if isinstance(body[-1], ast.Expr) else None
    with contextlib.redirect_stdout(out):
        exec(compile(ast.Module(body, []), cell.id, "exec"), space)
        value = eval(compile(ast.Expression(last.value), cell.id, "eval"), space) if last else None
    if hasattr(value, "_repr_html_"):
        tables.append(value._repr_html_())
    return glued, out.getvalue(), tables


def compared(path, monkeypatch):
    """Of the cells of a chapter that read records: id → whether they show what the records say now."""
    monkeypatch.chdir(path.parent)
    monkeypatch.setattr("genimg._base.seeding.deterministic", lambda seed: None)  # the settings of other tests stay
    monkeypatch.setattr("genimg.plots.style", lambda: None)
    cells = [c for c in notebooks.code_cells(notebooks.read(path)) if not re.search(r"(?m)^\s*[%!]", c.source)]
    first = next((k for k, cell in enumerate(cells) if "import genimg as gi" in cell.source), -1)
    space = {"__name__": path.stem}
    for cell in cells[: first + 1]:  # installation, parameters, imports
        exec(compile(cell.source, cell.id, "exec"), space)
    return {
        cell.id: again(cell, space, monkeypatch) == shown(cell)
        for cell in of_records(cells[first + 1 :])
        if cell.execution_count
    }


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_what_a_page_says_of_records_is_what_they_say(path, monkeypatch):
    same = compared(path, monkeypatch)
    assert [name for name, equal in same.items() if not equal] == [], f"genimg run {path.stem} --in-place"
    assert bool(same) == any("records.load_all(" in cell.source for cell in notebooks.read(path).cells)


@pytest.mark.parametrize(
    ("chapter", "record", "cells"),
    [
        ("04_wgan", "modes-gp-high-modes", {"cell-047"}),
        ("07_inpainting", "inpainting-celeba-squares-average", {"verdict-glue"}),
        ("08_scorecard", "history-ablation-tanh", {"ablation-table", "verdicts"}),
    ],
)
def test_a_record_that_changes_is_noticed_where_it_is_shown(chapter, record, cells, tmp_path, monkeypatch):
    book = shutil.copytree(ROOT / "book", tmp_path / "book")
    one = records.load(book / "records" / f"{record}.json")
    dataclasses.replace(one, values=[value + 0.5 for value in one.values]).save(book / "records" / f"{record}.json")
    same = compared(book / f"{chapter}.ipynb", monkeypatch)
    assert {name for name, equal in same.items() if not equal} == cells


def typed(source):
    """The glued values of a cell that are written there and not computed."""
    calls = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Call) and ast.unparse(n.func) == "glue"]
    return [ast.unparse(call) for call in calls if not any(isinstance(n, ast.Name) for n in ast.walk(call.args[1]))]


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_what_is_glued_is_computed(path):
    cells = [c.source for c in notebooks.code_cells(notebooks.read(path)) if "glue(" in c.source]
    assert [call for source in cells for call in typed(source)] == []


def test_a_glued_constant_is_noticed():
    assert typed('glue("best", 24.71)\nglue("worst", f"{-2.5:.1f}")\nglue("mean", round(m, 2))') == [
        "glue('best', 24.71)",
        "glue('worst', f'{-2.5:.1f}')",
    ]


# Numbers in sentences.

QUOTED = {
    ("03_wasserstein_tv", "99"): "a threshold that an exercise asks for",
    ("03_wasserstein_tv", "90"): "a threshold that an exercise asks for",
    ("04_wgan", "0.089"): "share of the rarest digit in the test half of MNIST",
    ("05_history_ad", "67,900"): "one run of benchmarks/detection_speed.py, as the sentence says",
    ("05_history_ad", "13.2"): "the same",
    ("05_history_ad", "0.64"): "share of normal digits in a published split: a fifth of nine digits, and one",
    ("06_chromagan", "0.59"): "difference of two claims of the talk",
    ("06_chromagan", "23.6"): "what somebody else reports, linked",
    ("07_inpainting", "1.36"): "difference of two claims of the talk",
    ("07_inpainting", "2.57"): "the same",
    ("07_inpainting", "0.43"): "the same",
    ("08_scorecard", "92"): "arithmetic on a claim, in an exercise",
    ("08_scorecard", "79"): "arithmetic on a claim, in an exercise",
    ("teaching", "90"): "minutes of a lecture",
    ("teaching", "75"): "the same",
}
"""Numbers that no record, claim or line of code holds, each with the reason why it may stand in a sentence."""

ASIDE = re.compile(
    r"`{3,}[^\n]*"  # the fence of a block, whose text counts
    r"|\$\$.*?\$\$|\$(?:[^$\n]|\n(?!\n))+\$|\\begin\{(\w+\*?)\}.*?\\end\{\1\}"  # formulas
    r"|(?:\{[\w:-]+\})?`[^`\n]+`|\]\([^)]*\)|https?://\S+"  # code; roles, among them glued numbers; links
    r"|(?:Theorem|Remark|Definition|Lemma|Section|Chapter|Table|Appendix|Python)s? [\d.]+(?: and (?:Remark )?[\d.]+)?",
    re.DOTALL,
)
UNIT = r"\s*(?:%|dB|s\b|nats?\b|(?:milli)?seconds?|minutes?|hours?|MB|images per)"
MEASURED = re.compile(rf"(?<![\w.\-/])(\d[\d,]*\.\d+|\d+(?:,\d{{3}})*(?={UNIT}))")
"""What has decimals or a unit looks like a measurement."""


def bare(text, known):
    """The numbers of a sentence that look measured and are not known, as they are written."""
    found = MEASURED.findall(ASIDE.sub(" ", text))
    return [number for number in found if not any(same(number, value) for value in known)]


def same(number, value):
    """Whether a number is that value, rounded to the digits that are written."""
    plain = number.replace(",", "")
    return f"{value:.{len(plain.partition('.')[2])}f}" == plain


def known_numbers(nb):
    """What may be written in a chapter: the constants of its code, and what the talk reports."""
    code = "\n".join(cell.source for cell in notebooks.code_cells(nb))
    constants = {
        float(digits.replace("_", "")) for digits in re.findall(r"(?<![\w.])\d[\d_]*(?:\.\d+)?(?:e-?\d+)?", code)
    }
    claims = records.load_claims(ROOT / "book" / "claims.json")
    return constants | {claim["reported"] for claim in claims}


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_no_measured_number_is_typed_into_a_sentence(path):
    nb = notebooks.read(path)
    known = known_numbers(nb)
    found = [(cell.id, n) for cell in nb.cells if cell.cell_type == "markdown" for n in bare(cell.source, known)]
    typed = [(cell, number) for cell, number in found if (path.stem, number) not in QUOTED]
    assert typed == [], "glue it; or, if nothing here measures it, give the reason in QUOTED"
    numbers = {number for _, number in found}
    assert {number for chapter, number in QUOTED if chapter == path.stem} <= numbers, "QUOTED holds more than is said"


@pytest.mark.parametrize("page", sorted((ROOT / "book").glob("*.md")), ids=lambda page: page.stem)
def test_no_measured_number_is_typed_into_a_page(page):
    claims = [claim["reported"] for claim in records.load_claims(ROOT / "book" / "claims.json")]
    assert [number for number in bare(page.read_text("utf-8"), claims) if (page.stem, number) not in QUOTED] == []


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("It reaches 24.71 dB after 12 minutes.", ["24.71", "12"]),
        ("It reaches {glue:text}`best:.2f` dB, at $p = 0.123$ and `x = 0.456` (Theorem 5.10).", []),
        ("Chapter 3 has 2 parts; the talk says 19.18 dB, and 0.9 is a constant.", []),
        ("```{note}\nIt costs $5 and takes 7 s.\n```\n\nAnother paragraph: 8 s for $x$.", ["7", "8"]),
        ("Version 3.11.7 of [Python](https://python.org/3.55) wins 39,500 images per second.", ["39,500"]),
    ],
)
def test_what_counts_as_measured(text, numbers):
    assert bare(text, {19.176, 0.9, 3.11}) == numbers
