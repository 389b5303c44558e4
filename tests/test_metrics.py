import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from genimg._base.errors import UsageError
from genimg.numerics.metrics import (
    auprc,
    auroc,
    chance,
    chroma_psnr,
    colourfulness,
    kid,
    mode_coverage,
    mse,
    precision_recall,
    psnr,
    ssim,
)


@st.composite
def scored(draw):
    n = draw(st.integers(2, 20))
    labels = draw(st.lists(st.integers(0, 1), min_size=n, max_size=n).filter(lambda s: 0 < sum(s) < n))
    scores = draw(st.lists(st.integers(0, 6), min_size=n, max_size=n))  # ties on purpose
    return torch.tensor(scores, dtype=torch.float32), torch.tensor(labels)


def noisy(scale, seed=0, n=3, c=3, size=24):
    rng = torch.Generator().manual_seed(seed)
    x = torch.rand(n, c, size, size, generator=rng)
    return x, (x + scale * torch.randn(x.shape, generator=rng)).clamp(0, 1)


def test_psnr_by_hand():
    x = torch.zeros(2, 1, 2, 2)
    y = torch.tensor([1.0, 10.0])[:, None, None, None].expand(2, 1, 2, 2)  # MSE 1 and 100, mean 50.5
    assert psnr(x, y, peak=255, average="images") == pytest.approx(20 * math.log10(255) - 10)
    assert psnr(x, y, peak=255, average="mse") == pytest.approx(20 * math.log10(255) - 10 * math.log10(50.5))
    assert psnr(x, x, peak=1) == math.inf


def test_psnr_of_the_talk_follows_from_its_mean_squared_error():
    """Slide "Quantitative results": MSE 872.8672 on the 0-255 scale is reported as 18.7213 dB."""
    y = torch.full((1, 1, 8, 8), math.sqrt(872.8672), dtype=torch.float64)
    assert psnr(torch.zeros_like(y), y, peak=255, average="mse") == pytest.approx(18.7213, abs=1e-4)


def test_the_peak_undoes_the_scale():
    x, y = noisy(0.1)
    assert psnr(2 * x - 1, 2 * y - 1, peak=2) == pytest.approx(psnr(x, y, peak=1), abs=1e-5)
    assert ssim(255 * x, 255 * y, peak=255) == pytest.approx(ssim(x, y, peak=1), abs=1e-5)


@pytest.mark.parametrize("scale", [0.02, 0.1, 0.4])
def test_scikit_image_agrees(scale):
    from skimage.metrics import peak_signal_noise_ratio

    x, y = noisy(scale)
    theirs = [peak_signal_noise_ratio(u.numpy(), v.numpy(), data_range=1) for u, v in zip(x, y, strict=True)]
    assert psnr(x, y, peak=1) == pytest.approx(np.mean(theirs), abs=1e-4)
    assert psnr(x, y, peak=1, average="images") >= psnr(x, y, peak=1, average="mse")


def test_ssim_of_one_window_is_its_formula():
    """An 11 x 11 image has one window inside; equation (13) of the paper with its Gaussian weights, by hand."""
    x, y = (u[:, :1, :11, :11].double() for u in noisy(0.2, n=1))
    axis = torch.exp(-(torch.arange(-5.0, 6.0, dtype=torch.float64) ** 2) / (2 * 1.5**2))
    w = torch.outer(axis, axis) / axis.sum() ** 2
    mx, my = (w * x).sum(), (w * y).sum()
    vx, vy, vxy = (w * x * x).sum() - mx**2, (w * y * y).sum() - my**2, (w * x * y).sum() - mx * my
    expected = (2 * mx * my + 1e-4) * (2 * vxy + 9e-4) / ((mx**2 + my**2 + 1e-4) * (vx + vy + 9e-4))
    assert ssim(x, y, peak=1) == pytest.approx(float(expected), abs=1e-6)


def test_ssim_of_equal_images_is_one_and_of_negatives_negative():
    x, _ = noisy(0.0)
    assert ssim(x, x, peak=1) == pytest.approx(1)
    assert ssim(x, 1 - x, peak=1) < 0


def test_chroma_psnr_is_blind_to_lightness_and_averages_over_images():
    lab, truth = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0)), torch.zeros(2, 3, 4, 4)
    lab[0, 1:], lab[1, 1:] = 1.0, 10.0  # MSE 1 and 100
    assert chroma_psnr(lab, truth) == pytest.approx(20 * math.log10(255) - 10)
    assert chroma_psnr(lab, truth, average="mse") == pytest.approx(20 * math.log10(255) - 10 * math.log10(50.5))
    with pytest.raises(UsageError, match="takes Lab pictures"):
        chroma_psnr(lab[:, 1:], truth[:, 1:])


def test_colourfulness_is_its_formula_in_numpy_and_zero_on_grey():
    x, _ = noisy(0.0)
    values = []
    for r, g, b in 255 * x.double().numpy():
        rg, yb = r - g, (r + g) / 2 - b
        values.append(np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean()))
    assert colourfulness(x) == pytest.approx(np.mean(values))
    assert colourfulness(x[:, :1].expand(-1, 3, -1, -1)) == 0
    with pytest.raises(UsageError, match=r"in \[0, 1\]"):
        colourfulness(2 * x - 1)


def test_vivid_photographs_are_more_colourful_than_faded_ones():
    x, _ = noisy(0.0)
    faded = 0.5 * x + 0.5 * x.mean(1, keepdim=True)
    assert colourfulness(faded) == pytest.approx(colourfulness(x) / 2)


@given(scored())
def test_auprc_is_the_mean_precision_over_the_thresholds(case):
    scores, labels = case
    area, recall_before = 0.0, 0.0
    for threshold in sorted(set(scores.tolist()), reverse=True):
        called = scores >= threshold
        recall = float(labels[called].sum() / labels.sum())
        area += (recall - recall_before) * float(labels[called].double().mean())
        recall_before = recall
    assert auprc(scores, labels, positive=1) == pytest.approx(area, abs=1e-6)


@given(scored())
def test_auroc_is_the_share_of_ordered_pairs(case):
    scores, labels = case
    difference = scores[labels == 1][:, None] - scores[labels == 0][None, :]
    expected = float((difference > 0).double().mean() + (difference == 0).double().mean() / 2)
    assert auroc(scores, labels, positive=1) == pytest.approx(expected)
    assert auroc(-scores, labels, positive=0) == pytest.approx(expected)  # exchanging the classes changes nothing


def test_the_positive_class_decides_auprc_and_its_chance_level():
    scores, labels = torch.tensor([0.9, 0.4, 0.6, 0.1]), torch.tensor([7, 7, 3, 7])
    assert auprc(scores, labels, positive=7) == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)
    assert auprc(-scores, labels, positive=3) == pytest.approx(1 / 3)
    assert (chance(labels, positive=7), chance(labels, positive=3)) == (0.75, 0.25)
    with pytest.raises(TypeError, match="positive"):
        auprc(scores, labels)


@pytest.mark.parametrize("share", [0.1, 0.9])
def test_a_blind_detector_reaches_the_chance_level(share):
    rng = torch.Generator().manual_seed(0)
    labels = (torch.rand(20_000, generator=rng) < share).long()
    assert auprc(torch.rand(20_000, generator=rng), labels, positive=1) == pytest.approx(share, abs=0.02)
    assert auprc(torch.zeros(20_000), labels, positive=1) == chance(labels, positive=1)


def test_the_trapezoid_of_fence_gan():
    scores, labels = torch.tensor([0.9, 0.8, 0.7]), torch.tensor([1, 0, 1])
    # points (recall, precision): (0, 1) (1/2, 1) (1/2, 1/2) (1, 2/3)
    assert auprc(scores, labels, positive=1, rule="trapezoid") == pytest.approx(1 / 2 + (1 / 2 + 2 / 3) / 4)


def test_mode_coverage():
    centres = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])
    samples = torch.tensor([[0.1, 0.0], [0.0, -0.2], [4.0, 0.3], [2.0, 2.0]])
    assert mode_coverage(samples, centres, 0.35) == (2, 0.75)
    assert mode_coverage(samples, centres, 0.05) == (0, 0.0)
    assert mode_coverage(samples, centres, 10.0).share == 1.0
    assert mode_coverage(centres, centres, 0.01) == (3, 1.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: psnr(x, x[:1], peak=1), "of one shape"),
        (lambda x: psnr(x, x, peak=0), "peak must be"),
        (lambda x: psnr(x, x, peak=1, average="image"), "did you mean 'images'"),
        (lambda x: ssim(x[..., :8, :8], x[..., :8, :8], peak=1), "at least 11 x 11"),
        (lambda x: auprc(torch.zeros(3), torch.zeros(4), positive=1), "same length"),
        (lambda x: auprc(torch.zeros(3), torch.zeros(3), positive=1), "both classes, got 0 of 3"),
        (lambda x: auroc(torch.tensor([math.nan, 0.0]), torch.tensor([0, 1]), positive=1), "diverge"),
        (lambda x: mode_coverage(torch.zeros(3, 2), torch.zeros(3, 3), 1.0), "do not fit"),
    ],
)
def test_bad_input_is_one_clear_line(call, message):
    with pytest.raises(UsageError, match=message):
        call(noisy(0.1)[0])


def test_errors_of_a_region_are_those_of_its_crop():
    x, y = noisy(0.2)
    where = torch.zeros(1, 1, 24, 24, dtype=torch.bool)
    where[..., 4:12, 6:20] = True
    crops = [u[..., 4:12, 6:20] for u in (x, y)]
    assert mse(x, y, where) == pytest.approx(mse(*crops))
    for average in ("images", "mse"):
        assert psnr(x, y, 1, average, where) == pytest.approx(psnr(*crops, 1, average))
    every = torch.ones_like(where)
    assert ssim(x, y, 1, every) == ssim(x, y, 1) and mse(x, y, every) == pytest.approx(mse(x, y))


def test_an_error_elsewhere_does_not_count():
    x, y = noisy(0.2)
    where = torch.zeros(3, 1, 24, 24, dtype=torch.bool)
    where[..., :12] = True
    y[..., :18] = x[..., :18]  # windows centred left of column 12 reach to column 16
    assert mse(x, y, where) == 0 and ssim(x, y, 1, where) == pytest.approx(1) and ssim(x, y, 1) < 0.999
    with pytest.raises(UsageError, match="no pixel counts"):
        mse(x, y, torch.zeros_like(where))
    with pytest.raises(UsageError, match="where must be bool"):
        psnr(x, y, 1, where=where.float())
    border = torch.zeros_like(where)
    border[..., 0] = True
    with pytest.raises(UsageError, match="no window"):
        ssim(x, y, 1, border)


def test_precision_and_recall_have_known_answers():
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(200, 4, generator=rng)
    assert precision_recall(x, x) == (1, 1)
    assert precision_recall(x, x + 100) == (0, 0)
    both = torch.cat([x, x + 100])
    assert precision_recall(both, x) == (1, 0.5)  # half of the law is never generated: a matter of recall
    assert precision_recall(x, both) == (0.5, 1)  # half of what is generated is never real: of precision
    other = torch.randn(200, 4, generator=rng)
    assert min(precision_recall(x, other)) > 0.6


def test_precision_and_recall_refuse_what_they_cannot_compare():
    x = torch.zeros(4, 2)
    for bad in (torch.zeros(4, 3), torch.full((4, 2), math.nan)):
        with pytest.raises(UsageError, match="finite"):
            precision_recall(x, bad)
    with pytest.raises(UsageError, match="3 neighbours need more samples"):
        precision_recall(x, x[:3])


def test_the_kernel_distance_has_known_answers():
    rng = torch.Generator().manual_seed(0)
    x, y = torch.randn(7, 5, generator=rng), torch.randn(4, 5, generator=rng) + 1

    def mean_kernel(a, b):
        """Over all pairs of different rows, one by one."""
        pairs = [(float(p @ q) / 5 + 1) ** 3 for i, p in enumerate(a) for j, q in enumerate(b) if a is not b or i != j]
        return sum(pairs) / len(pairs)

    expected = mean_kernel(x, x) + mean_kernel(y, y) - 2 * mean_kernel(x, y)
    assert kid(x, y) == pytest.approx(expected) == pytest.approx(kid(y, x))
    same = [kid(*torch.randn(2, 40, 5, generator=rng)) for _ in range(200)]
    assert abs(sum(same) / 200) < 0.05 and 60 < sum(value < 0 for value in same) < 160  # unbiased
    with pytest.raises(UsageError, match="finite"):
        kid(x, y[:, :3])
    with pytest.raises(UsageError, match="two samples"):
        kid(x, y[:1])
