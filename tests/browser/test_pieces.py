"""Reading a chapter in pieces, answers that wait for a guess, and forms, in a real browser."""

import shutil
from pathlib import Path

import pytest

from genimg.press import pieces
from genimg.teach import forms
from genimg.teach.forms import FORMS, Choice, Number

STATIC = Path(__file__).parents[2] / "book" / "_static"
HEAD = """<!doctype html><html lang="en" data-content_root="../" data-theme="light"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>page</title>
<link rel="stylesheet" href="../_static/genimg.css">
<script src="../_static/reading.js"></script><script src="../_static/pieces.js"></script>
<script src="../_static/forms.js"></script><style>[hidden] { display: none !important }</style></head>
<body><div class="article-header-buttons"></div><article class="bd-article"><section id="top"><h1>Title</h1>"""
PIXEL = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="
CELL = (
    f'<div class="cell"><div class="cell_output"><img alt="a curve" src="{PIXEL}" width="300" height="200"></div></div>'
)
TEXT = "<p>" + "word " * 3200 + "</p>"


@pytest.fixture
def show(watched, tmp_path):
    """Opens a chapter of four sections and exercises, each section as long as a piece."""
    asks = f"<p>Does it bend?</p>{CELL}<p>It bends.</p>"
    parts = [(f"part-{k}", f"Part {k}", TEXT + (asks if k == 2 else "")) for k in range(4)]
    parts.append(("exercises", "Exercises", '<div class="exercise" id="ex-03-three"><p>How far?</p></div>'))
    body = "<p>The goals.</p>" + "".join(
        f'<section id="{id}"><h2>{title}</h2>{text}<div id="end-{id}">The end of {title}.</div></section>'
        for id, title, text in parts
    )

    def open_page(end="", **options):
        (tmp_path / "book").mkdir(exist_ok=True)
        shutil.copytree(STATIC, tmp_path / "_static", dirs_exist_ok=True)
        (tmp_path / "book" / "page.html").write_text(f"{HEAD}{body}</section></article></body></html>", "utf-8")
        forms.fill(tmp_path)
        assert pieces.mark(tmp_path) == {"page": 5}
        page = watched(**({"viewport": {"width": 1000, "height": 800}} | options))
        page.goto((tmp_path / "book" / "page.html").as_uri() + end)
        return page

    return open_page


def seen(page):
    """Which sections can be read."""
    return [k for k in ("part-0", "part-1", "part-2", "part-3", "exercises") if page.locator(f"#end-{k}").is_visible()]


def test_one_piece_at_a_time_with_links_to_all(show):
    page = show()
    assert seen(page) == ["part-0"] and page.get_by_text("The goals.").is_visible()
    contents = page.get_by_role("navigation", name="Pieces of this chapter")
    assert contents.get_by_text("Piece 1 of 5").is_visible() and contents.get_by_role("link").count() == 5
    page.get_by_role("link", name="Next: piece 2 of 5").click()
    assert seen(page) == ["part-1"] and page.url.endswith("#part-1") and not page.get_by_text("The goals.").is_visible()
    assert contents.get_by_text("✓ read").count() == 1
    page.go_back()
    assert seen(page) == ["part-0"]
    contents.get_by_role("link", name="Exercises").click()
    assert seen(page) == ["exercises"] and page.locator("[aria-current=step]").inner_text() == "Exercises"
    page.reload()
    assert seen(page) == ["exercises"]
    contents.get_by_role("listitem").filter(has_text="Exercises").get_by_text("✓ read").wait_for()
    assert page.complaints == page.outside == []


def test_a_link_into_another_piece_opens_it(show):
    assert seen(show("#end-part-3")) == ["part-3"]
    page = show("#nothing-of-that-name")
    assert seen(page) == ["part-0"]
    page.evaluate("location.hash = '#end-part-2'")
    page.locator("#end-part-2").wait_for()
    assert seen(page) == ["part-2"]


def test_the_whole_chapter_is_one_click_away_and_remembered(show):
    page = show()
    page.get_by_role("button", name="Show the whole chapter").click()
    assert len(seen(page)) == 5 and not page.get_by_role("link", name="Next").is_visible()
    page.reload()
    assert len(seen(page)) == 5
    page.get_by_role("button", name="Read in pieces").click()
    assert seen(page) == ["part-0"]


def test_words_of_the_search_open_their_piece(show):
    page = show()
    page.evaluate("document.querySelector('#end-part-2').innerHTML = ''")
    page.evaluate("localStorage.setItem('sphinx_highlight_terms', 'end')")
    # What Sphinx's own script does once the page is there.
    page.add_init_script("""document.addEventListener('DOMContentLoaded', () => {
        document.querySelector('#end-part-3').innerHTML = 'The <span class="highlighted">end</span>';
    })""")
    page.reload()
    page.locator("#end-part-3").wait_for()
    assert seen(page) == ["part-3"]


def test_an_answer_waits_for_a_guess(show):
    page = show("#part-2")
    answer, picture = page.get_by_text("It bends."), page.get_by_role("img", name="a curve")
    assert page.get_by_text("Does it bend?").is_visible()
    assert not answer.is_visible() and not picture.is_visible()
    page.get_by_role("button", name="Show the answer").focus()
    page.keyboard.press("Enter")
    assert answer.is_visible() and picture.is_visible()
    page.reload()
    assert not answer.is_visible()
    page.get_by_role("button", name="Always show answers").click()
    page.reload()
    assert answer.is_visible()
    page.get_by_role("button", name="Guess first").click()
    assert not answer.is_visible()


def test_on_paper_and_without_scripts_all_of_it_is_there(show):
    page = show(java_script_enabled=False)
    assert len(seen(page)) == 5 and page.get_by_text("It bends.").is_visible()
    assert not page.get_by_role("button", name="Right?").is_visible()
    page = show()
    page.emulate_media(media="print")
    assert len(seen(page)) == 5 and page.get_by_text("It bends.").is_visible()
    assert not page.get_by_role("navigation", name="Pieces of this chapter").is_visible()


def test_a_form_says_right_or_why_not(show):
    page = show("#exercises")
    field, said = page.get_by_label("What is", exact=False), page.get_by_role("status")
    for typed, answer in (
        ("", "type a number"), ("2,00", "✓ Right."), ("4/2", "✓ Right."), ("200 %", "✓ Right."),
        ("200,0 %", "✓ Right."), ("+2,0", "✓ Right."),
        ("2,000", "✓ Right."),
        ("1.25", "the points lie at 0, 1, 3"), ("7.5", "none of the usual slips"), ("two", "type a number"),
    ):  # fmt: skip
        field.fill(typed)
        field.press("Enter")
        assert answer in said.inner_text()
    assert page.complaints == page.outside == []


def test_every_form_answers_in_the_page_as_the_check_does(watched, tmp_path):
    (tmp_path / "book").mkdir()
    shutil.copytree(STATIC, tmp_path / "_static")
    body = "".join(f'<div class="exercise" id="{form.exercise}"></div>' for form in FORMS)
    file = tmp_path / "book" / "page.html"
    file.write_text(f"{HEAD}{body}</section></article></body></html>", "utf-8")
    assert forms.fill(tmp_path) == len(FORMS)
    page = watched()
    page.goto(file.as_uri())
    ask = """([name, text]) => {
        const form = document.querySelector(`form:has([name="${name}"]), form:has(#${name})`);
        const field = form.querySelector('input[type=text]') || form.querySelectorAll('input')[text];
        if (field.type === 'radio') field.checked = true; else field.value = text;
        form.requestSubmit();
        return form.querySelector('.genimg-says').textContent;
    }"""
    for form in FORMS:
        if isinstance(form, Number):
            cases = [(f"{form.number(each):.3g}", form.verdict(each)) for each in (*form.right, *form.wrong)]
        else:
            cases = [(k, form.verdict(answer)) for k, (_, answer) in enumerate(form.options)]
        for given, verdict in cases:
            said = page.evaluate(ask, [f"form-{form.exercise}", given])
            assert said.startswith("✓ Right.") == verdict.right
            if isinstance(form, Choice) or verdict.right:
                assert verdict.says in said
            else:  # another mistake may give the same three digits
                same = [form.verdict(each) for each in form.wrong if f"{form.number(each):.3g}" == given]
                assert any(each.says in said for each in same)
    assert page.complaints == []
