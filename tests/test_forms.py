"""Forms say what `gi.check` says: of the right answers, and of each typical mistake."""

import json
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from genimg.press import notebooks
from genimg.teach import forms
from genimg.teach.classroom import exercises
from genimg.teach.forms import FORMS, Choice, Number
from genimg.teach.forms.form import bucket, hashed

ROOT = Path(__file__).parents[1]
NUMBERS = [form for form in FORMS if isinstance(form, Number)]
CHOICES = [form for form in FORMS if isinstance(form, Choice)]


def said(form, value):
    """What the page says to a number: as its script does it."""
    data = form.data()
    fits = [each for each in data["known"] if hashed(form.exercise, bucket(value, each["place"])) in each["of"]]
    return next((each for each in fits if each["right"]), fits[0] if fits else None)


@pytest.mark.parametrize("form", NUMBERS, ids=lambda form: form.exercise)
def test_a_number_is_right_exactly_where_the_check_says_so(form):
    for answer in form.right:
        verdict, value = form.verdict(answer), form.number(answer)
        assert verdict.right, verdict
        entry = said(form, float(f"{value:.3g}"))
        assert entry["right"] and entry["says"] == verdict.says
    hints = {each["says"] for each in form.data()["known"] if not each["right"]}
    for answer in form.wrong:
        verdict, value = form.verdict(answer), form.number(answer)
        assert not verdict.right
        entry = said(form, float(f"{value:.3g}"))
        assert not entry["right"] and entry["says"] in hints
    assert hints == {form.verdict(answer).says for answer in form.wrong}  # none hides behind another


@pytest.mark.parametrize("form", CHOICES, ids=lambda form: form.exercise)
def test_one_option_is_right_and_each_other_has_a_hint(form):
    verdicts = [form.verdict(answer) for _, answer in form.options]
    assert sum(verdict.right for verdict in verdicts) == 1
    assert all(verdict.right or verdict.says for verdict in verdicts)
    assert form.data()["right"] == hashed(form.exercise, [verdict.right for verdict in verdicts].index(True))


def test_every_form_belongs_to_an_exercise_and_its_check():
    checks = {}
    for path in notebooks.chapters(ROOT):
        nb = notebooks.read(path)
        cells = {cell.id: cell for cell in nb.cells}
        for each in exercises.find(nb):
            if each.check:
                checks[each.label] = exercises.judge_of(cells[each.check].source)
    assert all(checks.get(form.exercise) == form.judge for form in FORMS)
    chapters = {label[:5] for label in checks}
    assert {form.exercise[:5] for form in FORMS} == chapters, "each chapter with exercises has a form"


def test_no_right_number_stands_in_the_page():
    for form in NUMBERS:
        data = form.data()
        for entry in data["known"]:
            assert set(entry) == {"place", "of", "right", "says"}
        for answer in form.right:
            assert f"{form.number(answer):.3g}" not in json.dumps(
                [each["of"] for each in data["known"] if each["right"]]
            )


def test_forms_are_put_below_the_hints(tmp_path):
    (tmp_path / "book").mkdir()
    page = tmp_path / "book" / "03.html"
    page.write_text(
        '<article><div class="exercise admonition" id="ex-03-three">How far?</div>'
        '<div class="dropdown admonition">Hint</div><div class="dropdown solution admonition">2</div></article>'
    )
    assert forms.fill(tmp_path) == 1
    order = [tag.name + " ".join(tag.get("class")) for tag in BeautifulSoup(page.read_text(), "html.parser").article]
    assert order == [
        "divexercise admonition",
        "divdropdown admonition",
        "formgenimg-form",
        "divdropdown solution admonition",
    ]
    form = BeautifulSoup(page.read_text(), "html.parser").form
    assert form.has_attr("hidden"), "without a script it could do nothing"
    assert json.loads(form["data-form"]) == NUMBERS[[each.exercise for each in NUMBERS].index("ex-03-three")].data()
    assert form.label["for"] == form.input["id"] and form.find(role="status") is not None
