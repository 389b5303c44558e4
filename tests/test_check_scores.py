import pytest
import torch

from genimg import check, metrics

JUNK = [None, "a string", 3.5, lambda *given: None, lambda *given: "text", lambda *given: 1 / 0]


@pytest.mark.parametrize("junk", JUNK)
def test_junk_is_not_yet_an_answer(junk):
    for verdict in (check.psnr_averages(junk, "mse"), check.way_from_chance(junk), check.psnr_averages(averages, junk)):
        assert not verdict and repr(verdict).startswith("Not yet:")


def averages(errors, peak=255**2, tens=10):
    return tens * torch.log10(peak / errors.mean()), tens * torch.log10(peak / errors).mean()


def test_both_averages_of_the_package_are_right():
    def measured(errors):
        x = errors.sqrt().view(-1, 1, 1, 1)
        return [metrics.psnr(x, torch.zeros_like(x), peak=255, average=average) for average in ("mse", "images")]

    assert check.psnr_averages(averages, "mse") and check.psnr_averages(measured, "mse")


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (lambda errors: averages(errors)[::-1], "Jensen"),
        (lambda errors: (averages(errors)[0],) * 2, "both are the PSNR of the mean error"),
        (lambda errors: (averages(errors)[1],) * 2, "both are means"),
        (lambda errors: averages(errors, tens=20), "amplitudes"),
        (lambda errors: averages(errors, peak=1), "the peak is missing"),
        (lambda errors: averages(errors, peak=255), "squared: 255²"),
        (lambda errors: averages(errors, tens=10 * torch.log(torch.tensor(10.0))), "base 10"),
        (lambda errors: averages(errors, tens=-10), "the sign"),
        (lambda errors: averages(errors.square()), "squared errors already"),
        (lambda errors: (20.0, 30.0), "once of the mean"),
        (lambda errors: 20.0, "2 things"),
    ],
)
def test_typical_averages_are_named(wrong, word):
    verdict = check.psnr_averages(wrong, "mse")
    assert word in verdict.says and not verdict


def test_the_reading_of_the_talk_is_asked_for_as_well():
    assert "would lie above" in check.psnr_averages(averages, "images").says
    assert 'either "mse" or "images"' in check.psnr_averages(averages, True).says


def way(area, positives, negatives):
    chance = positives / (positives + negatives)
    return (area - chance) / (1 - chance)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (lambda area, p, n: (area - 0.5) / 0.5, "AUROC"),
        (lambda area, p, n: way(area, n, p), "not of the negative"),
        (lambda area, p, n: (area - p / n) / (1 - p / n), "ratio to the negatives"),
        (lambda area, p, n: p / (p + n), "that is chance"),
        (lambda area, p, n: area - p / (p + n), "whole way"),
        (lambda area, p, n: area * (p + n) / p, "not a ratio to chance"),
        (lambda area, p, n: area * (p + n) / p - 1, "not a ratio to chance"),
        (lambda area, p, n: 100 * way(area, p, n), "percentage"),
        (lambda area, p, n: max(way(area, p, n), 0), "do not cut it off"),
        (lambda area, p, n: 0.9, "share of the positives"),
    ],
)
def test_typical_ways_are_named(wrong, word):
    assert check.way_from_chance(way)
    assert word in check.way_from_chance(wrong).says and not check.way_from_chance(wrong)
