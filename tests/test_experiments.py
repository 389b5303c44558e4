"""Experiments at profile quick: they run, report what they say, and depend on nothing but their seeds."""

import dataclasses

import pytest
import torch

from genimg.checks import UsageError
from genimg.experiments import EXPERIMENTS, history_ad

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


def test_history_ad_reports_every_method_in_both_protocols(tmp_path):
    records = EXPERIMENTS["history-ad"].run("quick", [0], CPU, tmp_path)
    assert len(records) == 2 * (6 + 6) * 3
    knn = records["history-mnist-fence-knn-auroc"]
    assert len(knn.config["per_digit"][0]) == 2 and knn.config["chance"] == 0.5
    assert knn.config["per_digit"][0][0] > 0.8  # five neighbours among 500 digits already find the zeros
    a, b = (records[f"history-mnist-fence-knn-auprc-{k}"].config["chance"] for k in ("anomalous", "normal"))
    assert a + b == pytest.approx(1, abs=1e-3)
    assert "not blind" in records["history-mnist-egbad-neighbours-auroc"].deviations[-1]
    forest = records["history-mnist-fence-pyod_iforest-auroc"]
    assert forest.config["pyod"] and "One training serves both splits" in " ".join(forest.deviations)


def test_history_ad_resumes_from_what_each_digit_left_and_a_last_run_only_reads(tmp_path, monkeypatch):
    """Two processes, one per seed, the second one interrupted; the records are those of a run never interrupted."""
    done = []

    def measure(x, labels, seed, digit, group, profile, device, weights):
        if (seed, digit) in done:
            raise KeyboardInterrupt
        done.append((seed, digit))
        found = {"auroc": 0.1 * seed + 0.3 / (digit + 1)}
        found |= {f"{kind}_{name}": 0.5 for kind in ("auprc", "chance") for name in ("anomalous", "normal")}
        return {protocol: dict.fromkeys(history_ad.METHODS, found) for protocol in group}

    monkeypatch.setattr(history_ad, "measure", measure)
    run = EXPERIMENTS["history-ad"].run
    whole = run("quick", [0, 1], CPU, tmp_path / "whole")
    done[:] = [(1, 1)]
    run("quick", [0], CPU, tmp_path / "parts")
    with pytest.raises(KeyboardInterrupt):
        run("quick", [1], CPU, tmp_path / "parts")
    assert done == [(1, 1), (0, 0), (0, 1), (1, 0)]
    del done[0]
    collected = run("quick", [0, 1], CPU, tmp_path / "parts", resume=True)
    assert done == [(0, 0), (0, 1), (1, 0), (1, 1)]
    plain = [{k: dataclasses.replace(r, seconds=0.0) for k, r in records.items()} for records in (whole, collected)]
    assert plain[0] == plain[1]
    assert collected == run("quick", [0, 1], CPU, tmp_path / "parts", resume=True)  # reads, `measure` would stop it
    monkeypatch.setitem(history_ad.SIZES["quick"], "negatives", 201)
    with pytest.raises(UsageError, match="other constants"):
        run("quick", [0, 1], CPU, tmp_path / "parts", resume=True)
    done.clear()
    run("quick", [0, 1], CPU, tmp_path / "parts")  # not resumed: from the beginning
    assert len(done) == 4


def test_bad_requests_are_one_line():
    with pytest.raises(UsageError, match="did you mean 'quick'"):
        EXPERIMENTS["theory"].run("quik", [0], CPU, None)
    with pytest.raises(UsageError, match="at least one seed"):
        EXPERIMENTS["theory"].run("quick", [], CPU, None)
