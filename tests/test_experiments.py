"""Experiments at profile quick: they run, report what they say, and depend on nothing but their seeds."""

import pytest
import torch

from genimg.checks import UsageError
from genimg.experiments import EXPERIMENTS

CPU = torch.device("cpu")


def test_theory_finds_its_identities(tmp_path):
    seen = []
    records = EXPERIMENTS["theory"].run("quick", [0, 1], CPU, tmp_path, progress=lambda *a: seen.append(a))
    assert max(records["theory-js-identity"].values) < 1e-12
    assert max(records["theory-w1-duality"].values) < 1e-9
    assert records["theory-tv-factor"].values == pytest.approx([2.0, 2.0])
    assert all(2.0 < v < 2.4 for v in records["theory-gp-bias"].values)  # theory: 2.21, few steps here
    assert seen[-1][1] == seen[-1][2]


def test_modes_reports_all_methods_and_repeats_itself(tmp_path):
    a = EXPERIMENTS["modes"].run("quick", [0], CPU, tmp_path)
    b = EXPERIMENTS["modes"].run("quick", [0], CPU, tmp_path)
    assert {k: r.values for k, r in a.items()} == {k: r.values for k, r in b.items()}
    assert len(a) == 12 and all(0 <= r.mean <= 25 for r in a.values())


def test_digits_trains_measures_and_resumes(tmp_path):
    first = EXPERIMENTS["digits"].run("quick", [0], CPU, tmp_path)
    again = EXPERIMENTS["digits"].run("quick", [0], CPU, tmp_path, resume=True)  # finished: only measured again
    assert first["digits-sliced-w1"].values == again["digits-sliced-w1"].values
    assert first["digits-sliced-w1"].mean > 3 * first["digits-sliced-w1-floor"].mean  # 40 steps learn little
    assert first["digits-sliced-w1"].weights is not None
    assert (tmp_path / "digits" / "quick-0" / "digits.safetensors").exists()


def test_bad_requests_are_one_line():
    with pytest.raises(UsageError, match="did you mean 'quick'"):
        EXPERIMENTS["theory"].run("quik", [0], CPU, None)
    with pytest.raises(UsageError, match="at least one seed"):
        EXPERIMENTS["theory"].run("quick", [], CPU, None)
