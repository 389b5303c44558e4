"""How good is an image, a detector, a generator: PSNR, SSIM, colourfulness, areas under curves, precision and recall.

Each number states the convention that papers leave open: the peak and the averaging of a PSNR, the positive class
and the chance level of an AUPRC.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from genimg._base.errors import UsageError, at_least, choice, positive, same_length


def mse(x: Tensor, y: Tensor, where: Tensor | None = None) -> float:
    """Mean squared error, of all pixels or of some; with some, the mean over images of the mean over their pixels.

    Args:
        x, y: images (n, c, h, w) of one shape, any number type.
        where: bool (1, 1, h, w) or (n, 1, h, w), the pixels that count, at least one in each image; None = all.

    Raises:
        UsageError: for different shapes, or an image of which no pixel counts.

    Example:
        >>> x = torch.tensor([[[[3.0, 1.0]]]])
        >>> mse(x, torch.zeros_like(x)), mse(x, torch.zeros_like(x), where=x > 2)
        (5.0, 9.0)
    """
    return float(_squared_errors(x, y, where).mean())


def psnr(x: Tensor, y: Tensor, peak: float, average: str = "images", where: Tensor | None = None) -> float:
    """Peak signal-to-noise ratio in dB, 10 log10(peak^2 / MSE), larger = nearer; infinite for equal images.

    Args:
        x, y: images (n, c, h, w) of one shape, any number type.
        peak: width of the range of values: 1 for [0, 1], 2 for [-1, 1], 255 for bytes.
        average: "images" = mean of the PSNR of each image; "mse" = PSNR of the mean MSE, as the talk's inpainting
            tables do. By Jensen's inequality "images" is never below "mse".
        where: the pixels that count, as for `mse`.

    Raises:
        UsageError: for different shapes, a peak that is not positive, another `average`, or as `mse`.

    Source: the talk, slide "Quantitative results" (its MSE and PSNR columns fit "mse" with peak 255).

    Example:
        Errors of 1/10 everywhere, with peak 1: MSE = 1/100, 20 dB.

        >>> round(psnr(torch.zeros(1, 1, 4, 4), torch.full((1, 1, 4, 4), 0.1), peak=1), 3)
        20.0
    """
    errors = _squared_errors(x, y, where)
    positive(peak, "peak")
    if choice(average, "average", ["images", "mse"]) == "mse":
        errors = errors.mean()
    return float((10 * torch.log10(peak**2 / errors)).mean())


def ssim(x: Tensor, y: Tensor, peak: float, where: Tensor | None = None) -> float:
    """Mean structural similarity, in [-1, 1], 1 for equal images.

    With local means m, variances v and covariance v_xy under a Gaussian window (11 x 11, sigma 1.5), the mean over
    windows inside the image, channels and images of
    (2 m_x m_y + C1)(2 v_xy + C2) / ((m_x^2 + m_y^2 + C1)(v_x + v_y + C2)), C1 = (0.01 peak)^2, C2 = (0.03 peak)^2.

    Args:
        x, y: images (n, c, h, w) of one shape with h, w >= 11, any number type.
        peak: width of the range of values: 1 for [0, 1], 2 for [-1, 1], 255 for bytes.
        where: only windows centred at these pixels count, bool (1, 1, h, w) or (n, 1, h, w); None = all. Images
            without such a window are left out.

    Raises:
        UsageError: for different shapes, images below 11 x 11, a peak that is not positive, or no window at all.

    Source: Wang et al., Image quality assessment: from error visibility to structural similarity, 2004, equation (13),
    per channel, by scikit-image.

    Example:
        Two constants, 0 and 1, have no structure to compare: C1 / (1 + C1) = 1 / 10001.

        >>> round(1 / ssim(torch.zeros(1, 1, 11, 11), torch.ones(1, 1, 11, 11), peak=1))
        10001
    """
    x, y = _image_pair(x, y)
    positive(peak, "peak")
    if min(x.shape[-2:]) < 11:
        raise UsageError(f"ssim needs images of at least 11 x 11 pixels, got {tuple(x.shape)}")
    from skimage.metrics import structural_similarity

    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}  # as in the paper
    border = 5  # half a window
    inside = _where(x, where)[:, 0, border:-border, border:-border].cpu().numpy()
    values = []
    for u, v, counts in zip(x.cpu().numpy(), y.cpu().numpy(), inside, strict=True):
        if counts.any():
            _, local = structural_similarity(u, v, data_range=peak, channel_axis=0, full=True, **options)
            values.append(local[:, border:-border, border:-border][:, counts].mean())
    if not values:
        raise UsageError("ssim: no window inside the images is centred at a pixel that counts")
    return float(sum(values) / len(values))


def chroma_psnr(lab: Tensor, truth: Tensor, average: str = "images") -> float:
    """PSNR of chroma alone, in dB: the MSE is over a and b in CIE units, the peak 255 as for bytes; L does not count.

    A PSNR on RGB is mostly about lightness, which colouring is given. This one says what the colours are worth, but as
    every mean squared error it prefers a cautious brown to a bold guess.

    Args:
        lab: (n, 3, h, w) in CIE units, from `color.rgb_to_lab`.
        truth: of the same shape.
        average: as for `psnr`.

    Raises:
        UsageError: as `psnr`, or for another number of channels.

    Source: this project's; published numbers for chroma differ in their peak and space.

    Example:
        An a off by 2 and b right: MSE = 2, whatever L is.

        >>> lab = torch.tensor([50.0, 2.0, 0.0]).reshape(1, 3, 1, 1)
        >>> round(chroma_psnr(lab, torch.zeros_like(lab)), 2)                         # 20 log10(255) - 10 log10(2)
        45.12
    """
    if lab.ndim != 4 or lab.shape[1] != 3:
        raise UsageError(f"chroma_psnr takes Lab pictures (n, 3, h, w), got {tuple(lab.shape)}")
    return psnr(lab[:, 1:], truth[:, 1:], peak=255, average=average)


def colourfulness(x: Tensor) -> float:
    """How colourful pictures look, the mean over them of M = (s_rg² + s_yb²)^½ + 0.3 (m_rg² + m_yb²)^½; 0 is grey.

    With rg = R − G and yb = (R + G) / 2 − B of bytes, m and s are means and standard deviations over the picture. The
    authors' observers call 15 slightly, 33 moderately and 59 quite colourful.

    Args:
        x: sRGB (n, 3, h, w), float in [0, 1]; bytes are 255 times that.

    Raises:
        UsageError: for other shapes or values.

    Source: Hasler & Süsstrunk, Measuring colourfulness in natural images, 2003, section 7.

    Example:
        All red: rg = 255, yb = 127.5, no spread; 0.3 · 255 · 1.25^½.

        >>> round(colourfulness(torch.tensor([1.0, 0.0, 0.0]).reshape(1, 3, 1, 1).expand(1, 3, 2, 2)), 2)
        85.53
    """
    if x.ndim != 4 or x.shape[1] != 3 or x.numel() == 0 or not (x.min() >= 0 and x.max() <= 1):
        raise UsageError(f"colourfulness takes sRGB (n, 3, h, w) in [0, 1], got {tuple(x.shape)}")
    r, g, b = (255 * x.detach().double()).flatten(2).unbind(1)
    opponents = torch.stack([r - g, (r + g) / 2 - b], dim=1)
    spread = opponents.var(dim=2, correction=0).sum(1).sqrt()
    return float((spread + 0.3 * opponents.mean(2).square().sum(1).sqrt()).mean())


def auprc(scores: Tensor, labels: Tensor, *, positive: int, rule: str = "step") -> float:
    """Area under the precision-recall curve, in [0, 1]; a blind detector reaches `chance(labels, positive=...)`.

    Args:
        scores: (n,), large on the positive class: for an anomaly score and normal = positive, pass `-scores`.
        labels: (n,) integers.
        positive: the label that counts as positive. There is no default, because published numbers for one task use
            either class and their chance levels differ.
        rule: "step" = average precision, sum_k (R_k - R_{k-1}) P_k; "trapezoid" = linear interpolation, which is
            optimistic but used by the authors of Fence-GAN.

    Raises:
        UsageError: for different lengths, NaN scores, or labels without both classes.

    Source: Davis and Goadrich, The relationship between precision-recall and ROC curves, 2006.

    Example:
        Ranking: positive, negative, positive. Precision 1 at recall 1/2, then 2/3 at recall 1.

        >>> round(auprc(torch.tensor([0.9, 0.8, 0.7]), torch.tensor([1, 0, 1]), positive=1), 4)
        0.8333
    """
    from sklearn.metrics import auc, average_precision_score, precision_recall_curve

    is_positive, values = _binary(scores, labels, positive)
    if choice(rule, "rule", ["step", "trapezoid"]) == "trapezoid":
        precision, recall, _ = precision_recall_curve(is_positive.numpy(), values.numpy())
        return float(auc(recall, precision))
    return float(average_precision_score(is_positive.numpy(), values.numpy()))


def auroc(scores: Tensor, labels: Tensor, *, positive: int) -> float:
    """Area under the ROC curve, in [0, 1]: the probability that a positive scores above a negative, ties one half.

    Chance is 1/2 whatever the shares, and exchanging the classes (with the sign of the scores) changes nothing.

    Args:
        scores, labels, positive: as for `auprc`.

    Raises:
        UsageError: as for `auprc`.

    Source: Hanley and McNeil, The meaning and use of the area under a ROC curve, 1982.

    Example:
        >>> auroc(torch.tensor([0.9, 0.8, 0.7]), torch.tensor([1, 0, 1]), positive=1)
        0.5
    """
    from sklearn.metrics import roc_auc_score

    is_positive, values = _binary(scores, labels, positive)
    return float(roc_auc_score(is_positive.numpy(), values.numpy()))


def chance(labels: Tensor, *, positive: int) -> float:
    """The AUPRC of a detector that knows nothing: the share of the positive class, in (0, 1).

    Raises:
        UsageError: for labels without both classes.

    Source: Saito and Rehmsmeier, The precision-recall plot is more informative than the ROC plot …, 2015.

    Example:
        >>> chance(torch.tensor([1, 0, 0, 0]), positive=1)
        0.25
    """
    is_positive, _ = _binary(torch.zeros(len(labels)), labels, positive)
    return float(is_positive.double().mean())


class Coverage(NamedTuple):
    """How many centres have a sample within the radius, and the share of samples within it of some centre."""

    modes: int
    share: float


def mode_coverage(samples: Tensor, centres: Tensor, radius: float) -> Coverage:
    """Mode collapse in two numbers, for a mixture whose centres are known.

    A sample belongs to its nearest centre, and counts when it lies within `radius` of it (3 sigma is usual).

    Args:
        samples, centres: (n, d) and (k, d).
        radius: in units of the samples.

    Returns:
        Coverage(modes, share): centres with at least one sample, 0 to k; samples that count, 0 to 1.

    Raises:
        UsageError: for shapes that do not fit, or a radius that is not positive.

    Source: Srivastava et al., VEEGAN: reducing mode collapse in GANs using implicit variational learning, 2017,
    section 4.1.

    Example:
        >>> mode_coverage(torch.tensor([[0.0, 0.1], [5.0, 5.0]]), torch.tensor([[0.0, 0.0], [1.0, 0.0]]), radius=0.5)
        Coverage(modes=1, share=0.5)
    """
    if samples.ndim != 2 or centres.ndim != 2 or samples.shape[1] != centres.shape[1] or len(samples) == 0:
        raise UsageError(
            f"samples (n, d) and centres (k, d) do not fit: {tuple(samples.shape)}, {tuple(centres.shape)}"
        )
    positive(radius, "radius")
    nearest, mode = torch.cdist(samples.double(), centres.double()).min(dim=1)
    near = nearest <= radius
    return Coverage(len(mode[near].unique()), float(near.double().mean()))


class PrecisionRecall(NamedTuple):
    """Share of generated samples that could be real, and of real samples that could be generated."""

    precision: float
    recall: float


def precision_recall(real: Tensor, fake: Tensor, neighbours: int = 3) -> PrecisionRecall:
    """How much of what is generated is realistic, and how much of what is real is generated, both in [0, 1].

    Each law is stood for by balls around its samples, each as large as the distance to the sample's `neighbours`-th
    nearest neighbour of the same law. Precision is the share of `fake` in the balls of `real`, recall the share of
    `real` in the balls of `fake`. Both are near 1, not at it, for two samples of one law. They depend on the number of
    samples and on the features, so both must be stated with the numbers.

    Args:
        real, fake: features of samples, (n, d) and (m, d), or images, which are flattened.
        neighbours: k, below n and m; 3 in the paper.

    Raises:
        UsageError: for features that do not fit, NaN, or too few samples.

    Source: Kynkäänniemi et al., Improved precision and recall metric for assessing generative models, 2019, equations
    (1) and (2); there with features of VGG-16 and 50,000 samples.

    Example:
        Balls of radius 1 around 0, 1, 2; balls of radius 8 around 1 and 9. Of the latter, 9 is far from all that is
        real; 0, 1 and 2 lie in the ball around 1.

        >>> real, fake = torch.tensor([[0.0], [1.0], [2.0]]), torch.tensor([[1.0], [9.0]])
        >>> precision_recall(real, fake, neighbours=1)
        PrecisionRecall(precision=0.5, recall=1.0)
    """
    real, fake = _features(real, fake)
    if at_least(neighbours, 1, "neighbours") >= min(len(real), len(fake)):
        raise UsageError(f"{neighbours} neighbours need more samples than {len(real)} real and {len(fake)} fake")
    return PrecisionRecall(_covered(fake, real, neighbours), _covered(real, fake, neighbours))


def kid(real: Tensor, fake: Tensor) -> float:
    """Kernel distance of two laws from samples of features: the unbiased squared MMD with k(x, y) = (x · y / d + 1)³.

    0 on average for two samples of one law, and then negative half of the time. Its value depends on the features,
    which must be stated with it; only with those of Inception is it what papers report.

    Args:
        real, fake: features (n, d) and (m, d), n and m at least 2.

    Raises:
        UsageError: for features that do not fit, NaN, or fewer than two samples.

    Source: Bińkowski et al., Demystifying MMD GANs, 2018, section 4.

    Example:
        Kernels of real with itself 8, of fake with itself 1, of the two 1: 8 + 1 - 2 · 1.

        >>> kid(torch.ones(2, 1), torch.zeros(2, 1))
        7.0
    """
    real, fake = _features(real, fake)
    if min(len(real), len(fake)) < 2:
        raise UsageError(f"a kernel distance needs two samples of each law, got {len(real)} and {len(fake)}")
    within = sum(_unbiased(x @ x.T / x.shape[1]) for x in (real, fake))
    return float(within - 2 * ((real @ fake.T / real.shape[1] + 1) ** 3).mean())


def _unbiased(products: Tensor) -> Tensor:
    """Mean kernel of two different samples."""
    kernel, n = (products + 1) ** 3, len(products)
    return (kernel.sum() - kernel.diagonal().sum()) / (n * (n - 1))


def _features(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Both as float64 (n, d) and (m, d) on the CPU."""
    real, fake = (x.detach().cpu().double().flatten(1) for x in (real, fake))
    if real.shape[1] != fake.shape[1] or not (real.isfinite().all() and fake.isfinite().all()):
        raise UsageError(f"features must be finite (n, d) and (m, d), got {tuple(real.shape)} and {tuple(fake.shape)}")
    return real, fake


def _covered(points: Tensor, centres: Tensor, neighbours: int) -> float:
    """Share of the points that lie in a ball of some centre."""
    exact = "donot_use_mm_for_euclid_dist"  # else equal points are not at distance 0
    chunks = centres.split(500)
    radius = [torch.cdist(c, centres, compute_mode=exact).kthvalue(neighbours + 1).values for c in chunks]
    near = torch.zeros(len(points), dtype=torch.bool)
    for c, r in zip(chunks, radius, strict=True):
        near |= (torch.cdist(points, c, compute_mode=exact) <= r).any(dim=1)
    return float(near.double().mean())


def _squared_errors(x: Tensor, y: Tensor, where: Tensor | None) -> Tensor:
    """(n,) mean squared error of each image over the pixels that count."""
    x, y = _image_pair(x, y)
    counts = _where(x, where).to(x)
    return ((x - y).square().mean(dim=1, keepdim=True) * counts).flatten(1).sum(1) / counts.flatten(1).sum(1)


def _where(x: Tensor, where: Tensor | None) -> Tensor:
    """Bool (n, 1, h, w): the pixels that count."""
    n, _, h, w = x.shape
    if where is None:
        return torch.ones(n, 1, h, w, dtype=torch.bool, device=x.device)
    if where.dtype != torch.bool or where.shape not in ((1, 1, h, w), (n, 1, h, w)):
        raise UsageError(f"where must be bool (1, 1, {h}, {w}) or ({n}, 1, {h}, {w}), got {tuple(where.shape)}")
    if not bool(where.flatten(1).any(1).all()):
        raise UsageError("there is an image of which no pixel counts")
    return where.to(x.device).expand(n, 1, h, w)


def _image_pair(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    if x.ndim != 4 or x.shape != y.shape or x.numel() == 0:
        raise UsageError(f"two batches (n, c, h, w) of one shape are needed, got {tuple(x.shape)} and {tuple(y.shape)}")
    return x.detach().double(), y.detach().double()


def _binary(scores: Tensor, labels: Tensor, positive: int) -> tuple[Tensor, Tensor]:
    scores, labels = scores.detach().cpu(), labels.detach().cpu()
    if scores.ndim != 1 or labels.ndim != 1:
        raise UsageError(f"scores and labels must be (n,), got {tuple(scores.shape)} and {tuple(labels.shape)}")
    same_length(scores, labels, "scores and labels")
    if not scores.isfinite().all():
        raise UsageError("scores hold NaN or infinity; did the network diverge?")
    is_positive = labels == positive
    if not is_positive.any() or is_positive.all():
        raise UsageError(f"labels need both classes, got {int(is_positive.sum())} of {len(labels)} equal to {positive}")
    return is_positive, scores
