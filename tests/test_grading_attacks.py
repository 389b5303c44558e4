"""Submissions that harm: what stops grading, reaches others, earns points without knowledge, or gets out.

Numbers in the names of cases are those of the attacks and reports that they repeat.
"""
# ruff: noqa: E501 (programs of students, a line each)

import csv
import io
import json
import os
import socket
import zipfile
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner

from genimg._base.errors import UsageError
from genimg.apps import cli
from genimg.press import notebooks
from genimg.teach.classroom import boundary, grading, handouts, submissions, wire

code, text = nbformat.v4.new_code_cell, nbformat.v4.new_markdown_cell
WALL = pytest.mark.skipif(bool(boundary.missing()), reason=boundary.missing() or "there is one")
EXERCISES = {
    "shell": "def moments(d):\n    return d, 2 * d",
    "safest_colour": "def safest(c1, c2, p):\n    return c1 if p > 0.5 else c2",
    "one_sided": """import torch
class OneSided(gi.WassersteinGP):
    def critic_loss(self, D, real, fake, rng):
        u = torch.rand((len(real), *[1] * (real.ndim - 1)), generator=rng)
        between = (u * real + (1 - u) * fake).requires_grad_()
        (slope,) = torch.autograd.grad(D(between).sum(), between, create_graph=True)
        penalty = self.lam * torch.relu(slope.flatten(1).norm(dim=1) - 1).square().mean()
        distance = D(real).mean() - D(fake).mean()
        return gi.objectives.CriticLoss(penalty - distance, distance.detach(), penalty.detach())""",
}
CALLS = {"shell": "moments", "safest_colour": "safest", "one_sided": "OneSided(lam)"}


def chapter():
    cells = [
        text("# A chapter", id="title"),
        code('profile = "quick"', id="parameters", metadata={"tags": ["parameters"]}),
        code("import genimg as gi\nlam = 10.0", id="setup"),
    ]
    for name, answer in EXERCISES.items():
        head = f"```{{exercise}} {name}\n:label: ex-09-{name}\n\n*Level 1 · about 5 min*\n\nDo it.\n```"
        solved = f"### BEGIN SOLUTION\n{answer}\n### END SOLUTION"
        cells += [
            text(head, id=f"{name}-text"),
            code(solved, id=f"{name}-answer", metadata={"tags": ["answer"]}),
            code(f"gi.check.{name}({CALLS[name]})", id=f"{name}-check", metadata={"tags": ["check"]}),
        ]
    return nbformat.v4.new_notebook(cells=cells)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("book")
    (folder / "_toc.yml").write_text("format: jb-book\n")
    (folder / "book").mkdir()
    notebooks.write(chapter(), folder / "book" / "09_small.ipynb")
    return folder


def answered(root, **answers):
    """What a student hands in: right answers, but for those given."""
    nb = handouts.student(root / "book" / "09_small.ipynb")
    for cell in nb.cells:
        name = cell.id.removesuffix("-answer")
        if cell.id.endswith("-answer"):
            cell.source = answers.get(name, EXERCISES[name])
    return nb


def by_student(rows):
    return {
        name: [row.result for row in rows if row.student == name] for name in dict.fromkeys(r.student for r in rows)
    }


# A class of sixty, ten of whom mean harm.

HARM = {
    "loop": "while True:\n    pass",
    "swallows": "while True:\n    try:\n        while True: pass\n    except BaseException:\n        pass",
    "parent": "import os, signal\nos.kill(os.getppid(), 9)\nfor n in range(2, 400):\n    try: os.kill(n, 9)\n"
    "    except OSError: pass\ndef moments(d): return 0",
    "report": "import os\nfor fd in range(3, 64):\n    try: os.write(fd, b'[' * 50_000)\n    except OSError: pass",
    "clock": "import os, time\nwhile True:\n    for fd in range(3, 64):\n        try: os.write(fd, b'[\"at\", 0]\\n')\n"
    "        except OSError: pass\n    time.sleep(1)",
    "allclose": "import torch\ntorch.allclose = lambda *a, **k: True\ntorch.Tensor.__lt__ = lambda *a: True\n"
    "def moments(d): return 0, 0",
    "memory": "held = []\nwhile True: held.append(bytearray(50_000_000))",
    "ends": "import os\nos._exit(3)",
    "checks": "import genimg.teach.check.pushforward as p\np.compare = p.numbers = None\ndef moments(d): return 1, 1",
    "solution": "import json\nfrom pathlib import Path\nfor f in [*Path('/').glob('*/*/book/09_small.ipynb'), "
    "*Path('..').rglob('09_small.ipynb')]:\n    for c in json.loads(f.read_text())['cells']:\n"
    "        if c['id'] == 'shell-answer': exec(''.join(c['source']))",
}


@WALL
def test_a_class_of_sixty_with_ten_who_mean_harm(root, tmp_path):
    names = [f"student {k:02}" for k in range(50)]
    wrong = {name: k % 3 for k, name in enumerate(names)}  # a third has nothing wrong
    for name in names:
        broken = {1: {"shell": "def moments(d):\n    return d, d"}, 2: {"safest_colour": "raise ValueError(1)"}}
        notebooks.write(answered(root, **broken.get(wrong[name], {})), tmp_path / "in" / f"{name}.ipynb")
    for name, source in HARM.items():
        notebooks.write(answered(root, shell=source), tmp_path / "in" / f"{name}.ipynb")
    rows = grading.grade(root, tmp_path / "in", seconds=20, megabytes=300, jobs=2)
    found = by_student(rows)
    right = {0: ["right"] * 3, 1: ["not yet", "right", "right"], 2: ["right", "crashed", "right"]}
    assert {name: found[name] for name in names} == {name: right[wrong[name]] for name in names}
    hostile = {name: found[name][0] for name in HARM}
    assert hostile == {
        "loop": "timed out", "swallows": "timed out", "parent": "not yet", "report": "crashed", "clock": "crashed",
        "allclose": "not yet", "memory": "crashed", "ends": "crashed", "checks": "crashed", "solution": "not yet",
    }  # fmt: skip
    # Whatever the first answer did, the last one counts; where it holds all the memory that it may have, there is none
    # left for its own later answers.
    spared = HARM.keys() - {"memory"}
    assert {name: found[name][2] for name in spared} == dict.fromkeys(spared, "right")


# What the wall is (6). One submission looks around, and says what it found in the text of an error.

LOOKS = {
    "environment": "import os\nassert 'GENIMG_SECRET' not in os.environ and len(os.environ) < 30, sorted(os.environ)",
    "home": "import os\nassert not os.path.exists('/root/.bashrc') and os.path.expanduser('~') == os.getcwd()",
    "checkout": "import genimg, os\nroot = os.path.dirname(os.path.dirname(genimg.__file__))\n"
    "assert set(os.listdir(root)) <= {'genimg', '.venv'}, os.listdir(root)",
    "checks": "import genimg, os\nassert os.listdir(os.path.dirname(genimg.__file__) + '/teach/check') == []",
    "write": "import genimg\ntry: open(genimg.__file__, 'a')\nexcept OSError: pass\nelse: assert 0, 'package'\n"
    "try: open('/usr/x', 'w')\nexcept OSError: pass\nelse: assert 0, 'system'\ntry: open('/x', 'w')\n"
    "except OSError: pass\nelse: assert 0, 'top'",
    "processes": "import os\nassert os.getpid() == 1 and os.listdir('/proc') == []",
    "sandbox": "import ctypes\nlibc = ctypes.CDLL(None)\nassert libc.system(b'ls / > /dev/null') != 0 or "
    "libc.system(b'cat /etc/shadow /etc/passwd') != 0",
    "disk": "total = 0\ntry:\n    for k in range(20):\n        with open(f'f{k}', 'wb') as f: total += f.write(bytes(2**24))\n"
    "except OSError: pass\nassert total < 2**28, total",
    "shm": "total = 0\ntry:\n    for k in range(20):\n        with open(f'/dev/shm/f{k}', 'wb') as f:\n"
    "            total += f.write(bytes(2**24))\nexcept OSError: pass\nassert total < 2**28, total",
    "host network": "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n"
    "assert libc.socket(2, 1, 0) < 0 or libc.connect(3, b'\\x02\\0\\0\\x50\\x7f\\0\\0\\1' + bytes(8), 16) != 0\n"
    "assert not os.path.exists('/run') and not os.path.exists('/var')",
    "rights": "import ctypes\nlibc = ctypes.CDLL(None)\nassert libc.mount(b'tmpfs', b'/usr', b'tmpfs', 0, None) != 0\n"
    "assert libc.setns(0, 0) != 0",
    "others": "import gc\nseen = [o for o in gc.get_objects() if type(o) is dict and 'classmate_' + 'secret' in o]\n"
    "assert len(seen) < 1",
    "judge": "import sys\nbad = [m for m in sys.modules if m.startswith('genimg.teach.check.') or 'judging' in m or 'grading' in m]\n"
    "assert not bad, bad",
}


@WALL
def test_what_a_submission_can_see_and_do(root, tmp_path, monkeypatch):
    monkeypatch.setenv("GENIMG_SECRET", "x")
    notebooks.write(answered(root, shell="globals()['classmate_' + 'secret'] = 1"), tmp_path / "aaa.ipynb")
    for name, source in LOOKS.items():
        notebooks.write(answered(root, shell=f"{source}\n{EXERCISES['shell']}"), tmp_path / f"{name}.ipynb")
    rows = grading.grade(root, tmp_path, seconds=20)
    found = {row.student: (row.result, row.hint) for row in rows if row.exercise == "ex-09-shell"}
    assert {name: found[name] for name in LOOKS if found[name][0] != "right"} == {}


@WALL
def test_nothing_outlives_grading(root, tmp_path):
    mark = f"genimg-{os.getpid()}-lives"
    source = f"import ctypes, time\nif ctypes.CDLL(None).fork() == 0:\n    import sys\n    ctypes.CDLL(None).prctl(15, b'{mark[:15]}')\n    time.sleep(300)"
    notebooks.write(answered(root, shell=f"{source}\n{EXERCISES['shell']}"), tmp_path / "ann.ipynb")
    grading.grade(root, tmp_path, seconds=10)
    names = [p.read_text(errors="replace") for p in Path("/proc").glob("[0-9]*/comm") if p.exists()]
    assert not [name for name in names if name.startswith(mark[:15])]


def test_without_a_wall_grading_says_so_and_asks_for_trust(root, tmp_path, monkeypatch):
    monkeypatch.setattr(boundary, "missing", lambda: "bubblewrap is not installed")
    notebooks.write(answered(root), tmp_path / "ann.ipynb")
    with pytest.raises(UsageError, match=r"with your rights on your files: bubblewrap is not installed; with --trust"):
        grading.grade(root, tmp_path)


# A dead or a silent station (1): without a wall an answer can kill it.


@pytest.mark.parametrize("signal", ["SIGKILL", "SIGSTOP"])
def test_a_dead_or_silent_station_costs_the_submission_at_work(root, tmp_path, monkeypatch, signal):
    monkeypatch.setattr(boundary, "missing", lambda: "no wall in this test")
    monkeypatch.setattr("genimg.teach.classroom.posts.PATIENCE", 3.0)
    kill = f"import os, signal\nguard = os.getppid()\nstation = int(open(f'/proc/{{guard}}/stat').read().rsplit(')')[-1].split()[1])\nos.kill(station, signal.{signal})\n"
    for name in ("ann", "bob"):
        harm = {"shell": f"{kill}{EXERCISES['shell']}"} if name == "ann" else {}
        notebooks.write(answered(root, **harm), tmp_path / f"{name}.ipynb")
    found = by_student(grading.grade(root, tmp_path, seconds=20, trust=True))
    assert found["bob"] == ["right"] * 3 and len(found["ann"]) == 3


# Files that are no submissions, and notebooks that are odd (1, 5; reports 9-12).


def raw(root, change):
    content = json.loads(nbformat.writes(answered(root)))
    for cell in content["cells"]:
        cell["source"] = "".join(cell["source"])
    change(content)
    return content


def cell_of(content, name):
    return next(cell for cell in content["cells"] if cell["id"] == name)


def _bare(content):
    for cell in content["cells"]:
        cell.pop("outputs", None)
        cell.pop("execution_count", None)


ODD = {
    "deep": lambda root: ("[" * 100_000).encode(),
    "deep in a cell": lambda root: json.dumps(raw(root, lambda c: None)).replace('"# A chapter"', "[" * 50_000).encode(),
    "id of an object": lambda root: json.dumps(raw(root, lambda c: c["cells"][0].update(id={}))).encode(),
    "metadata id": lambda root: json.dumps(raw(root, lambda c: c["cells"][0].update(metadata={"id": {}}))).encode(),
    "surrogate": lambda root: json.dumps(raw(root, lambda c: cell_of(c, "setup").update(source="x = '\ud800'"))).encode(),
    "no outputs": lambda root: json.dumps(raw(root, _bare)).encode(),
    "no ids": lambda root: json.dumps(raw(root, lambda c: [cell.pop("id") for cell in c["cells"]])).encode(),
    "byte order": lambda root: b"\xef\xbb\xbf" + json.dumps(raw(root, lambda c: None)).encode(),
    "utf-16": lambda root: json.dumps(raw(root, lambda c: None)).encode("utf-16"),
    "dos": lambda root: json.dumps(
        raw(root, lambda c: [x.update(source=x["source"].replace("\n", "\r\n")) or x.pop("id") for x in c["cells"]])
    ).encode(),
    "no format": lambda root: json.dumps(raw(root, lambda c: c.pop("nbformat"))).encode(),
    "odd metadata": lambda root: json.dumps(raw(root, lambda c: c.update(metadata=[]))).encode(),
    "magic": lambda root: json.dumps(
        raw(root, lambda c: cell_of(c, "shell-answer").update(source="%matplotlib inline\n!ls\n%pip install x\n" + EXERCISES["shell"]))
    ).encode(),
    "raises": lambda root: json.dumps(
        raw(root, lambda c: cell_of(c, "shell-answer").update(source="import numpy as np\nclass A:\n    def __len__(self): "
            "raise NotImplementedError('no')\nlen(A())"))
    ).encode(),
    "recursion": lambda root: json.dumps(raw(root, lambda c: cell_of(c, "shell-answer").update(source="def f(): return f()\nf()"))).encode(),
    "expression": lambda root: json.dumps(raw(root, lambda c: cell_of(c, "setup").update(source="(" * 5000 + ")" * 5000))).encode(),
    "expression in an answer": lambda root: json.dumps(
        raw(root, lambda c: cell_of(c, "shell-answer").update(source="-" * 100_000 + "1"))
    ).encode(),
    "escapes": lambda root: json.dumps(
        raw(root, lambda c: cell_of(c, "shell-answer").update(source="raise ValueError('\\x1b[31mred\\x07' + chr(0xd800))"))
    ).encode(),
}  # fmt: skip
ALL_RIGHT = {"id of an object", "metadata id", "surrogate", "no outputs", "no ids", "byte order", "utf-16", "dos",
             "no format", "odd metadata", "magic", "expression"}  # fmt: skip


@pytest.fixture(scope="module")
def odd(root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("odd")
    for name, make in ODD.items():
        (folder / name).mkdir()
        (folder / name / "09_small.ipynb").write_bytes(make(root))
    good = json.dumps(raw(root, lambda c: None)).encode()
    (folder / "mac").mkdir()
    (folder / "mac" / "09_small.ipynb").write_bytes(good)
    (folder / "mac" / "__MACOSX").mkdir()
    (folder / "mac" / "__MACOSX" / "._09_small.ipynb").write_bytes(b"\0\5\x16\7")
    (folder / "mac" / "._09_small.ipynb").write_bytes(b"\0\5\x16\7")
    (folder / "._mac.ipynb").write_bytes(b"\0\5\x16\7")
    (folder / "two").mkdir()
    (folder / "two" / "09_small.ipynb").write_bytes(good)
    (folder / "two" / "09_small (1).ipynb").write_text('{"cells": [')
    os.utime(folder / "two" / "09_small.ipynb", (1, 1))
    (folder / "older").mkdir()
    for k in (1, 2):
        (folder / "older" / f"09_small {k}.ipynb").write_bytes(good)
        os.utime(folder / "older" / f"09_small {k}.ipynb", (k, k))
    with zipfile.ZipFile(folder / "zipped.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("hand in/09_small.ipynb", good)
        archive.writestr("__MACOSX/hand in/._09_small.ipynb", b"\0")
        archive.writestr("hand in/notes.pdf", b"%PDF")
    with zipfile.ZipFile(folder / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("09_small.ipynb", bytes(submissions.LARGEST + 1))
    (folder / "broken.zip").write_bytes(b"PK\3\4 no archive")
    (folder / "named.ipynb.txt").write_bytes(good)
    (folder / "LOUD.IPYNB").write_bytes(good)
    (folder / "essay.pdf").write_bytes(b"%PDF")
    (folder / "only a pdf").mkdir()
    (folder / "only a pdf" / "09.pdf").write_bytes(b"%PDF")
    os.symlink(folder / "nowhere", folder / "dead.ipynb")
    os.symlink(folder / "loop.ipynb", folder / "loop.ipynb")
    os.symlink("/dev/zero", folder / "zero.ipynb")
    os.symlink(folder, folder / "all over again")
    os.mkfifo(folder / "pipe.ipynb")
    notes = []
    rows = grading.grade(root, folder, seconds=10, trust=True, note=notes.append)
    return rows, notes


@pytest.mark.parametrize("name", sorted(ALL_RIGHT | {"mac", "two", "older", "zipped", "named", "LOUD"}))
def test_an_honest_notebook_counts_whatever_its_form(odd, name):
    assert [(row.result, row.hint[:60]) for row in odd[0] if row.student == name and row.result != "right"] == []
    assert len([row for row in odd[0] if row.student == name]) == 3


@pytest.mark.parametrize(
    ("name", "result", "hint"),
    [
        ("deep", "crashed", "nested too deeply"),
        ("deep in a cell", "crashed", "not a readable notebook"),
        ("raises", "crashed", "NotImplementedError: no"),
        ("recursion", "crashed", "RecursionError"),
        ("expression in an answer", "crashed", "too deeply"),
        ("escapes", "crashed", "ValueError: \\x1b[31mred\\x07\\ud800"),
        ("bomb", "crashed", "more than"),
        ("broken", "crashed", "cannot be read"),
        ("only a pdf", "missing", ""),
    ],
)
def test_a_broken_submission_has_its_row_and_its_reason(odd, name, result, hint):
    first = next(row for row in odd[0] if row.student == name)
    assert first.result == result and hint in first.hint and "\n" not in first.hint and "\x1b" not in first.hint
    assert first.seconds < 5  # an endless recursion costs no traceback


def test_everything_else_is_named_with_its_reason(odd):
    told = "\n".join(odd[1])
    for name, reason in {
        "._mac.ipynb": "left by macOS", "mac/__MACOSX": "left by macOS", "dead.ipynb": "a link", "loop.ipynb": "a link",
        "zero.ipynb": "a link", "all over again": "a link", "pipe.ipynb": "no regular file", "essay.pdf": "no notebook",
        "only a pdf/09.pdf": "no notebook", "zipped.zip/hand in/notes.pdf": "no notebook",
        "older: 09_small 1.ipynb": "is newer", "two: 09_small (1).ipynb": "not a readable notebook",
    }.items():  # fmt: skip
        assert any(name in line and reason in line for line in odd[1]), (name, told)


# The table (1, small ones).


def test_the_tables_place_is_tried_before_anything_is_graded(root, tmp_path, monkeypatch):
    monkeypatch.chdir(root)
    notebooks.write(answered(root), tmp_path / "in" / "ann.ipynb")
    (tmp_path / "in" / "grades.csv").mkdir()
    run = CliRunner().invoke(cli.main, ["class", "grade", str(tmp_path / "in"), "--trust"])
    assert run.exit_code == 1 and "grades.csv is no file" in run.stderr and "cells" not in run.stderr
    assert run.stderr.count("\n") == 1


def test_rows_are_written_when_they_are_known(tmp_path):
    with grading.table(tmp_path / "grades.csv") as table:
        table.add(grading.Grade("ann", "09", "ex", 1, "right"))
        found = list(csv.DictReader(io.StringIO((tmp_path / "grades.partial.csv").read_text(encoding="utf-8-sig"))))
        assert [(row["student"], row["points"]) for row in found] == [("ann", "1")]
        assert not (tmp_path / "grades.csv").exists()
    grading.write_csv([grading.Grade("ann", "09", "ex", 1, "right")], tmp_path / "grades.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["grades.csv"]
    assert (tmp_path / "grades.csv").read_bytes().startswith(b"\xef\xbb\xbf")


def test_a_full_disk_loses_no_grade(root, tmp_path, monkeypatch):
    monkeypatch.chdir(root)
    notebooks.write(answered(root), tmp_path / "ann.ipynb")

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(grading.os, "fsync", full)
    run = CliRunner().invoke(cli.main, ["class", "grade", str(tmp_path), "--trust"])
    assert run.exit_code == 1 and "the disk is full" in run.stderr
    assert "ann,,total,,3,3 of 3" in run.stdout


@pytest.mark.parametrize("cell", ["=1+1", "+x", "-x", "@x", "\t=1", "\r=1", " =1", "\x1b[2J", "a\x00b", "\u202eb"])
def test_no_cell_is_a_formula_or_obeyed(tmp_path, cell):
    grading.write_csv([grading.Grade(cell, "09", "ex", 1, "crashed", 0.0, cell)], tmp_path / "t.csv")
    with open(tmp_path / "t.csv", encoding="utf-8-sig", newline="") as file:
        for row in csv.reader(file):
            assert not any(each.lstrip().startswith(("=", "+", "-", "@")) or not each.isprintable() for each in row)


# What passes between judge and answer (2): nothing of it is believed.

GOOD = {"t": "tensor", "dtype": "float32", "shape": [2], "at": 0}
NONSENSE = [
    {}, [], "text", {"t": "x"}, {"t": 1}, {"t": "tensor"}, GOOD | {"dtype": "object"}, GOOD | {"dtype": "float128"},
    GOOD | {"shape": [3]}, GOOD | {"shape": [-1]}, GOOD | {"shape": [2**62]}, GOOD | {"shape": [2.0]}, GOOD | {"at": 1},
    GOOD | {"at": -8}, GOOD | {"shape": [1] * 40}, GOOD | {"shape": None}, GOOD | {"grown": "x"},
    {"t": "list", "v": {}}, {"t": "tuple", "v": [{}]}, {"t": "dict", "v": [[1]]}, {"t": "dict", "v": [[{"t": "list", "v": []}, 1]]},
    {"t": "text", "v": 3}, {"t": "float", "v": "x"}, {"t": "complex", "v": "()"}, {"t": "thing", "id": "x"},
    {"t": "critic", "kind": "os.system", "weight": 1}, {"t": "rng", "state": GOOD}, {"t": "thing", "id": 1, "kind": 2},
    {"t": "tuple", "v": [1], "names": 3}, {"t": "array", "dtype": "float64", "shape": [2], "at": 0},
]  # fmt: skip


@pytest.mark.parametrize("told", NONSENSE)
def test_what_does_not_fit_together_is_nonsense(told):
    with pytest.raises(wire.Nonsense):
        wire.unpack(told, bytes(8), lambda number, kind, calls: number)


def test_deep_values_are_nonsense():
    told = {"t": "list", "v": []}
    for _ in range(100):
        told = {"t": "list", "v": [told]}
    with pytest.raises(wire.Nonsense, match="too deeply"):
        wire.unpack(told, b"", lambda *args: None)


# What no list names and still must not work (2, 3, 6).


@WALL
def test_a_classmates_file_is_out_of_reach(root, tmp_path):
    bob = tmp_path / "bob.ipynb"
    notebooks.write(answered(root), bob)
    harm = f"import os\nassert not os.path.exists({str(bob)!r})\ntry: os.remove({str(bob)!r})\nexcept OSError: pass\n"
    notebooks.write(answered(root, shell=harm + EXERCISES["shell"]), tmp_path / "ann.ipynb")
    found = by_student(grading.grade(root, tmp_path, seconds=20))
    assert bob.exists() and found == {"ann": ["right"] * 3, "bob": ["right"] * 3}


@WALL
def test_a_unix_socket_outside_cannot_be_reached(root, tmp_path):
    with socket.socket(socket.AF_UNIX) as one, socket.socket(socket.AF_UNIX) as two:
        names = [str(tmp_path / "s"), f"\0genimg-{os.getpid()}"]
        for end, name in zip((one, two), names, strict=True):
            end.bind(name)
            end.listen()
        look = f"import socket\nfor n in {names!r}:\n    try: socket.socket(socket.AF_UNIX).connect(n)\n    except OSError: continue\n    assert 0, n\n"
        notebooks.write(answered(root, shell=look + EXERCISES["shell"]), tmp_path / "in" / "ann.ipynb")
        assert by_student(grading.grade(root, tmp_path / "in", seconds=20)) == {"ann": ["right"] * 3}
