"""The perceptual test's Python side, and the numbers of its module against those of Python."""

import json
import re

import anywidget
import numpy as np
import pytest
import torch
import traitlets
from javascript import evaluated

from genimg._base.errors import UsageError
from genimg.problems.colorize.answers import read_answers
from genimg.problems.colorize.naturalness import naturalness
from genimg.widgets import PerceptualTest
from genimg.widgets.page import module
from genimg.widgets.perceptual_test import QUESTION
from genimg.widgets.wire import cell_of

MODULE, SHARED = module("perceptual_test"), module()
OWN = set(PerceptualTest.class_trait_names(sync=True)) - set(anywidget.AnyWidget.class_trait_names(sync=True))


def flat(*levels):
    """Pictures of one grey each, by which a test knows them again."""
    return torch.tensor(levels).view(-1, 1, 1, 1).expand(-1, 3, 4, 5) / 127.5 - 1


PICTURES = {"real": flat(10.0, 20.0, 30.0), "ChromaGAN": flat(110.0, 120.0, 130.0), "größer": flat(210.0, 220.0)}
NAMES = {"real": ["dog", "cat", "sea"], "ChromaGAN": ["dog", "cat", "sea"], "größer": ["dog", "tree"]}
MADE = {10 * (10 * m + i + 1): (m, i) for m, n in enumerate((3, 3, 2)) for i in range(n)}


def judge(**options):
    return PerceptualTest(**({"pictures": PICTURES, "names": NAMES, "seed": 3} | options))


def filled(seconds=2.0, **options):
    test = judge(**options)
    test.replies = [(i % 3 > 0, seconds + i) for i in range(8)]
    return test


def sent(test, **state):
    """What the page would send, where its message arrives."""
    test.set_state(state)


def html_of(widget):
    return widget._repr_mimebundle_()[0]["text/html"]


class TestOrder:
    def test_every_picture_once_and_each_with_its_own_answer(self):
        test = filled()
        greys = [int(cell_of(url)[0, 0, 0]) for url in test.pictures]
        assert sorted(greys) == sorted(MADE)
        for grey, answer in zip(greys, test.answers, strict=True):
            m, i = MADE[grey]
            method = list(PICTURES)[m]
            assert (answer.method, answer.image) == (method, NAMES[method][i])

    def test_the_seed_decides(self):
        assert judge().pictures == judge().pictures and judge().key == judge().key
        orders = {tuple(judge(seed=seed).pictures) for seed in range(20)}
        assert len(orders) >= 19  # of 40,320
        first = {PerceptualTest({"a": flat(0.0), "b": flat(9.0)}, seed=seed).pictures[0] for seed in range(20)}
        assert len(first) == 2

    def test_no_method_before_the_end(self):
        test = judge()
        state = json.dumps({name: getattr(test, name) for name in OWN - {"_esm"}}, ensure_ascii=False)
        for text in (state, html_of(test), repr(test)):
            for method in ("real", "ChromaGAN", "größer", "tree"):
                assert not re.search(rf'["\'>]{method}["\'<]', text.replace(MODULE, ""))

    def test_scenes_without_names_are_shared_by_the_methods(self):
        test = PerceptualTest({"a": flat(1.0, 2.0), "b": flat(3.0, 4.0)}, seed=0)
        test.replies = [(True, 1.0)] * 4
        assert sorted(answer[:2] for answer in test.answers) == [
            ("image 1", "a"),
            ("image 1", "b"),
            ("image 2", "a"),
            ("image 2", "b"),
        ]
        named = PerceptualTest({"a": flat(1.0, 2.0), "b": flat(3.0, 4.0)}, names=["x", "y"], seed=0)
        named.replies = test.replies
        assert {answer.image for answer in named.answers} == {"x", "y"}

    def test_arrays_and_bytes_and_grey(self):
        test = PerceptualTest({"real": np.full((1, 1, 4, 4), 7, "uint8")}, seed=0)
        assert cell_of(test.pictures[0])[0, 0].tolist() == [7, 7, 7] and test.size == [4, 4]


class TestReplies:
    def test_what_the_page_sends(self):
        test = judge()
        sent(test, observer=" ann ")
        sent(test, replies=[[True, 2.5]])
        sent(test, replies=[[True, 2.5], [False, 3]])
        assert [(a.natural, a.seconds, a.observer) for a in test.answers] == [(True, 2.5, "ann"), (False, 3.0, "ann")]
        assert repr(test) == "PerceptualTest(8 pictures by 3 methods, 2 answered)"
        sent(test, replies=[[True, 2.5]])  # undo
        assert len(test.answers) == 1

    def test_a_busy_kernel_takes_no_answer_back(self, monkeypatch):
        """If what has arrived were sent back, it would undo the answers given in the meantime."""
        test, back = judge(), []
        monkeypatch.setattr(PerceptualTest, "send_state", lambda self, key=None: back.append(key))
        sent(test, replies=[[True, 2.5]], observer="ann")
        sent(test, replies=[[True, 2.5], [False, 3]])
        assert back == [] and len(test.replies) == 2
        test.replies = []
        assert back == ["replies"]

    @pytest.mark.parametrize(
        "replies",
        [
            [["yes", 2.0]],
            [[True, "2"]],
            [[True, -1.0]],
            [[True, float("nan")]],
            [[True, float("inf")]],
            [[True]],
            [True],
            "yes",
            [[True, 1.0]] * 9,
        ],
    )
    def test_what_no_page_sends_is_refused(self, replies):
        test = judge()
        sent(test, replies=[[False, 1.0]])
        with pytest.raises(traitlets.TraitError):
            sent(test, replies=replies)
        assert test.replies == [(False, 1.0)]

    def test_the_methods_are_shown_to_nobody_who_has_not_finished(self):
        test = judge()
        with pytest.raises(traitlets.TraitError, match="stay hidden"):
            sent(test, opened=True)
        assert not test.opened
        test = filled()
        sent(test, opened=True)
        assert test.opened

    def test_saved_and_merged(self, tmp_path):
        for name in ("ann", "bob"):
            filled(observer=name, seed=len(name)).save(tmp_path / f"{name}.csv")
        rows = read_answers(sorted(tmp_path.glob("*.csv")))
        assert len(rows) == 16 and rows[:8] == filled(observer="ann", seed=3).answers
        assert {row.method: row.answers for row in naturalness(rows)} == {"real": 6, "ChromaGAN": 6, "größer": 4}
        with pytest.raises(UsageError, match="no answers"):
            judge().save(tmp_path / "none.csv")


class TestPage:
    def test_it_is_for_another_reader(self):
        page = html_of(filled(observer="ann"))
        state = json.loads(re.search(r'data-part="state">(.*?)</script>', page)[1])
        assert state["replies"] == [] and state["observer"] == "" and state["opened"] is False
        assert set(state) == {name for name in OWN if not name.startswith("_")}
        assert page == html_of(judge())

    def test_the_fixed_picture_shows_the_question_and_the_first_pictures(self):
        test = judge()
        picture = html_of(test).split("<script")[0]
        assert QUESTION in picture and "the first 5 of 8 pictures" in picture.lower()
        sheet = cell_of(re.search(r'src="([^"]+)"', picture)[1])
        grown = (sheet.shape[1] + 1) // 29
        assert [int(sheet[0, grown * (6 * i), 0]) for i in range(5)] == [
            int(cell_of(url)[0, 0, 0]) for url in test.pictures[:5]
        ]

    def test_the_question_stands_in_one_place(self):
        assert "natural colorization" not in MODULE

    def test_the_module_is_what_jupyter_gets_and_needs_nothing_from_outside(self):
        assert str(judge()._esm) == MODULE
        source = MODULE.removeprefix(SHARED)
        assert not re.search(r"^\s*import\b|\bimport\(|\bfetch\(|https?://", source, re.M)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pictures": {}}, "by the name of their method"),
        ({"pictures": {" ": flat(1.0)}}, "by the name of their method"),
        ({"pictures": {"a": flat(1.0), "b": flat(1.0)[:, :, :2]}}, "all have one size"),
        ({"pictures": {"a": torch.full((1, 3, 4, 4), 7.0)}}, "images must be"),
        ({"names": ["dog", "cat", "sea"]}, "2 different names for 'größer'"),
        ({"names": NAMES | {"real": ["dog", "dog", "sea"]}}, "3 different names for 'real'"),
        ({"names": NAMES | {"grey": ["dog"]}}, "a list for each of real, ChromaGAN, größer"),
        (
            {"pictures": {"a": torch.rand(9, 3, 300, 300, generator=torch.Generator().manual_seed(0))}, "names": None},
            "MB",
        ),
    ],
)
def test_bad_input(options, message):
    with pytest.raises(UsageError, match=message):
        judge(**options)


class TestModule:
    def run(self, expression):
        return evaluated(MODULE, expression)

    def test_results_are_those_of_python(self):
        test = filled()
        got = self.run(f"it.results(it.decoded({json.dumps(test.key)}), {json.dumps(test.replies)})")
        expected = {row.method: row for row in naturalness(test.answers)}
        assert [row["method"] for row in got] == list(PICTURES)  # as given, not as shuffled
        for row in got:
            share, difference = expected[row["method"]].share, expected[row["method"]].difference
            assert (row["n"], row["share"]) == (expected[row["method"]].answers, share.value)
            assert row["interval"] == pytest.approx(share.independent, abs=1e-12)
            if difference is None:
                assert row["method"] == "real" and row["difference"] is None
            else:
                assert row["difference"] == pytest.approx(difference.value)
                assert row["between"] == pytest.approx(difference.independent, abs=1e-12)

    def test_shares_of_zero_and_one(self):
        assert self.run("[it.wilson(0, 7)[0], it.wilson(7, 7)[1]]") == [0, 1]

    def test_without_real_images_nothing_is_compared(self):
        test = PerceptualTest({"a": flat(1.0), "b": flat(2.0)}, seed=0)
        got = self.run(f"it.results(it.decoded({json.dumps(test.key)}), [[true, 1], [false, 1]])")
        assert [row["difference"] for row in got] == [None, None]

    def test_the_file_is_that_of_python_byte_by_byte(self, tmp_path):
        names = ["dog", 'a "red", round ball', "two\nlines"]
        test = PerceptualTest({"real": PICTURES["real"], "größer, w/o": PICTURES["ChromaGAN"]}, names=names, seed=1)
        test.replies, test.observer = [(i % 2 == 0, 1.25 * i + 0.01) for i in range(6)], ' "ann", 7b '
        test.save(tmp_path / "python.csv")
        written = self.run(f"it.csv(it.decoded({json.dumps(test.key)}), {json.dumps(test.replies)}, test_observer)"
                           .replace("test_observer", json.dumps(test.observer)))  # fmt: skip
        assert written.encode() == (tmp_path / "python.csv").read_bytes()
        assert read_answers(tmp_path / "python.csv") == test.answers
