"""Code in the width of a page's column."""

import ast

import nbformat
import pytest

from genimg.press import layout

LONG = "value = function_of_much(first_argument=1, second_argument=2, third_argument=3, fourth_argument=4, fifth=5)"
COMMENT = f"# {'word ' * 30}".rstrip()


def notebook(source, tags=()):
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)})
    return nbformat.v4.new_notebook(cells=[cell])


@pytest.mark.parametrize("kept", ["", "  # fmt: skip"])
def test_a_long_line_is_broken_and_says_the_same(kept):
    nb = notebook(f"{LONG}{kept}\nx = {{'a': 1}}  # short")
    assert layout.fit(nb) == 1
    source = nb.cells[0].source
    assert max(map(len, source.split("\n"))) <= layout.WIDTH and "# short" in source
    assert ast.dump(ast.parse(source)) == ast.dump(ast.parse(f"{LONG}\nx = {{'a': 1}}"))


@pytest.mark.parametrize(
    ("source", "tags"),
    [
        ("x = {'a' : 1}", ()),  # no line is long: as typed
        (LONG, ("hide-input",)),  # nobody sees it
        (f"%time {LONG}\n{LONG} =", ()),  # not Python
        (COMMENT, ()),  # a comment is never broken
    ],
)
def test_the_rest_stays_as_typed(source, tags):
    nb = notebook(source, tags)
    assert layout.fit(nb) == 0 and nb.cells[0].source == source


def test_without_ruff_lines_stay_as_they_are(monkeypatch):
    monkeypatch.setattr(layout.sys, "executable", "/bin/false")
    nb = notebook(LONG)
    assert layout.fit(nb) == 0 and nb.cells[0].source == LONG
