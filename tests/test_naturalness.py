"""The perceptual test in numbers: files of a class, shares with intervals, and how many observers a class needs."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from genimg._base.errors import UsageError
from genimg._base.seeding import rng
from genimg.problems.colorize.answers import Answer, read_answers, write_answers
from genimg.problems.colorize.naturalness import naturalness, newcombe, observers_needed, wilson

HEADER = "image,method,natural,seconds,observer\n"
ROWS = [
    Answer("dog", "real", True, 2.5, "ann"),
    Answer('a "red", round\nball', "without WGAN", False, 0.0, "ann"),
    Answer("größe", "real", True, 31.25, ""),
]


def said(observer, method, yes, no=0):
    return [Answer(f"image {i}", method, i < yes, 1.0, observer) for i in range(yes + no)]


def crowd(observers, images, leniency, generator, shares=(0.8, 0.7)):
    """Answers of observers who differ: logit of the share plus N(0, leniency^2) for each of them."""
    shift = leniency * torch.randn(observers, 1, generator=generator)
    answers = []
    for method, share in zip(("real", "gan"), shares, strict=True):
        p = torch.sigmoid(math.log(share / (1 - share)) + shift).expand(-1, images)
        drawn = torch.rand(observers, images, generator=generator) < p
        answers += [
            Answer(f"{i}", method, bool(drawn[o, i]), 1.0, f"{o}") for o in range(observers) for i in range(images)
        ]
    return answers


class TestFiles:
    def test_what_was_written_is_read(self, tmp_path):
        write_answers(tmp_path / "max.csv", ROWS)
        assert read_answers(tmp_path / "max.csv") == [*ROWS[:2], ROWS[2]._replace(observer="max")]
        assert (tmp_path / "max.csv").read_text("utf-8").startswith(HEADER + "dog,real,yes,2.50,ann\n")
        assert [path.name for path in tmp_path.iterdir()] == ["max.csv"]  # nothing half-written beside it

    def test_a_class_is_merged_in_its_order_whatever_its_editors_did(self, tmp_path):
        (tmp_path / "b.csv").write_bytes(
            (HEADER + "dog,real,yes,2,bob\n\n").encode("utf-8-sig").replace(b"\n", b"\r\n")
        )
        write_answers(tmp_path / "a.csv", ROWS[:1])
        merged = read_answers([tmp_path / "b.csv", str(tmp_path / "a.csv")])
        assert merged == [ROWS[0]._replace(observer="bob", seconds=2.0), ROWS[0]]

    def test_every_problem_is_named_at_once(self, tmp_path):
        (tmp_path / "bad.csv").write_text(
            HEADER + "dog,real,maybe,2,ann\ndog,real,yes,-1,ann\ndog,real,yes,nan,ann\n"
            "dog,real,yes,2\n,real,yes,2,ann\ndog,real,yes,soon,ann\ndog,real,yes,2,ann\n"
        )
        (tmp_path / "again.csv").write_text(HEADER + "dog,real,no,3,ann\ndog,gan,no,3,ann\n")
        (tmp_path / "other.csv").write_text("a;b\n1;2\n")
        (tmp_path / "empty.csv").write_text("")
        (tmp_path / "nothing.csv").write_text(HEADER)
        (tmp_path / "picture.csv").write_bytes(b"\x89PNG\r\n\xff")
        names = "bad again other empty nothing picture absent"
        with pytest.raises(UsageError) as caught:
            read_answers([tmp_path / f"{name}.csv" for name in names.split()])
        first, *lines = str(caught.value).replace(f"{tmp_path}/", "").splitlines()
        assert first == "12 problems in the answers:"
        assert [line.strip() for line in lines] == [
            "bad.csv, line 2: natural must be yes or no, got 'maybe'",
            "bad.csv, line 3: seconds must be a number of at least 0, got '-1'",
            "bad.csv, line 4: seconds must be a number of at least 0, got 'nan'",
            "bad.csv, line 5: 5 cells are needed, got 4",
            "bad.csv, line 6: image and method must not be empty",
            "bad.csv, line 7: seconds must be a number of at least 0, got 'soon'",
            "again.csv, line 2: 'ann' has judged 'dog' by 'real' before (bad.csv, line 8)",
            "other.csv: the first line must be image,method,natural,seconds,observer",
            "empty.csv: the first line must be image,method,natural,seconds,observer",
            "nothing.csv: holds no answers",
            "picture.csv: is no CSV in UTF-8 ('utf-8' codec can't decode byte 0x89 in position 0: invalid start byte)",
            "absent.csv: cannot be read (No such file or directory)",
        ]

    def test_a_file_handed_in_twice(self, tmp_path):
        write_answers(tmp_path / "ann.csv", ROWS[:1])
        with pytest.raises(UsageError, match="1 problem in .*\n.* has judged 'dog' by 'real' before"):
            read_answers([tmp_path / "ann.csv", tmp_path / "ann.csv"])

    def test_a_long_list_of_problems_ends(self, tmp_path):
        (tmp_path / "a.csv").write_text(HEADER + "dog,real,?,1,a\n" * 50)
        with pytest.raises(UsageError, match="50 problems") as caught:
            read_answers(tmp_path / "a.csv")
        assert len(str(caught.value).splitlines()) == 22 and str(caught.value).endswith("and 30 more")

    def test_nothing_to_read_or_to_write(self, tmp_path):
        with pytest.raises(UsageError, match="no files"):
            read_answers([])
        with pytest.raises(UsageError, match="no answers to write"):
            write_answers(tmp_path / "a.csv", [])
        with pytest.raises(UsageError, match="cannot write"):
            write_answers(tmp_path / "absent" / "a.csv", ROWS)


class TestIntervals:
    # Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3.
    @pytest.mark.parametrize(
        ("yes", "answers", "low", "high"),
        [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
    )
    def test_wilson_as_published(self, yes, answers, low, high):
        assert wilson(yes, answers) == pytest.approx((low, high), abs=5e-5)

    # Newcombe 1998, "Interval estimation for the difference between independent proportions", table II, method 10.
    @pytest.mark.parametrize(
        ("counts", "low", "high"),
        [
            ((56, 70, 48, 80), 0.0524, 0.3339),
            ((9, 10, 3, 10), 0.1705, 0.8090),
            ((6, 7, 2, 7), 0.0582, 0.8062),
            ((5, 56, 0, 29), -0.0381, 0.1926),
            ((10, 10, 0, 10), 0.6075, 1.0),
        ],
    )
    def test_newcombe_as_published(self, counts, low, high):
        assert newcombe(*counts) == pytest.approx((low, high), abs=5e-5)

    @given(st.integers(1, 500), st.floats(0, 1), st.sampled_from([0.01, 0.05, 0.3]))
    def test_wilson_by_scipy(self, answers, share, level):
        yes = round(share * answers)
        expected = binomtest(yes, answers).proportion_ci(1 - level, method="wilson")
        assert wilson(yes, answers, level) == pytest.approx((expected.low, expected.high), abs=1e-12)

    @given(st.integers(1, 60), st.integers(1, 60), st.data())
    def test_newcombe_turns_round_with_its_arguments(self, n, m, data):
        yes, other = data.draw(st.integers(0, n)), data.draw(st.integers(0, m))
        one, two = newcombe(yes, n, other, m), newcombe(other, m, yes, n)
        assert one == pytest.approx((-two.high, -two.low), abs=1e-12)
        assert -1 <= one.low <= yes / n - other / m <= one.high <= 1

    @pytest.mark.parametrize(
        ("call", "message"),
        [
            (lambda: wilson(0, 0), "answers must be an integer of at least 1"),
            (lambda: wilson(3, 2), "at most the number of answers"),
            (lambda: wilson(1, 2, level=1), "level must be between 0 and 1"),
            (lambda: naturalness([]), "no answers"),
        ],
    )
    def test_bad_input(self, call, message):
        with pytest.raises(UsageError, match=message):
            call()


class TestNaturalness:
    def test_shares_and_differences(self):
        rows = (
            said("ann", "gan", 6, 4) + said("ann", "real", 9, 1) + said("bob", "gan", 2, 8) + said("bob", "real", 8, 2)
        )
        gan, real = naturalness(rows)
        assert (gan.method, gan.answers, gan.share.value) == ("gan", 20, 0.4)
        assert (real.method, real.answers, real.share.value) == ("real", 20, 0.85)
        assert real.difference is None and gan.difference.value == pytest.approx(-0.45)
        assert gan.share.independent == wilson(8, 20) and gan.difference.independent == newcombe(8, 20, 17, 20)
        for estimate in (gan.share, real.share, gan.difference):
            assert estimate.clustered.low <= estimate.value <= estimate.clustered.high

    def test_one_observer_says_nothing_about_others(self):
        gan, real = naturalness(said("ann", "gan", 6, 4) + said("ann", "real", 9, 1))
        assert gan.share.clustered is None and gan.difference.clustered is None and real.share.clustered is None

    def test_without_real_images_there_is_no_difference(self):
        assert [row.difference for row in naturalness(said("ann", "one", 2) + said("ann", "two", 1, 1))] == [None, None]

    def test_the_same_seed_draws_the_same(self):
        rows = crowd(5, 8, 1.0, rng(0))
        assert naturalness(rows, seed=3) == naturalness(rows, seed=3) != naturalness(rows, seed=4)

    def test_observers_who_do_not_differ_in_their_answers_leave_no_width(self):
        rows = [row for name in "abc" for row in said(name, "real", 5) + said(name, "gan", 0, 5)]
        real, gan = naturalness(rows)
        assert real.share.clustered == (1.0, 1.0) and gan.difference.clustered == (-1.0, -1.0)
        assert real.share.independent.low < 1

    def test_leniency_common_to_two_methods_leaves_their_difference(self):
        """Half the observers always say yes, the others never: shares are uncertain, the difference is not."""
        rows = [row for name in "abcdef" for row in said(name, "real", 4 * (name < "d"), 4 * (name >= "d"))]
        real, gan = naturalness(rows + [row._replace(method="gan") for row in rows])
        assert gan.difference.clustered == (0.0, 0.0)
        assert real.share.clustered.high - real.share.clustered.low > 0.5

    def test_a_method_that_no_draw_may_hold_still_has_an_interval(self):
        rows = said("ann", "real", 3, 1) + said("bob", "real", 2, 2) + said("ann", "gan", 1)
        assert naturalness(rows)[1].share.clustered == (1.0, 1.0)

    def test_where_observers_differ_only_the_clustered_interval_keeps_its_promise(self):
        generator, shifts = rng(0), torch.randn(200_000, generator=rng(1))
        truth = float(torch.sigmoid(math.log(4) + shifts).mean())
        inside = {"independent": 0, "clustered": 0}
        for _ in range(60):
            share = naturalness(crowd(15, 20, 1.0, generator), draws=300)[0].share
            for name in inside:
                interval = getattr(share, name)
                inside[name] += interval.low <= truth <= interval.high
        assert inside["clustered"] >= 55 and inside["independent"] <= 50


class TestPower:
    def test_as_published(self):
        """R's power.prop.test(p1 = .50, p2 = .75, power = .90) gives n = 76.7."""
        assert observers_needed(0.50, 0.75, images=1, power=0.9) == 77

    @given(st.floats(0.02, 0.98), st.floats(0.02, 0.98), st.integers(1, 50), st.floats(0.5, 0.99), st.floats(0, 1))
    def test_what_it_does_not_and_does_depend_on(self, p1, p2, images, power, correlation):
        if abs(p1 - p2) < 0.02:
            return
        n = observers_needed(p1, p2, images, power, correlation=correlation)
        assert n == observers_needed(p2, p1, images, power, correlation=correlation) >= 1
        assert n >= observers_needed(p1, p2, images + 1, power, correlation=correlation)
        assert observers_needed(p1, p2, images, power, correlation=0) <= n
        assert n <= observers_needed(p1, p2, images, power, correlation=1) == observers_needed(p1, p2, 1, power)
        assert n <= observers_needed(p1, p2, images, power, level=0.01, correlation=correlation)

    def test_by_simulation(self):
        """With as many answers as it asks for, the test of two proportions has the power it promised."""
        p1, p2, power = 0.8, 0.65, 0.8
        n = 5 * observers_needed(p1, p2, images=5, power=power)
        draws = torch.rand(2, 4000, n, generator=rng(0))
        share1, share2 = (draws[0] < p1).double().mean(1), (draws[1] < p2).double().mean(1)
        middle = (share1 + share2) / 2
        z = (share1 - share2) / (2 * middle * (1 - middle) / n).sqrt()
        assert float((z.abs() > 1.959964).double().mean()) == pytest.approx(power, abs=0.03)

    def test_correlated_answers_by_simulation(self):
        """Kish's effect: groups of observers whose leniency is beta distributed, one group per method."""
        p1, p2, images, correlation = 0.8, 0.6, 8, 0.25
        n = observers_needed(p1, p2, images, correlation=correlation)
        generator = rng(0)

        def shares(p):
            # An urn of Pólya: each answer follows the observer's earlier ones with the given correlation.
            total = 1 / correlation - 1
            yes = torch.full((3000, n), p * total)
            start = yes.clone()
            for i in range(images):
                yes += torch.rand(3000, n, generator=generator) < yes / (total + i)
            return (yes - start).mean(1) / images

        one, two = shares(p1), shares(p2)
        middle = (one + two) / 2
        variance = 2 * middle * (1 - middle) * (1 + (images - 1) * correlation) / (n * images)
        found = ((one - two).abs() / variance.sqrt() > 1.959964).double().mean()
        assert float(found) == pytest.approx(0.8, abs=0.03)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"p2": 0.5}, "no number of observers"),
            ({"p1": 1.2}, "p1 must be between 0 and 1"),
            ({"images": 0}, "images must be an integer"),
            ({"power": 1.0}, "power must be between"),
            ({"correlation": -0.1}, "correlation must be between"),
        ],
    )
    def test_bad_input(self, options, message):
        with pytest.raises(UsageError, match=message):
            observers_needed(**({"p1": 0.5, "p2": 0.7, "images": 10} | options))
