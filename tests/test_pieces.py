"""Pieces of a chapter, and what answers a question, marked in a built page."""

import itertools

import pytest
from bs4 import BeautifulSoup

from genimg.press import pieces

PICTURE = '<div class="cell"><div class="cell_output"><figure><img src="a.png"></figure></div></div>'
TEXT = "<p>" + "word " * 3200 + "</p>"


def section(title, body):
    return f'<section id="{title.lower()}"><h2><span class="section-number">1.1. </span>{title}</h2>{body}</section>'


def marked(tmp_path, body):
    (tmp_path / "book").mkdir(exist_ok=True)
    file = tmp_path / "book" / "page.html"
    head = '<html><body><article class="bd-article"><section id="top"><h1>1. Chapter</h1>'
    file.write_text(f"{head}{body}</section></article></body></html>")
    return pieces.mark(tmp_path), BeautifulSoup(file.read_text(), "html.parser")


@pytest.mark.parametrize("sizes", [[3.0] * 9, [1, 9, 1, 1, 9, 1], [20, 1], [0.5, 0.5], [4, 4, 8, 2, 2, 2, 2]])
def test_no_other_cut_into_as_many_pieces_is_more_even(sizes):
    found = pieces.cut(sizes, 8)
    assert found[0] == 0 and all(b - a in (0, 1) for a, b in itertools.pairwise(found))
    count = found[-1] + 1

    def uneven(cut):
        sums = [sum(size for size, piece in zip(sizes, cut, strict=True) if piece == k) for k in range(count)]
        return sum((each - sum(sizes) / count) ** 2 for each in sums)

    others = [
        [sum(k >= end for end in ends) for k in range(len(sizes))]
        for ends in itertools.combinations(range(1, len(sizes)), count - 1)
    ]
    assert uneven(found) == pytest.approx(min(map(uneven, others)))


def test_every_part_of_a_chapter_is_in_one_piece_and_the_exercises_in_the_last(tmp_path):
    long = [section(name, TEXT) for name in ("One", "Two", "Three", "Four")]
    body = f"<p>Goals.</p>{PICTURE}" + "".join(long) + section("Summary", "<p>So.</p>") + section("Exercises", TEXT)
    counts, page = marked(tmp_path, body)
    chapter = page.find("section", id="top")
    parts = [tag for tag in chapter.find_all(True, recursive=False) if tag.name != "h1"]
    numbers = [int(tag["data-piece"]) for tag in parts]
    assert numbers == sorted(numbers) and set(numbers) == set(range(counts["page"]))
    assert len(chapter["data-pieces"].split()) == counts["page"] >= 3
    by_id = {tag.get("id"): int(tag["data-piece"]) for tag in parts}
    assert by_id["summary"] == by_id["exercises"] == counts["page"] - 1 > by_id["four"]
    assert not chapter.h1.has_attr("data-piece"), "the title is there in every piece"


def test_a_page_without_cells_stays_as_it_is(tmp_path):
    body = section("One", TEXT) + section("Two", TEXT)
    counts, page = marked(tmp_path, body)
    assert counts == {} and page.find(attrs={"data-piece": True}) is None


def test_a_longer_text_is_higher(tmp_path):
    short, long = (BeautifulSoup(f"<section>{'<p>word</p>' * n}</section>", "html.parser").section for n in (9, 90))
    assert 0 < pieces.screens(short) < pieces.screens(long) / 5
    folded = BeautifulSoup(f'<section><details class="hide"><pre>{"x" * 9999}</pre></details></section>', "html.parser")
    assert pieces.screens(folded.section) == 0


def test_the_answer_to_a_question_is_its_figure_and_the_reading(tmp_path):
    reading = '<p class="genimg-provenance">Data.</p><p id="reading">It bends.</p>'
    after = '<div class="proof">A theorem.</div><p id="after">More.</p>'
    body = section("One", f"<p>Does it bend?</p>{PICTURE}{reading}{after}") + section("Two", "<p>Done.</p>")
    _, page = marked(tmp_path, body)
    question = page.find(attrs={"data-asks": True})
    assert question.text == "Does it bend?"
    answers = page.find_all(attrs={"data-answers": question["data-asks"]})
    assert [tag.get("id") or tag["class"][0] for tag in answers] == ["cell", "genimg-provenance", "reading"]


@pytest.mark.parametrize(
    "body",
    [
        f"<p>A statement.</p>{PICTURE}",
        "<p>Does it bend?</p><p>Text first.</p>" + PICTURE,
        '<p>Does it bend?</p><div class="cell"><div class="cell_output"><div class="genimg-widget"></div></div></div>',
        '<p>Does it bend?</p><div class="cell"><div class="cell_input">x = 1</div></div>',
    ],
)
def test_what_asks_nothing_or_is_played_with_waits_for_no_guess(tmp_path, body):
    _, page = marked(tmp_path, section("One", body) + section("Two", "<p>Done.</p>"))
    assert page.find(attrs={"data-asks": True}) is None and page.find(attrs={"data-answers": True}) is None


def test_the_next_question_is_no_part_of_the_answer(tmp_path):
    question = "<p><strong>Question.</strong> Where?</p>"
    body = section("One", f"{question}{PICTURE}<p>There.</p>{question}{PICTURE}") + section("Two", "<p>Done.</p>")
    _, page = marked(tmp_path, body)
    assert [len(page.find_all(attrs={"data-answers": k})) for k in "12"] == [2, 1]


def test_a_long_chapter_has_pieces_and_answers(tmp_path):
    body = section("One", TEXT + f"<p>Where?</p>{PICTURE}") + section("Two", TEXT) + section("Summary", "<p>So.</p>")
    counts, page = marked(tmp_path, body)
    assert counts == {"page": 3} and len(page.find_all(attrs={"data-asks": True})) == 1
