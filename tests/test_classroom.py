"""Notebooks for a class, and submissions that do what students' notebooks do: all sorts of things."""

import csv
import json
import re
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner

from genimg import check, records
from genimg._base.errors import UsageError
from genimg.apps import cli
from genimg.press import notebooks
from genimg.press.readers import References, apart, plain
from genimg.teach.classroom import boundary, exercises, grading, handouts, submissions

code, text = nbformat.v4.new_code_cell, nbformat.v4.new_markdown_cell
TWICE = """```{exercise} Twice
:label: ex-09-twice

*Level 1 · about 5 min*

Double `base`. Check yourself with `gi.check.Verdict`.
```

````{admonition} Hint
:class: dropdown
It is a sum.
````"""
PLAIN = """### Exercise: Twice

*Level 1 · about 5 min*

Double `base`. Check yourself with `gi.check.Verdict`.

<details><summary>Hint</summary>

It is a sum.

</details>"""
SQUARE = """Some prose between.

```{exercise-start} The square
:label: ex-09-square
```
*Level 2 · about 20 min*

Square `base`.
```{exercise-end}
```"""
PAPER = """```{exercise} On paper
:label: ex-09-paper
Prove it.
```

```{solution} ex-09-paper
:class: dropdown
Secret proof.
```

## Summary"""
STUB = "# YOUR CODE HERE\nraise NotImplementedError()"


def chapter():
    """Two exercises with a check, one on paper; the second builds on the first."""
    cells = {
        "title": text("# A chapter"),
        "bootstrap": code("%pip install -q nothing-of-that-name", metadata={"tags": ["remove-cell"]}),
        "parameters": code('profile = "quick"', metadata={"tags": ["parameters"]}),
        "setup": code("import genimg as gi\n\nbase = 3"),
        "slow": code("print(base)\nopen('mark.txt', 'a').write('x')\nbase"),
        "twice-text": text(TWICE),
        "twice-why": text("```{solution-start} ex-09-twice\n:class: dropdown\n```\n\nSecret explanation."),
        "twice-answer": code(
            "def twice(x):\n    ### BEGIN SOLUTION\n    return x + x\n    ### END SOLUTION",
            metadata={"tags": ["answer"]},
        ),
        "twice-check": code("gi.check.Verdict(twice(base) == 6, 'twice three is six')", metadata={"tags": ["check"]}),
        "twice-more": code("print('secret figure')"),
        "twice-end": text("```{solution-end}\n```"),
        "square-text": text(SQUARE),
        "square-why": text("```{solution-start} ex-09-square\n:class: dropdown\n```"),
        "square-answer": code(
            "### BEGIN SOLUTION\nsquare = base * twice(base) / 2\n### END SOLUTION", metadata={"tags": ["answer"]}
        ),
        "square-check": code("gi.check.Verdict(square == 9, 'not nine')", metadata={"tags": ["check"]}),
        "square-end": text("```{solution-end}\n```"),
        "paper": text(PAPER),
    }
    for name, cell in cells.items():
        cell.id = name
    cells["slow"].update(execution_count=3, outputs=[nbformat.v4.new_output("stream", text="3\n")])
    return nbformat.v4.new_notebook(cells=list(cells.values()))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("book")
    (folder / "_toc.yml").write_text("format: jb-book\n")
    (folder / "book" / "records").mkdir(parents=True)
    (folder / "book" / "records" / "one.json").write_text("{}")
    (folder / "book" / "claims.json").write_text("[]")
    notebooks.write(chapter(), folder / "book" / "09_small.ipynb")
    return folder


def student(nb, folder):
    notebooks.write(nb, folder / "made" / "09_small.ipynb")
    return handouts.student(folder / "made" / "09_small.ipynb")


@pytest.fixture
def handed(tmp_path):
    return student(chapter(), tmp_path)


# What is handed out.


def test_exercises_are_found_with_their_cells():
    twice, square, paper = exercises.find(chapter())
    assert twice == ("ex-09-twice", "Twice", 1, 5, "twice-text", ("twice-answer",), "twice-check")
    assert square == ("ex-09-square", "The square", 2, 20, "square-text", ("square-answer",), "square-check")
    assert paper == ("ex-09-paper", "On paper", 0, 0, "paper", (), None)


def test_a_student_gets_everything_but_solutions(handed):
    told = "\n".join(cell.source for cell in handed.cells)
    assert not re.search(r"(?i)secret|solution|x \+ x|base \* twice", told)
    assert [cell.id for cell in handed.cells if cell.cell_type == "code"] == [
        "bootstrap", "parameters", "setup", "slow", "twice-answer", "twice-check", "square-answer", "square-check",
    ]  # fmt: skip
    cells = {cell.id: cell.source for cell in handed.cells}
    assert cells["twice-text"] == PLAIN and "## Summary" in cells["paper"]
    assert cells["square-text"].startswith("Some prose between.\n\n### Exercise: The square\n\n*Level 2")
    assert "{" not in cells["square-text"] + cells["paper"] and "Prove it." in cells["paper"]
    assert cells["twice-answer"] == "def twice(x):\n    " + STUB.replace("\n", "\n    ")
    assert cells["square-answer"] == STUB
    assert all(not cell.outputs and cell.execution_count is None for cell in notebooks.code_cells(handed))
    nbformat.validate(handed)


@pytest.mark.parametrize("fence", ["```", "`````", ":::"])
def test_solutions_are_cut_out_of_the_middle_of_a_cell(fence):
    told = f"Before.\n\n{fence}{{solution}} a\n:class: dropdown\nx\n{fence}\n\nAfter."
    assert apart(told) == ("Before.\n\n\nAfter.", "x", False)
    start, end = (f"{fence}{{solution-{word}}} a\n{fence}" for word in ("start", "end"))
    assert apart(f"Before.\n{start}\nx\n{end}\nAfter.") == ("Before.\nAfter.", "x", False)
    assert apart(f"Before.\n{start}\n```python\nx\n```") == ("Before.", "```python\nx\n```", True)
    assert apart(f"x\n{end}\nAfter.", True) == ("After.", "x", False)


@pytest.mark.parametrize(
    ("name", "source", "told"),
    [
        ("twice-end", "nothing", "has no {solution-end}"),
        ("twice-answer", "### BEGIN SOLUTION\n1", "no end solution"),
        ("twice-answer", "### BEGIN SOLUTION\n### BEGIN SOLUTION", "nested"),
    ],
)
def test_a_solution_that_does_not_end_is_not_handed_out(tmp_path, name, source, told):
    nb = chapter()
    next(cell for cell in nb.cells if cell.id == name).source = source
    nb.cells = nb.cells[: [cell.id for cell in nb.cells].index("square-text")]
    with pytest.raises(UsageError, match=f"09_small: .*{told}"):
        student(nb, tmp_path)


def test_an_instructor_gets_the_chapter_as_it_was_run_and_notes(root, tmp_path):
    path = root / "book" / "09_small.ipynb"
    run = chapter()
    run.cells[4].outputs[0].text = "3, today\n"
    notebooks.write(run, tmp_path / "09_small.ipynb")
    (tmp_path / "manifest.json").write_text('{"chapters": {"09_small": {"seconds": 12.3, "status": "ok"}}}')
    nb = handouts.instructor(path, tmp_path)
    assert notebooks.code_cells(nb) == notebooks.code_cells(run)
    cells = {cell.id: cell.source for cell in nb.cells}
    assert "took 12 s" in cells["for-instructors"] and "3 exercises, about 25 minutes" in cells["for-instructors"]
    assert "Twice: level 1, about 5 minutes; checked by `gi.check.Verdict`" in cells["note-ex-09-twice"]
    assert "to be read by a person" in cells["note-ex-09-paper"]
    assert [cell.id for cell in nb.cells].index("note-ex-09-twice") == 7

    run.cells[4].source = "print('yesterday')"
    notebooks.write(run, tmp_path / "09_small.ipynb")
    nb = handouts.instructor(path, tmp_path)
    assert "has not been run here" in nb.cells[1].source and "yesterday" not in nbformat.writes(nb)


def judge(answer):
    """Whether it is right.

    Not a mistake of anybody here.
    """
    if answer == 1:
        raise ValueError(f"the sign of {answer} is wrong here")
    mistakes = [(2, "twice what it should be"), (3, "words")]
    return Verdict(mistakes) if answer else Verdict(True, "what to take away from it")  # noqa: F821


def test_typical_mistakes_are_read_from_the_check(monkeypatch):
    monkeypatch.setattr(check, "judge", judge, raising=False)
    assert exercises.typical_mistakes("judge") == ["the sign of … is wrong here", "twice what it should be"]


@pytest.mark.parametrize("kind", ["student", "instructor"])
def test_the_command_fills_a_folder_and_overwrites_nothing(root, tmp_path, monkeypatch, kind):
    monkeypatch.chdir(root)
    run = CliRunner().invoke(cli.main, ["class", kind, "--out", str(tmp_path / "out")])
    assert run.exit_code == 0, run.output
    found = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert found == ["09_small.ipynb", "claims.json", "records/one.json"]
    again = CliRunner().invoke(cli.main, ["class", kind, "--out", str(tmp_path / "out")])
    assert again.exit_code == 1 and "may hold somebody's work" in again.stderr


def test_code_and_figures_keep_their_fences():
    told = "```{figure} a.png\n:alt: b\n```\n\n```python\n{'a': 1}\n```\n\n$\\{doc\\}$ `{doc}`"
    assert plain(told, References()) == told
    nested = "````{admonition} Hint\n:class: dropdown\nIn {doc}`01_a`:\n```python\nx\n```\n````\nAfter."
    folded = "<details><summary>Hint</summary>\n\nIn `01_a`:\n```python\nx\n```\n\n</details>\nAfter."
    assert plain(nested, References()) == folded


def test_numbers_are_written_out_as_the_page_writes_them():
    cell = code("glue('a', 1.25)")
    for name, value in (("a", "1.25"), ("b", "'two'")):
        data = {"application/papermill.record/text/plain": value}
        cell.outputs.append(nbformat.v4.new_output("display_data", data=data, metadata={"scrapbook": {"name": name}}))
    known = References().of(nbformat.v4.new_notebook(cells=[cell]))
    told = "{glue:text}`a:.1f`, {glue:text}`a`, {glue:text}`b`, {glue:text}`c:.2f`, `{glue:text}`"
    assert plain(told, known) == "1.2, 1.25, two, `c:.2f`, `{glue:text}`"


# What is handed in.


def fill(handed, **answers):
    """The handed-out notebook with those cells filled in, `twice_answer="..."`."""
    nb = notebooks.nbformat.from_dict(json.loads(nbformat.writes(handed)))
    for cell in nb.cells:
        cell.source = answers.get(cell.id.replace("-", "_"), cell.source)
    return nb


GOOD = {"twice_answer": "def twice(x):\n    return 2 * x", "square_answer": "square = base**2"}


def read_tasks(nb, handed, folder, raw=None):
    sheet = submissions.sheet("x.ipynb", 0.0, (nbformat.writes(nb) if raw is None else json.dumps(raw)).encode())
    assert not sheet.problem
    return submissions.tasks(sheet, handed, [e for e in exercises.find(chapter()) if e.check])


def test_untouched_answers_are_no_tasks(handed, tmp_path):
    assert read_tasks(handed, handed, tmp_path) == ([], {"ex-09-twice": None, "ex-09-square": None})


def test_answers_and_added_cells_are_taken_and_nothing_else(handed, tmp_path):
    nb = fill(handed, **GOOD, setup="import os, math\nbase = 4", twice_check="print('Right.')")
    place = [cell.id for cell in nb.cells].index("twice-answer")
    nb.cells.insert(place, code("helper = 2"))
    nb.cells.append(code("while True: pass"))
    imports, found = read_tasks(nb, handed, tmp_path)
    assert imports == ["import os, math"]
    assert found["ex-09-twice"].cells == ["helper = 2", GOOD["twice_answer"]]
    assert found["ex-09-square"].cells == [GOOD["square_answer"]]
    assert found["ex-09-twice"].check.startswith("gi.check.Verdict(twice(base)")


def test_a_notebook_without_ids_is_matched_by_its_text(handed, tmp_path):
    nb = fill(handed, **GOOD)
    nb.cells.insert(3, code("added = 1"))
    raw = json.loads(nbformat.writes(nb)) | {"nbformat_minor": 4}
    for cell in raw["cells"]:
        del cell["id"]
    _, found = read_tasks(nb, handed, tmp_path, raw)
    assert found["ex-09-twice"].cells == ["added = 1", GOOD["twice_answer"]]
    assert found["ex-09-square"].cells == [GOOD["square_answer"]]


def test_an_answer_whose_check_was_removed_is_still_one(handed, tmp_path):
    nb = fill(handed, **GOOD)
    nb.cells = [cell for cell in nb.cells if cell.id not in {"twice-check", "square-answer"}]
    _, found = read_tasks(nb, handed, tmp_path)
    assert found["ex-09-twice"].cells == [GOOD["twice_answer"]] and found["ex-09-square"] is None


def test_the_chapter_is_what_the_notebook_says_or_its_name(handed, tmp_path):
    notebooks.write(handed, tmp_path / "homework (2).ipynb")
    (tmp_path / "my 09_small.ipynb").write_text("{")
    (tmp_path / "else.ipynb").write_text('{"metadata": {"genimg": {"chapter": "99"}}}')
    sheets = submissions.sheets(tmp_path)[0]
    found = {name: submissions.chapter_of(sheet, ["01_x", "09_small"]) for name, (sheet,) in sheets.items()}
    assert found == {"else": None, "homework (2)": "09_small", "my 09_small": "09_small", "made": "09_small"}


# Grading. One call for all: a process has to be started for it, and that takes seconds.

NASTY = {
    "perfect": GOOD,
    "first-tries": GOOD,
    "stubs": {},
    "wrong": {**GOOD, "twice_answer": "def twice(x):\n    return x"},
    "half": {"twice_answer": GOOD["twice_answer"]},
    "unfinished": {**GOOD, "square_answer": "a = 1\nraise NotImplementedError()"},
    "undefined": {"twice_answer": "twize = 6", "square_answer": "square = 9"},
    "syntax": {**GOOD, "twice_answer": "def twice(x) return"},
    "raises": {**GOOD, "twice_answer": "1 / 0"},
    "exits": {**GOOD, "twice_answer": "import os\nos._exit(0)"},
    "quits": {**GOOD, "twice_answer": "import sys\nsys.exit()"},
    "segfault": {**GOOD, "twice_answer": "import ctypes\nctypes.string_at(0)"},
    "loop": {**GOOD, "twice_answer": "while True:\n    try:\n        pass\n    except BaseException:\n        pass"},
    "loop-in-check": {**GOOD, "twice_answer": "def twice(x):\n    while True: pass"},
    "hog": {**GOOD, "twice_answer": "held = []\nwhile True: held.append(bytearray(20_000_000))"},
    "torch-hog": {**GOOD, "twice_answer": "import torch\nheld = torch.zeros(20_000_000_000)"},
    "disk": {**GOOD, "twice_answer": "with open('big', 'wb') as f:\n    for _ in range(80): f.write(bytes(2**20))"},
    "network": {**GOOD, "twice_answer": "import socket\nsocket.getaddrinfo('example.invalid', 80)"},
    "socket": {**GOOD, "twice_answer": "import socket\nsocket.create_connection(('192.0.2.1', 80))"},
    "program": {**GOOD, "twice_answer": "import subprocess\nsubprocess.run(['true'])"},
    "forks": {**GOOD, "twice_answer": "import os\nwhile True: os.fork()"},
    "thread": {
        **GOOD,
        "twice_answer": "import threading, time\nthreading.Thread(target=time.sleep, args=(1000,)).start()\n"
        + GOOD["twice_answer"],
    },
    "input": {**GOOD, "twice_answer": "input()"},
    "chatter": {**GOOD, "twice_answer": "print('x' * 10_000_000)\n" + GOOD["twice_answer"]},
    "reporter": {
        **GOOD,
        "twice_answer": "import contextlib, os\nfor pipe in range(3, 40):\n    with contextlib.suppress(OSError):\n"
        "        os.write(pipe, b'[1, 2]\\n')",
    },
    "cheat-check": {
        "twice_answer": "class Always:\n    right = True\n\n\ntwice = gi = Always()",
        "twice_check": "'Right.'",
    },
    "cheat-module": {
        "twice_answer": "import sys\ngi.check.Verdict = lambda *a: True\ntwice = abs\n"
        "sys.modules['genimg.teach.check.verdict'].Verdict = gi.check.Verdict",
        "twice_check": "print('Right.')",
    },
    "cheat-verdict": {
        "twice_answer": "twice = abs\ngi.check.Verdict.__init__ = lambda self, *a: self.__dict__.update(right=True)"
    },
    "cheat-package": {
        "twice_answer": "import sys, types\nsys.modules['genimg'] = gi = types.SimpleNamespace()\ntwice = abs"
    },
    "files": {
        **GOOD,
        "twice_answer": "import os\nassert os.path.expanduser('~') == os.getcwd()\n"
        "assert sorted(os.listdir()) == ['claims.json', 'records']\nopen('mark.txt', 'w')\n" + GOOD["twice_answer"],
    },
    "threads": {  # a fork of a process that has used several of them, or the GPU, hangs or fails when it does
        **GOOD,
        "twice_answer": "import os\nassert os.environ['OMP_NUM_THREADS'] == '1'\n"
        "assert not os.environ['CUDA_VISIBLE_DEVICES']\n" + GOOD["twice_answer"],
    },
    "loads": {
        **GOOD,
        "twice_answer": "from pathlib import Path\nfrom genimg.data import cache\n"
        "assert not cache.folder().is_relative_to(Path.home())\n" + GOOD["twice_answer"],
    },
    "imports": {
        "setup": "import genimg as gi\nimport nothing_of_that_name\nimport math\n\nbase = 3",
        "twice_answer": "def twice(x):\n    return math.sqrt(4 * x * x)",
        "square_answer": GOOD["square_answer"],
    },
    "quotes": {**GOOD, "twice_answer": "raise ValueError('x' * 1_000_000)"},
    "=evil": {**GOOD, "twice_answer": "raise ValueError('+1')"},
}
EXPECTED = {  # of the first exercise; and of the second where it is not right
    "perfect": ("right", ""),
    "first-tries": ("right", ""),
    "stubs": ("missing", "", "missing"),
    "wrong": ("not yet", "twice three is six", "right"),
    "half": ("right", "", "missing"),
    "unfinished": ("right", "", "missing"),
    "undefined": ("not yet", "NameError: name 'twice' is not defined"),
    "syntax": ("crashed", "SyntaxError"),
    "raises": ("crashed", "ZeroDivisionError: division by zero"),
    "exits": ("crashed", "the process ended itself"),
    "quits": ("crashed", "SystemExit"),
    "segfault": ("crashed", "SIGSEGV"),
    "loop": ("timed out", "still running after 4 s"),
    "loop-in-check": ("timed out", "still running after 4 s"),
    "hog": ("crashed", "more than 300 MB"),
    "torch-hog": ("crashed", "more than 300 MB"),
    "disk": ("crashed", "File too large"),
    "network": ("crashed", "no network"),
    "socket": ("crashed", "no network"),
    "program": ("crashed", "no other programs"),
    "forks": ("crashed", "no other programs"),
    "thread": ("right", ""),
    "input": ("crashed", "Error"),
    "chatter": ("right", ""),
    "reporter": ("crashed", ""),
    "cheat-check": ("not yet", "", "missing"),
    "cheat-module": ("crashed", "KeyError: 'genimg.teach.check.verdict'", "missing"),
    "cheat-verdict": ("not yet", "", "missing"),
    "cheat-package": ("not yet", "", "missing"),
    "files": ("right", ""),
    "threads": ("right", ""),
    "loads": ("right", ""),
    "imports": ("right", ""),
    "quotes": ("crashed", "ValueError: xxx"),
    "=evil": ("crashed", "ValueError: +1"),
}


WALLS = [
    pytest.param(True, id="wall", marks=pytest.mark.skipif(bool(boundary.missing()), reason=boundary.missing())),
    pytest.param(False, id="trusted"),
]


@pytest.fixture(scope="module", params=WALLS)
def graded(request, root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("submissions")
    handed = handouts.student(root / "book" / "09_small.ipynb")
    for name, answers in NASTY.items():
        nb = fill(handed, **answers)
        if name == "first-tries":
            nb.cells[5:5] = [code("!pip install nothing-of-that-name"), code("twice = 1 / 0")]
        notebooks.write(nb, folder / f"{name}.ipynb")
    (folder / "broken 09_small.ipynb").write_text('{"cells": [')
    (folder / "unknown.ipynb").write_text("not a notebook")
    (folder / "empty").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "2")  # as on many a cluster
        if not request.param:
            patch.setattr(boundary, "missing", lambda: "no wall in this test")
        told = []
        rows = grading.grade(
            root, folder, seconds=4, megabytes=300, jobs=2, trust=not request.param,
            progress=lambda *event: told.append(event),
        )  # fmt: skip
        return folder, rows, told


@pytest.mark.parametrize("name", NASTY)
def test_a_submission_is_graded_as_what_it_is(graded, name):
    first, second = (row for row in graded[1] if row.student == name)
    result, hint, *other = EXPECTED[name]
    assert (first.exercise, first.level, first.result) == ("ex-09-twice", 1, result), first
    assert hint in first.hint
    # Whatever the first answer did, the second is graded too.
    assert (second.exercise, second.level, second.result) == ("ex-09-square", 2, *(other or ["right"])), second


def test_files_that_are_no_submissions_are_graded_as_such(graded):
    rows = {name: [row for row in graded[1] if row.student == name] for name in ("broken 09_small", "unknown", "empty")}
    broken = rows["broken 09_small"]
    assert [row.exercise for row in broken] == ["ex-09-twice", "ex-09-square"]
    assert all(row.result == "crashed" and "not a readable notebook" in row.hint for row in broken)
    assert [row.result for row in rows["empty"]] == ["missing", "missing"]
    of_no_chapter, *missing = rows["unknown"]
    assert of_no_chapter.result == "crashed" and of_no_chapter.hint.startswith("unknown.ipynb: not a readable notebook")
    assert [row.result for row in missing] == ["missing", "missing"]
    assert "unknown,,total,,0,0 of 2," in grading.text(rows["unknown"])  # that file is no third exercise


def test_the_chapter_ran_once_for_whoever_watches_and_nothing_wrote_to_the_book(graded, root):
    assert [done for what, done, _ in graded[2] if what == "09_small, its cells"] == [1, 2, 3]
    assert sorted(path.name for path in (root / "book").iterdir()) == ["09_small.ipynb", "claims.json", "records"]


def test_the_table_has_a_row_per_answer_and_totals(graded, tmp_path):
    grading.write_csv(graded[1], tmp_path / "grades.csv")
    with open(tmp_path / "grades.csv", newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert ",".join(rows[0]) == "student,chapter,exercise,level,points,result,seconds,hint"
    half = [row for row in rows if row["student"] == "half"]
    assert [(row["exercise"], row["points"], row["result"]) for row in half] == [
        ("ex-09-twice", "1", "right"),
        ("ex-09-square", "0", "missing"),
        ("total", "1", "1 of 2"),
    ]
    assert len(rows) == len(graded[1]) + len({row.student for row in graded[1]})
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())


def test_a_name_that_is_not_utf8_is_written_all_the_same(tmp_path):
    grading.write_csv([grading.Grade("Jos\udce9", "09_small", "ex", 1, "right")], tmp_path / "grades.csv")
    assert "Jos\\xe9,09_small,ex,1,1,right" in (tmp_path / "grades.csv").read_text(encoding="utf-8")


def test_the_command_grades_a_folder_per_student(root, handed, tmp_path_factory, monkeypatch):
    monkeypatch.chdir(root)
    tmp_path = tmp_path_factory.mktemp("in")
    notebooks.write(fill(handed, **GOOD), tmp_path / "ann" / "mine.ipynb")
    (tmp_path / "bob" / ".ipynb_checkpoints").mkdir(parents=True)
    (tmp_path / "bob" / ".ipynb_checkpoints" / "09_small.ipynb").write_text("{")
    run = CliRunner().invoke(cli.main, ["class", "grade", str(tmp_path), "--trust"])
    assert run.exit_code == 0, run.output
    assert "2 students: 2 right, 2 missing" in run.output and "09_small, answers: 2/2" in run.stderr
    with open(tmp_path / "grades.csv", newline="", encoding="utf-8-sig") as file:
        totals = {row["student"]: row["result"] for row in csv.DictReader(file) if row["exercise"] == "total"}
    assert totals == {"ann": "2 of 2", "bob": "0 of 2"}


def test_a_chapter_that_fails_itself_is_no_fault_of_the_students(root, tmp_path):
    book = tmp_path / "copy" / "book"
    book.mkdir(parents=True)
    nb = chapter()
    next(cell for cell in nb.cells if cell.id == "slow").source = "1 / 0"
    notebooks.write(nb, book / "09_small.ipynb")
    notebooks.write(fill(student(nb, tmp_path), **GOOD), tmp_path / "in" / "ann.ipynb")
    rows = grading.grade(tmp_path / "copy", tmp_path / "in", trust=True)
    assert {row.result for row in rows} == {"not graded"}
    assert all("own cells do not run: cell 3, ZeroDivisionError" in row.hint for row in rows)


def test_a_folder_without_notebooks_is_named(root, tmp_path):
    with pytest.raises(UsageError, match="holds no notebook"):
        grading.grade(root, tmp_path)


# The page for teachers.

ROOT = Path(__file__).parents[1]


def test_the_page_for_teachers_counts_the_exercises():
    told = re.findall(
        r"^\| \{doc\}`(\w+)` \| \{\{seconds:(\w+)\}\} \| (\d+) \| (\d+) \|$",
        (ROOT / "book" / "teaching.md").read_text(encoding="utf-8"),
        flags=re.MULTILINE,
    )
    found = []
    for path in notebooks.chapters(ROOT):
        here = exercises.find(notebooks.read(path))
        if here:
            found.append((path.stem, path.stem, str(len(here)), str(sum(e.minutes for e in here))))
    assert told == found


def test_the_page_for_teachers_names_exercises_that_exist():
    named = set(re.findall(r"\{ref\}`(ex-[\w-]+)`", (ROOT / "book" / "teaching.md").read_text(encoding="utf-8")))
    assert named <= {e.label for path in notebooks.chapters(ROOT) for e in exercises.find(notebooks.read(path))}


def test_the_lectures_consist_of_sections_that_exist_and_end_in_time():
    text = (ROOT / "book" / "teaching.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d*) \| (?:\{doc\}`(\w+)`)? \| (.*) \| (\d+) \|$", text, flags=re.MULTILINE)
    minutes, day, chapter = {}, "", ""
    for begins, names, sections, told in rows:
        day, chapter = begins or day, names or chapter
        minutes[day] = minutes.get(day, 0) + int(told)
        markdown = (
            cell.source for cell in notebooks.read(ROOT / "book" / f"{chapter}.ipynb").cells if "# " in cell.source
        )
        headings = {line.lstrip("#").strip() for source in markdown for line in source.splitlines() if line[:1] == "#"}
        named = set(re.findall(r"(?<!\*)\*([^*]+)\*", sections))
        assert named and named <= headings, (chapter, named - headings)
    assert list(minutes) == [str(day) for day in range(1, 11)] and max(minutes.values()) <= 75


def test_the_page_for_teachers_says_what_the_records_say():
    rows = re.findall(r"^\| `genimg train .*?\| `([\w-]+)` \| (\d+) \|$", (ROOT / "book/teaching.md").read_text(), re.M)
    assert len(rows) == 7
    for name, minutes in rows:
        assert int(minutes) == round(records.load(ROOT / "book" / "records" / f"{name}.json").seconds / 60), name


@pytest.mark.parametrize("path", sorted((ROOT / "book").glob("*.ipynb")), ids=lambda path: path.stem)
def test_every_chapter_can_be_handed_out(path):
    nb, handed = notebooks.read(path), handouts.student(path)
    text = "\n".join(cell.source for cell in handed.cells)
    assert "{solution" not in text and "SOLUTION" not in text and "{exercise" not in text
    ids = {cell.id for cell in handed.cells}
    checked = [exercise for exercise in exercises.find(nb) if exercise.check]
    assert len(checked) >= 2 or not exercises.find(nb)
    for exercise in exercises.find(nb):
        assert {*exercise.answers, exercise.text, *filter(None, [exercise.check])} <= ids
        assert exercise.level in (1, 2, 3) and exercise.minutes, exercise.label
    for exercise in checked:
        stubs = [cell.source for cell in handed.cells if cell.id in exercise.answers]
        assert stubs and all("raise NotImplementedError()" in stub for stub in stubs), exercise.label
        name = exercises.judge_of(next(cell.source for cell in nb.cells if cell.id == exercise.check))
        assert callable(getattr(check, name)) and len(exercises.typical_mistakes(name)) >= 2
