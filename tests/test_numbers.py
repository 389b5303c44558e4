"""The numbers of the book come from one place: what a page prints of a record is that record.

Of each chapter the statements that read records are cut out, with what they need, and executed again: no network is
trained for that. What they print, glue into the prose and put into tables must be what the notebook shows.
"""

import ast
import contextlib
import dataclasses
import io
import re
import shutil
from pathlib import Path

import pytest

from genimg import records
from genimg.press import notebooks

ROOT = Path(__file__).parents[1]
CHAPTERS = notebooks.chapters(ROOT)
RECORD = "application/papermill.record/text/plain"


class Names(ast.NodeVisitor):
    """The names that a statement needs from before it, and those that it binds or changes, in order of evaluation."""

    def __init__(self, statement):
        self.needs, self.binds, self.changes = set(), set(), set()
        self.visit(statement)

    def visit_Name(self, node):
        if isinstance(node.ctx, ast.Store):
            self.binds.add(node.id)
        elif node.id not in self.binds:
            self.needs.add(node.id)

    def visit_Assign(self, node):
        for part in (node.value, *node.targets):
            self.visit(part)

    def visit_AugAssign(self, node):
        self.needs |= {name.id for name in ast.walk(node.target) if isinstance(name, ast.Name)} - self.binds
        for part in (node.value, node.target):
            self.visit(part)

    def visit_For(self, node):
        for part in (node.iter, node.target, *node.body, *node.orelse):
            self.visit(part)

    def visit_Import(self, node):
        self.binds |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}

    visit_ImportFrom = visit_Import

    def _scope(self, node, own):
        inner = Names(ast.Module([], []))
        for part in ast.iter_child_nodes(node):
            inner.visit(part)
        # A name that is bound in a scope of its own is no name of the chapter.
        self.needs |= inner.needs - inner.binds - own - self.binds
        self.changes |= inner.changes - inner.binds - own

    def visit_FunctionDef(self, node):
        self._scope(node, {argument.arg for argument in ast.walk(node.args) if isinstance(argument, ast.arg)})
        self.binds.add(node.name)

    def visit_Lambda(self, node):
        self._scope(node, {argument.arg for argument in ast.walk(node.args) if isinstance(argument, ast.arg)})

    def visit_ListComp(self, node):
        bound = {n.id for g in node.generators for n in ast.walk(g.target) if isinstance(n, ast.Name)}
        self._scope(node, bound)

    visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_ListComp

    def _changes(self, node):
        while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
            node = node.func if isinstance(node, ast.Call) else node.value
        if isinstance(node, ast.Name):
            self.changes.add(node.id)

    def visit_Subscript(self, node):
        if isinstance(node.ctx, ast.Store):
            self._changes(node)
        self.generic_visit(node)

    def visit_Expr(self, node):
        if isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute):
            self._changes(node.value.func)  # x.append(…) changes x
        self.generic_visit(node)


def plain(statement):
    """Whether it binds its names in any case, so that nothing before it matters to them."""
    return isinstance(statement, ast.Assign | ast.FunctionDef | ast.Import | ast.ImportFrom | ast.Try)


def statements(cell):
    try:
        return ast.parse(cell.source).body
    except SyntaxError:  # a line for the shell
        return []


def needed(before, target):
    """Of the statements before, in order, those that the target depends on."""
    imported = {name for each in before if isinstance(each, ast.Import | ast.ImportFrom) for name in Names(each).binds}
    needs = set().union(*(Names(each).needs for each in target))
    for each in target[::-1]:
        names = Names(each)
        needs = (needs - names.binds if plain(each) else needs) | names.needs
    kept = []
    for each in before[::-1]:
        names = Names(each)
        if (names.binds | (names.changes - imported)) & needs:
            kept.append(each)
            needs = (needs - names.binds if plain(each) else needs) | names.needs
    return kept[::-1]


def reads_records(part):
    return any(isinstance(node, ast.Attribute) and node.attr == "load_all" for each in part for node in ast.walk(each))


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


def again(before, cell, monkeypatch):
    """The same from a new execution of a cell, after the statements before it."""
    glued, tables, out = {}, [], io.StringIO()
    monkeypatch.setattr("myst_nb.glue", lambda name, value, display=True: glued.update({name: repr(value)}))
    monkeypatch.setattr(
        "IPython.display.display", lambda *values: tables.extend(value._repr_html_() for value in values)
    )
    space = {"display": lambda *values: tables.extend(value._repr_html_() for value in values)}  # as in every notebook
    exec(compile(ast.Module(before, []), "before", "exec"), space)
    body = statements(cell)
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
    before, same = [], {}
    for cell in notebooks.code_cells(notebooks.read(path)):
        part = needed(before, statements(cell))
        if cell.execution_count and any(shown(cell)) and reads_records(part + statements(cell)):
            same[cell.id] = again(part, cell, monkeypatch) == shown(cell)
        before += statements(cell)
    return same


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
        ("08_scorecard", "history-ablation-tanh", {"ablation-table"}),
    ],
)
def test_a_record_that_changes_is_noticed_where_it_is_shown(chapter, record, cells, tmp_path, monkeypatch):
    book = shutil.copytree(ROOT / "book", tmp_path / "book")
    one = records.load(book / "records" / f"{record}.json")
    dataclasses.replace(one, values=[value + 0.5 for value in one.values]).save(book / "records" / f"{record}.json")
    same = compared(book / f"{chapter}.ipynb", monkeypatch)
    assert {name for name, equal in same.items() if not equal} == cells


# Numbers in sentences.

QUOTED = {
    ("03_wasserstein_tv", "99"): "a threshold that an exercise asks for",
    ("03_wasserstein_tv", "90"): "a threshold that an exercise asks for",
    ("04_wgan", "0.089"): "share of the rarest digit in the test half of MNIST",
    ("05_history_ad", "39,500"): "one run of benchmarks/detection_speed.py, as the sentence says",
    ("05_history_ad", "6.3"): "the same",
    ("06_chromagan", "0.59"): "difference of two claims of the talk",
    ("06_chromagan", "23.6"): "what somebody else reports, linked",
    ("08_scorecard", "92"): "arithmetic on a claim, in an exercise",
    ("08_scorecard", "79"): "arithmetic on a claim, in an exercise",
    ("teaching", "90"): "minutes of a lecture",
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
