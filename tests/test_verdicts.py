"""Verdicts: the rule on known numbers, and what the sentences name."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from genimg._base.records import load_all
from genimg.lab.verdicts import SENTENCES, Sentence, effect, judge

BOOK = Path(__file__).parents[1] / "book"


@dataclass
class Known:
    values: list[float]


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ([1.0, 1.1, 0.9], "holds"),
        ([-1.0, -1.1, -0.9], "does not hold"),
        ([1.0, 3.0, 0.1], "leans so"),
        ([-1.0, -3.0, -0.1], "leans against"),
        ([1.0, -1.0, 0.5], "undecided"),
        ([5.0, 5.0], "too few seeds"),
    ],
)
def test_the_rule(values, word):
    verdict = judge(Sentence("", "a", 0.0, ""), {"a": Known(values)})
    assert (verdict.word, verdict.seeds) == (word, len(values))
    mirrored = judge(Sentence("", "a", 0.0, "", larger=False), {"a": Known([-v for v in values])})
    assert mirrored == type(verdict)(mirrored.sentence, word, verdict.effect, verdict.interval, len(values))


def test_the_interval_is_students():
    """1, 2, 3: mean 2, deviation 1, and 4.3027 = t of 2 degrees of freedom at 97.5 %."""
    low, high = judge(Sentence("", "a", 0.0, ""), {"a": Known([1.0, 2.0, 3.0])}).interval
    assert (low, high) == pytest.approx((2 - 4.3027 / 3**0.5, 2 + 4.3027 / 3**0.5), abs=1e-4)


def test_two_records_are_compared_seed_by_seed():
    known = {"a": Known([1.0, 20.0, 300.0]), "b": Known([0.9, 19.9, 299.9])}
    assert judge(Sentence("", "a", "b", ""), known).word == "holds"


def test_what_was_not_run_says_so():
    verdict = judge(Sentence("", "a", "b", ""), {"a": Known([1.0])})
    assert (verdict.word, effect(verdict)) == ("not run", "")


def test_sentences_name_records_and_pages_that_exist():
    records = load_all(BOOK / "records")
    for sentence in SENTENCES:
        assert sentence.record in records and (isinstance(sentence.than, float) or sentence.than in records)
        assert (BOOK / f"{sentence.chapter}.ipynb").is_file()
        if isinstance(sentence.than, str):
            assert records[sentence.record].seeds == records[sentence.than].seeds
    assert len({sentence.says for sentence in SENTENCES}) == len(SENTENCES)
