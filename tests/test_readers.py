"""Notebooks for readers: what JupyterLab and Colab show must not be MyST, and must not give answers away."""

import ast
import builtins
import re
import symtable
from pathlib import Path

import myst
import nbclient
import nbformat
import pytest

from genimg.press import address, notebooks, pages, readers
from genimg.press.address import Address
from genimg.press.layout import WIDTH
from genimg.press.readers import References, plain
from genimg.press.readers.citations import Citation
from genimg.press.readers.citations import read as bibliography
from genimg.press.readers.labels import Label
from genimg.press.readers.markdown import parser
from genimg.press.readers.stubs import stub, whole
from genimg.teach.classroom import handouts

ROOT = Path(__file__).parents[1]
CHAPTERS = sorted((ROOT / "book").glob("*.ipynb"))
KNOWN = References(
    labels={
        "thm-a": Label("theorem", "2.1", "", "book/02_b", "thm-a"),
        "fig-a": Label("figure", "2.3", "", "book/02_b", "fig-a"),
        "eq-a": Label("displaymath", "2.5", "", "book/02_b", "equation-eq-a"),
        "ex-a": Label("exercise", "2.7", "", "book/02_b", "ex-a"),
        "here": Label("section", "", "A section", "book/02_b", "here"),
        "book/01_a": Label("page", "", "A chapter", "book/01_a", ""),
    },
    citations={
        "doe2014": Citation("Doe et al.", "2014", "https://doi.org/10.1/(x)"),
        "roe": Citation("Roe", "1999", ""),
    },
    base="../",
    numbers={"n": "0.1234", "count": "1200", "word": "'two'"},
)
MADE = (readers.chapter, readers.solutions)
PAGE = "../book/02_b.html"
DOI = "https://doi.org/10.1/%28x%29"


@pytest.fixture(scope="module")
def references():
    return myst.references()


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_nothing_of_myst_and_no_answer_is_left_in_a_chapter(path, references):
    nb = notebooks.read(path)
    before = nbformat.writes(nb)
    made, answers = (make(nb, path.stem, references) for make in MADE)
    assert nbformat.writes(nb) == before
    keys = {*references.citations, *references.of(nb).numbers}
    for each in filter(None, (made, answers)):
        nbformat.validate(each)
        assert myst.leaks(each, keys) == []
        assert len({cell.id for cell in each.cells}) == len(each.cells)
        assert not any("### BEGIN SOLUTION" in cell.source for cell in each.cells)
    text = "\n".join(cell.source for cell in made.cells)
    assert "**Solution" not in text
    asked = [cell for cell in made.cells if {"answer", "check"} & set(notebooks.tags(cell))]
    assert all(cell.outputs == [] for cell in asked)
    assert "# fmt:" not in "\n".join(cell.source for cell in made.cells)
    assert all("YOUR " in cell.source for cell in asked if "answer" in notebooks.tags(cell))
    assert bool(asked) == (answers is not None)
    assert [cell.cell_type for cell in made.cells[:2]] == ["markdown", "code"]
    assert answers is None or answers.cells[1].metadata["jp-MarkdownHeadingCollapsed"]
    assert made.cells[1].metadata["cellView"] == "form" and made.cells[1].metadata["jupyter"]["source_hidden"]


def test_the_search_for_leaks_finds_each_kind():
    told = ["```{note} a\n```", "{ref}`a`", "(a)=\n# B", "$$x$$ (eq-a)", "`thm-02-js`", "[a](#b)", "see `doe2014`"]
    for source in told:
        assert myst.leaks(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(source)]), {"doe2014"}), source
    clean = "`x = {1}` and $\\{a\\}$, [b](c#d)\n\n```python\n{'a': 1}\n```"
    assert myst.leaks(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(clean)])) == []


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("{prf:ref}`thm-a`, {prf:ref}`it <thm-a>`", f"[Theorem 2.1]({PAGE}#thm-a), [it]({PAGE}#thm-a)"),
        ("{numref}`fig-a`, {eq}`eq-a`", f"[Figure 2.3]({PAGE}#fig-a), [(2.5)]({PAGE}#equation-eq-a)"),
        ("{doc}`01_a`, {ref}`here`", f"[A chapter](../book/01_a.html), [A section]({PAGE}#here)"),
        ("[there](#here)", f"[there]({PAGE}#here)"),
        ("{cite:t}`doe2014`", f"[Doe et al. (2014)]({DOI})"),
        ("{cite:p}`doe2014,roe`", f"([Doe et al., 2014]({DOI}); Roe, 1999)"),
        ("{glue:text}`n:.2f` {glue:text}`count` {glue:text}`word`", "0.12 1200 two"),
        ("$$\nx\n$$ (eq-a)", "$$\nx\n\\tag{2.5}\n$$"),
        ("(here)=\n## A section", "## A section"),
        (
            "- {eq}`eq-a`\n\n  $$\n  x\n  $$ (eq-a)",
            f"- [(2.5)]({PAGE}#equation-eq-a)\n\n  $$\n  x\n  \\tag{{2.5}}\n  $$",
        ),
        ("| a | b |\n|---|---|\n| {glue:text}`word` | {glue:text}`n` |", "| a | b |\n|---|---|\n| two | 0.1234 |"),
        ("A role over {prf:ref}`two\nlines <thm-a>`.", f"A role over [two lines]({PAGE}#thm-a)."),
        ("`{eq}` and `` {eq}`eq-a` `` stay", "`{eq}` and `` {eq}`eq-a` `` stay"),
    ],
)
def test_roles_and_equations_become_links_and_numbers(told, shown):
    assert plain(told, KNOWN) == shown


def test_a_theorem_is_a_quotation_that_jupyter_can_typeset():
    body = "Let $x +\ny$ be\n\n$$\na \\\\\nb\n$$ (eq-a)\n\n1. one\n   {eq}`eq-a`"
    told = f"```{{prf:theorem}} Of $x$\n:label: thm-a\n\n{body}\n```"
    lines = plain(told, KNOWN).split("\n")
    assert lines[0] == "> **Theorem 2.1 (Of $x$).** Let $x + y$ be"  # no line begins within a formula
    assert lines[2] == "> $$ a \\\\ b \\tag{2.5} $$"
    assert lines[4] == "> 1. one [(2.5)](../book/02_b.html#equation-eq-a)"
    assert plain("```{prf:proof}\nClear.\n```", KNOWN) == "> **Proof.** Clear. ∎"
    assert plain("```{prf:proof}\n$$x$$\n```", KNOWN) == "> **Proof.**\n>\n> $$ x $$\n>\n> ∎"
    assert plain("```{admonition} Note\n:class: tip\nIt is.\n```", KNOWN) == "> **Note.** It is."
    assert plain("```{exercise} Try\n:label: ex-a\n\nDo.\n```", KNOWN) == "### Exercise 2.7: Try\n\nDo."


def test_no_formula_of_a_quotation_holds_a_comment():
    """A comment in TeX would swallow the rest of a formula that is put on one line."""
    for path in CHAPTERS:
        for cell in notebooks.read(path).cells:
            for token in parser().parse(cell.source) if cell.cell_type == "markdown" else ():
                assert not (token.type.startswith("math_block") and re.search(r"(?<!\\)%", token.content)), cell.id


def test_stubs_let_a_notebook_run_on():
    inner = "def f(x):\n    ### BEGIN SOLUTION\n    return x\n    ### END SOLUTION"
    outer = "help = 1\nc, d = help, f(2)\ndef g(a, *, b=1):\n    return a"
    answer = f"{inner}\n\n\n### BEGIN SOLUTION\n{outer}\n### END SOLUTION"
    left = stub(answer, {"c", "d", "f", "g"})
    space = {}
    exec(left, space)
    assert space["c"] is space["d"] is ... and "help" not in space and "return" not in left
    for call in (space["f"], lambda x: space["g"](x, b=2)):
        with pytest.raises(NotImplementedError):
            call(1)
    exec(whole(answer), space)
    assert (space["c"], space["d"]) == (1, 2)


def test_a_check_takes_an_unwritten_value_for_what_it_is():
    from genimg import check

    for said in (check.no_idea(0.5, ..., "C"), check.thin(..., ...), check.three_points(...)):
        assert not said.right and said.says.startswith("nothing is written yet")


def test_authors_are_named_as_in_a_sentence(tmp_path):
    file = tmp_path / "a.bib"
    one = '@article{one, author={van Erven, Tim and Harremo{\\"e}s, Peter}, year={2014}, doi={10.1/x}, url={https://a}}'
    two = "@misc{two, author={A, B and C, D and E, F}, year={2020}, url={https://b}}"
    file.write_text(f"{one}\n{two}\n")
    assert bibliography(file) == {
        "one": ("van Erven and Harremoës", "2014", "https://doi.org/10.1/x"),
        "two": ("A et al.", "2020", "https://b"),
    }
    assert bibliography(tmp_path / "none.bib") == {}


def test_the_first_cell_says_what_the_notebook_is_and_where_colab_opens_it(references):
    nb = notebooks.read(CHAPTERS[0])
    here = Address("someone", "a-fork", "0" * 40)
    first, bare = (readers.chapter(nb, "01_x", references, where).cells[0].source for where in (here, None))
    assert "colab.research.google.com/github/someone/a-fork/blob/gh-pages/_sources/book/01_x.ipynb" in first
    assert "colab.research" not in bare and "chapter of" in bare and "(01_x_solutions.ipynb)" in bare
    assert bare.startswith("# ") and address.BRANCH in first


def test_numbers_are_those_of_the_pages(project, tmp_path):
    path = project("01_a", "1 + 1")
    nb = notebooks.read(path)
    one = "```{prf:theorem} One\n:label: t-one\nIt is.\n```"
    two = "```{prf:theorem} Two\n:label: t-two\nBy {prf:ref}`t-one`.\n```"
    told = f"{one}\n\n{two}\n\n$$x$$ (e)\n\nSee {{eq}}`e`."
    nb.cells.append(nbformat.v4.new_markdown_cell(told, id="told"))
    notebooks.write(notebooks.normalise(nb), path)
    config = (
        "title: A book\nexecute: {execute_notebooks: 'off'}\nonly_build_toc_files: true\n"
        "sphinx: {extra_extensions: [sphinx_proof, genimg.press.readers.labels]}\n"
    )
    (tmp_path / "_config.yml").write_text(config)
    parts = "parts: [{caption: A, numbered: true, chapters: [{file: book/01_a}]}]\n"
    (tmp_path / "_toc.yml").write_text(f"format: jb-book\nroot: book/index\n{parts}")
    (tmp_path / "book" / "index.md").write_text("# Index\n")
    site = tmp_path / "build" / "site"
    pages.stage(tmp_path, None, site)
    html = pages.build(tmp_path, site, tmp_path).parent
    pages.add_downloads(tmp_path, site, html)
    made = notebooks.read(html / "_sources" / "book" / "01_a.ipynb").cells[-1].source
    page = (html / "book" / "01_a.html").read_text()
    assert "**Theorem 1.2 (Two).** By [Theorem 1.1](../../book/01_a.html#t-one)." in made and "Theorem 1.2" in page
    assert "\\tag{1.1}" in made and "See [(1.1)](../../book/01_a.html#equation-e)." in made and "(1.1)" in page
    assert 'id="t-one"' in page and 'id="equation-e"' in page
    assert not (html / "labels.json").exists()
    # A class is handed out the same numbers, and no link to pages that it may not have.
    handed = handouts.student(tmp_path / "book" / "01_a.ipynb").cells[-1].source
    assert "**Theorem 1.2 (Two).** By Theorem 1.1." in handed and "See (1.1)." in handed and "\\tag{1.1}" in handed


def flow(source):
    """The names that a cell reads from other cells, and those that it leaves behind."""
    lines = (line for line in source.split("\n") if not line.lstrip().startswith(("%", "!")))
    top = symtable.symtable("\n".join(lines), "cell", "exec")
    left = {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported() or s.is_namespace()}
    read, tables = set(), [top]
    for table in tables:
        tables += table.get_children()
        read |= {s.get_name() for s in table.get_symbols() if s.is_referenced() and (table is top or s.is_global())}
    return read - set(dir(builtins)) - {"display"}, left


def test_the_flow_of_names_is_that_of_python():
    source = "import a.b as c\n%time x\ny = z + c\ndef f(u, v=w):\n    k = u\n    return k + g\n[i for i in h]"
    assert flow(source) == ({"z", "c", "w", "g", "h"}, {"c", "y", "f"})


def test_a_name_that_a_stub_does_not_leave_would_be_noticed(references):
    nb = notebooks.read(ROOT / "book" / "01_generative_models.ipynb")
    answer = next(cell for cell in nb.cells if "answer" in notebooks.tags(cell))
    answer.source += "\n### BEGIN SOLUTION\nhelp_of_solution = 1\n### END SOLUTION"
    nb.cells.append(nbformat.v4.new_code_cell("help_of_solution + 1", id="reads"))
    assert _faults(nb, "01_generative_models", references) == [("reads", {"help_of_solution"})]


def _meant(source):
    """A cell's code whatever its layout, and its magics."""
    magics = [line for line in source.split("\n") if line.lstrip().startswith(("%", "!"))]
    return magics, ast.dump(ast.parse("\n".join(line for line in source.split("\n") if line not in magics)))


def _faults(nb, name, references):
    """Cells of a readers' notebook that are not as in the chapter, or read a reader's answer, or what nobody leaves."""
    chapter = {cell.id: cell for cell in notebooks.code_cells(nb)}
    faults, written, known, once = [], set(), set(), set()
    for cell in chapter.values():
        once |= flow(whole(cell.source))[1]
    for cell in notebooks.code_cells(readers.chapter(nb, name, references)):
        read, left = flow(cell.source)
        if "answer" in notebooks.tags(cell):
            written |= left
        elif "check" not in notebooks.tags(cell):
            assert _meant(cell.source) == _meant(chapter[cell.id].source), cell.id
            if read & written:
                faults.append((cell.id, read & written))
        if missing := (read & once) - known - left:
            faults.append((cell.id, missing))
        known |= left
    return faults


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_no_line_of_visible_code_runs_out_of_the_window(path, references):
    for each in filter(None, (make(notebooks.read(path), path.stem, references) for make in MADE)):
        for cell in notebooks.code_cells(each):
            long = [] if "cellView" in cell.metadata else [x for x in cell.source.split("\n") if len(x) > WIDTH]
            assert [x for x in long if not re.search("[\"'#]", x)] == []  # words are not broken


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_notebook_with_stubs_is_its_chapter_but_for_answers_and_their_checks(path, references):
    """Chapters run from top to bottom in `make notebooks`; so theirs do, if stubs and checks do: see the next test."""
    assert _faults(notebooks.read(path), path.stem, references) == []


def _needed(cells):
    """The answers, their checks, and the cells without which these cannot run."""
    flows = [flow(cell.source) for cell in cells]

    def before(k, seen):
        found = {k}
        for name in flows[k][0] - seen:
            ways = [before(j, seen | {name}) for j in range(k) if name in flows[j][1]]
            found |= min(ways, key=len, default=set())  # any cell that leaves the name will do
        return found

    wanted = [k for k, cell in enumerate(cells) if {"answer", "check"} & set(notebooks.tags(cell))]
    return [cells[k] for k in sorted(set().union(*(before(k, frozenset()) for k in wanted)))]


@pytest.mark.parametrize("path", [path for path in CHAPTERS if path.stem != "09_speed"], ids=lambda path: path.stem)
def test_stubs_run_and_their_checks_say_that_nothing_is_written(path, references, tmp_path):
    """In a kernel, with as much of the chapter as they need; `make readers` runs all of every chapter."""
    nb = readers.chapter(notebooks.read(path), path.stem, references)
    nb.cells = _needed(notebooks.code_cells(nb))
    checks = [cell for cell in nb.cells if "check" in notebooks.tags(cell)]
    assert checks and len(nb.cells) <= 2 * len(checks) + 8, [cell.id for cell in nb.cells]
    for name in ("records", "claims.json"):  # they lie beside readers' notebooks
        (tmp_path / name).symlink_to(ROOT / "book" / name)
    nbclient.NotebookClient(nb, timeout=300, kernel_name="python3").execute(cwd=str(tmp_path))
    said = [cell.outputs[0].data["text/plain"] for cell in checks]
    assert all(text.startswith("Not yet: nothing is written yet") for text in said), said


@pytest.mark.parametrize("make", MADE, ids=["chapter", "solutions"])
def test_a_notebook_runs_from_top_to_bottom(make, references, tmp_path):
    """With the stubs in it, and with the solutions."""
    nb = make(notebooks.read(ROOT / "book" / "03_wasserstein_tv.ipynb"), "03_wasserstein_tv", references)
    nbclient.NotebookClient(nb, timeout=300, kernel_name="python3").execute(cwd=str(tmp_path))
    said = [cell.outputs[0].data["text/plain"] for cell in nb.cells if "check" in notebooks.tags(cell)]
    start = "Right." if make is readers.solutions else "Not yet: nothing is written yet"
    assert len(said) == 7 and all(text.startswith(start) for text in said), said
