"""The forms of the book, by chapter.

Each names answers for `gi.check`, right ones and typical mistakes; which number is asked for is read off them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from genimg.numerics import metrics, poisson
from genimg.teach.forms.form import Choice, Form, Number

LOG2 = math.log(2)
ROOT = math.sqrt(2 * math.pi)


def _gauss(x: Tensor) -> Tensor:
    return torch.exp(-(x**2) / 2) / ROOT


def _column(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def _spread_data() -> Tensor:
    """Data (1000, 3) with means 1, −2, 1/2 and variances 1/4, 1, 4."""
    x = torch.randn(1000, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x = (x - x.mean(0)) / x.std(0)
    return x * _column(0.5, 1.0, 2.0) + _column(1.0, -2.0, 0.5)


def _fit(sigma: object) -> tuple[Any, ...]:
    """(sigma, ELBO) as functions of data, from a function for sigma alone."""

    def collapsed(x: Tensor) -> tuple[Tensor, Tensor]:
        assert callable(sigma)
        best = x.var(0).mean()
        return sigma(x), -x.shape[1] * (math.log(2 * math.pi) + best.log() + 1) / 2

    return (collapsed,)


PUSHFORWARD = (
    Number(
        "ex-01-quantile", "quantile", "What does your map give at $z = 1$?",
        lambda G: G(_column(1.0)),
        [(lambda z: -torch.special.log_ndtr(-z),), (lambda z: -torch.special.log_ndtr(z),)],
        [(torch.special.ndtr,), (lambda z: torch.special.log_ndtr(-z),), (lambda z: -torch.special.log_ndtr(-z) / 2,)],
    ),
    Number(
        "ex-01-fold", "fold", "What is the density of $G_\\#\\mathbb{P}_Z$ at $x = 3$?",
        lambda density: density(_column(3.0)),
        [(lambda x: torch.where(x > 1, 2 * _gauss(x.clamp(min=1).log()) / x, 0.0),)],
        [
            (lambda x: _gauss(x.log()) / x,),
            (lambda x: 2 * _gauss(x.log()),),
            (lambda x: _gauss(x.log()),),
            (lambda x: 2 * _gauss(x.log()) * x,),
            (lambda x: 2 * _gauss(x) / x,),
        ],
    ),
    Number(
        "ex-01-coordinates", "shell", "What is the variance of $|x|^2$ in dimension $d = 784$?",
        lambda moments: moments(784)[1],
        [(lambda d: (d, 2 * d),)],
        [(lambda d, v=v: (d, v(d)),) for v in
         (lambda d: d, lambda d: 3 * d, lambda d: 2, lambda d: math.sqrt(2 * d), lambda d: 2 * d**2)],
    ),
    Number(
        "ex-01-collapse", "collapse",
        "Data in three dimensions have the means $1, -2, \\frac12$ and the variances $\\frac14, 1, 4$. "
        "What does $\\sigma$ become?",
        lambda collapsed: collapsed(_spread_data())[0],
        [_fit(lambda x: x.var(0).mean().sqrt())],
        [_fit(sigma) for sigma in (
            lambda x: x.std(), lambda x: x.square().mean().sqrt(), lambda x: x.var(0).sum().sqrt(),
            lambda x: x.var(0).mean(), lambda x: x.var(0).sqrt().mean(),
        )],
    ),
    Choice(
        "ex-01-thin", "thin",
        "The latent has one dimension. What is $D_{\\mathrm{KL}}(\\mathbb{P}_{\\text{real}}\\|\\mathbb{P}_G)$, and "
        "which models can still be trained?",
        [
            ("Zero in the limit; all three", (0.0, {"flow": True, "VAE": True, "GAN": True})),
            ("Infinite; a flow and a GAN, but no VAE", (math.inf, {"flow": True, "VAE": False, "GAN": True})),
            ("Infinite; a GAN only", (math.inf, {"flow": False, "VAE": False, "GAN": True})),
            ("Infinite; a VAE and a GAN, but no flow", (math.inf, {"flow": False, "VAE": True, "GAN": True})),
        ],
    ),
)  # fmt: skip


def _logit(square: float, log: float) -> Callable[..., Tensor]:
    """A logit with these factors of its two terms."""

    def logit(x: Tensor, mean1: float, std1: float, mean2: float, std2: float) -> Tensor:
        parts = (((x - mean2) / std2) ** 2 - ((x - mean1) / std1) ** 2) / 2
        return square * parts + log * math.log(std2 / std1)

    return logit


def _value(k: float, m: float, first: float, second: float) -> float:
    return first * math.log(k / (k + m)) + second * math.log(m / (k + m))


GAME = (
    Number(
        "ex-02-gaussians", "gaussian_logit",
        "Real: $N(0, 1)$. Generated: $N(1, 2^2)$. What is the logit of $D^*$ at $x = 1$?",
        lambda logit: logit(_column(1.0), 0.0, 1.0, 1.0, 2.0),
        [(_logit(1, 1),)],
        [
            (_logit(-1, -1),), (_logit(1, 0),), (_logit(1, -1),), (_logit(1, 2),), (_logit(2, 1),),
            (lambda *given: _logit(1, 1)(*given).sigmoid(),), (lambda *given: _logit(1, 1)(*given).exp(),),
        ],
    ),
    Number(
        "ex-02-log4", "no_idea", "What is $V$ when $D$ has no idea?",
        lambda c, value, letter: value,
        [(0.5, -2 * LOG2, "C")],
        [(0.5, value, "C") for value in (-LOG2, 2 * LOG2, LOG2, -2.0, -math.log10(4))],
    ),
    Number(
        "ex-02-log2", "js_of_shift", "What is $\\delta_{\\mathrm{JS}}$ for $s = 1/4$?",
        lambda js: js(0.25),
        [(lambda s: min(abs(s), 1) * LOG2,)],
        [
            (lambda s: s,), (lambda s: 2 * s * LOG2,), (lambda s: s * LOG2 / 2,), (lambda s: (1 - s) * LOG2,),
            (lambda s: 2 * s * LOG2 - 2 * LOG2,),
        ],
    ),
    Choice(
        "ex-02-circling", "invariant", "Which of these stays constant when $G$ moves first?",
        [
            ("$\\theta^2 + \\psi^2$", (lambda t, p, eta: t**2 + p**2,)),
            ("$\\theta^2 + \\psi^2 + \\eta\\,\\theta\\psi$", (lambda t, p, eta: t**2 + p**2 + eta * t * p,)),
            ("$\\theta^2 - \\psi^2$", (lambda t, p, eta: t**2 - p**2,)),
            ("$\\theta^2 + \\psi^2 - \\eta\\,\\theta\\psi$", (lambda t, p, eta: t**2 + p**2 - eta * t * p,)),
        ],
    ),
    Choice(
        "ex-02-saturating", "saturating",
        "To what does the saturating slope tend as $\\theta$ grows, and how many steps of size 1 lead from 8 to 7?",
        [
            ("$\\tfrac{\\theta}{2}\\, e^{-\\theta^2/8}$; about a thousand",
             (lambda t: t / 2 * math.exp(-(t**2) / 8), (1000, 1))),
            ("$\\sqrt{\\pi/2}\\; e^{-\\theta^2/8}$; about a thousand",
             (lambda t: math.sqrt(math.pi / 2) * math.exp(-(t**2) / 8), (1500, 1))),
            ("$e^{-\\theta^2/8}$; about a thousand", (lambda t: math.exp(-(t**2) / 8), (1500, 1))),
            ("$\\sqrt{\\pi/2}\\; e^{-\\theta^2/8}$; about ten",
             (lambda t: math.sqrt(math.pi / 2) * math.exp(-(t**2) / 8), (10, 1))),
        ],
    ),
    Number(
        "ex-02-modes", "lost_modes", "What is $V$ when $G$ covers $k = 3$ of $m = 8$ modes?",
        lambda value, modes: value(3, 8),
        [(lambda k, m: _value(k, m, k / m, 1), 4)],
        [(value, 4) for value in (
            lambda k, m: _value(k, m, 1, 1),
            lambda k, m: _value(k, m, 1, k / m),
            lambda k, m: _value(k, m, k / m, k / m),
            lambda k, m: _value(k, m, k / m, 1) / 2 + LOG2,
            lambda k, m: _value(k, m, k / m, 1) + 2 * LOG2,
            lambda k, m: _value(k, m, k / m, 1) / LOG2,
        )],
    ),
)  # fmt: skip


def _three(w1: float) -> tuple[Any, ...]:
    best = {"delta": 0.75, "supremum": 1.5, "bounded": [1.0, 1.0, -1.0], "lipschitz": [0.0, -1.0, -3.0]}
    return (best | {"W1": w1},)


def _blurred(theta: float, sigma: float) -> float:
    """JS of N(0, sigma²) and N(theta, sigma²), by a sum."""
    from genimg.numerics.divergence import js

    shift = abs(theta) / sigma
    x = torch.linspace(-8, shift + 8, 4001, dtype=torch.float64)
    return float(js(_gauss(x) / _gauss(x).sum(), _gauss(x - shift) / _gauss(x - shift).sum()))


def _near(c: float) -> tuple[list[float], list[float]]:
    return [0.0], [c / 2]


TRANSPORT = (
    Number(
        "ex-03-three", "three_points", "What is $\\mathbb{W}_1$ of the two laws?", lambda answer: answer["W1"],
        [_three(2.0)], [_three(w1) for w1 in (1.25, 4.5, math.sqrt(4.5), 0.75, 1.0)],
    ),
    Number(
        "ex-03-bound", "diameter", "What is the diameter of the grey images of $28\\times28$ pixels in $[-1, 1]$?",
        lambda grey, pair: grey,
        [(56.0, _near)], [(grey, _near) for grey in (28.0, 1568.0, 784.0, 2.0, 28 * math.sqrt(2))],
    ),
    Number(
        "ex-03-kinks", "kinks", "How many positive entries has a vertex at most, for $n = 6$ and $m = 20$?",
        lambda entries, split: entries(6, 20),
        [(lambda n, m: n + m - 1, lambda n, m: n - 1)],
        [(entries, lambda n, m: n - 1) for entries in
         (lambda n, m: n + m, lambda n, m: n * m, lambda n, m: m, lambda n, m: n + m - 2)],
    ),
    Number(
        "ex-03-blur", "blur", "What is $\\delta_{\\mathrm{JS}}$ for $\\theta = 0.5$ and $\\sigma = 0.3$?",
        lambda js, reach: js(0.5, 0.3),
        [(_blurred, 5.63)],
        [(lambda t, s: _blurred(t, s) / LOG2, 5.63), (lambda t, s: 2 * _blurred(t, s), 5.63),
         (lambda t, s: (t / s) ** 2 / 2, 5.63)],
    ),
)  # fmt: skip


def _critic(value: object) -> tuple[object, ...]:
    """Slope and means of two points are right, the value is this one."""
    return (lambda a, lam: 1 + a / (2 * lam), lambda a, lam: a + a**2 / (2 * lam), value)


def _clip(power: int, size: float, root: float = 1.0) -> object:
    """A bound with the power of c and of the sizes changed."""

    def bound(widths: list[int], c: float) -> float:
        sizes = math.prod(math.sqrt(a * b) for a, b in zip(widths, widths[1:], strict=False))
        return float(c ** (len(widths) - 1 + power) * sizes**size * root)

    return bound


PENALTY = (
    Number(
        "ex-04-depth", "clip_bound", "What is the bound for the widths 2, 128, 128, 128, 1 and $c = 0.01$?",
        lambda bound: bound([2, 128, 128, 128, 1], 0.01),
        [(_clip(0, 1),)],
        [(lambda w, c: c * math.prod(math.sqrt(a * b) for a, b in zip(w, w[1:], strict=False)),),
         (_clip(0, 2),), (_clip(1, 1),), (_clip(0, 0),), (_clip(-1, 1),)],
    ),
    Number(
        "ex-04-points", "two_points",
        "For $a = 2$ and $\\lambda = 10$: what is the value of the best critic, with the penalty subtracted?",
        lambda slope, means, value: value(2.0, 10.0),
        [_critic(lambda a, lam: a + a**2 / (4 * lam))],
        [_critic(value) for value in (
            lambda a, lam: a, lambda a, lam: a + a**2 / (2 * lam),
            lambda a, lam: a + a**2 / (2 * lam) - a**2 / (4 * lam**2), lambda a, lam: a + 3 * a**2 / (4 * lam),
        )],
    ),
    Number(
        "ex-04-homogeneous", "multiple",
        "The slopes $N$ are 1 and 2, each half of the time; $m = 2$ and $\\lambda = 10$. Which multiple $s$ is best?",
        lambda best: best(2.0, _column(1.0, 2.0), 10.0),
        [(lambda m, N, lam: (m / (2 * lam) + N.mean()) / N.square().mean(),)],
        [(best,) for best in (
            lambda m, N, lam: (m / lam + N.mean()) / N.square().mean(),
            lambda m, N, lam: (m / (2 * lam) + N.mean()) / N.mean() ** 2,
            lambda m, N, lam: N.mean() / N.square().mean(),
            lambda m, N, lam: (N.mean() - m / (2 * lam)) / N.square().mean(),
            lambda m, N, lam: (m / 2 + N.mean()) / N.square().mean(),
            lambda m, N, lam: (m * lam / 2 + N.mean()) / N.square().mean(),
            lambda m, N, lam: 1 / N.mean(),
        )],
    ),
)  # fmt: skip


def _lopsided(size: object) -> object:
    """A critic with the right sign and this size."""

    def critic(p: Tensor, q: Tensor, lam: float) -> Tensor:
        assert callable(size)
        return (p - q).sign() * size(p, q, (p - q).abs(), lam)

    return critic


def _area(outputs: Tensor, anomalous: Tensor, ties: float = 0.5) -> float:
    low, high = outputs[anomalous == 1][:, None], outputs[anomalous == 0][None]
    return float((low < high).double().mean() + ties * (low == high).double().mean())


def _pairs(outputs: Tensor, anomalous: Tensor) -> int:
    return int((anomalous == 1).sum() * (anomalous == 0).sum())


def _instants(exponent: object, kept: object = lambda times, start: times >= start) -> object:
    def weights(times: Tensor, rate: float, start: float) -> Tensor:
        assert callable(exponent) and callable(kept)
        return torch.softmax(torch.where(kept(times, start), exponent(times, rate), -torch.inf), 0)

    return weights


HISTORY = (
    Number(
        "ex-05-optimal", "optimal_critic", "What is the best critic at a point where $p = 0.1$ and $q = 0.3$?",
        lambda critic: critic(_column(0.1), _column(0.3)),
        [(lambda p, q: (p - q).sign(),)],
        [(lambda p, q: (q - p).sign(),), (lambda p, q: (p > q).double(),),
         (lambda p, q: p / (p + q).clamp_min(1e-9),), (lambda p, q: p - q,)],
    ),
    Number(
        "ex-05-lopsided", "lopsided_critic", "What is it where $p = 0.3$ and $q = 0.2$, for $\\lambda = 1/2$?",
        lambda critic: critic(_column(0.3), _column(0.2), 0.5),
        [(_lopsided(lambda p, q, gap, lam: 1 + gap / (2 * lam * q)),)],
        [(_lopsided(size),) for size in (
            lambda p, q, gap, lam: -1 - gap / (2 * lam * q),
            lambda p, q, gap, lam: 1 + gap / (lam * (p + q)),
            lambda p, q, gap, lam: 1 + gap / (lam * q),
            lambda p, q, gap, lam: 1 + gap / (2 * lam * p),
            lambda p, q, gap, lam: 1 + 0 * gap,
            lambda p, q, gap, lam: gap / (2 * lam * q),
        )],
    ),
    Number(
        "ex-05-auroc", "auroc",
        "Two anomalies have the outputs −1 and 0, three normal images 0, 1 and 2. What is the AUROC?",
        lambda area: area(_column(-1, 0, 0, 1, 2), torch.tensor([1, 1, 0, 0, 0])),
        [(_area,)],
        [(area,) for area in (
            lambda o, a: 1 - _area(o, a), lambda o, a: _area(o, a, 0), lambda o, a: _area(o, a, 1),
            lambda o, a: 1 - _area(o, a, 0), lambda o, a: 1 - _area(o, a, 1), lambda o, a: 100 * _area(o, a),
            lambda o, a: _area(o, a) * _pairs(o, a),
            lambda o, a: ((o < 0) == (a == 1)).double().mean(),
        )],
    ),
    Number(
        "ex-05-trivial", "both_signs",
        "“Too much ink” reaches an AUROC of 0.3 for some digit. What does “too little ink” reach?",
        lambda areas: areas(
            _column(1.5, 2.5, 1, 2, 3, 4, 5).view(-1, 1, 1, 1), torch.tensor([1, 1, 0, 0, 0, 0, 0]), 1
        )[1],
        [(lambda *given: (_ink(*given), 1 - _ink(*given)),)],
        [(lambda *given: (_ink(*given), _ink(*given)),), (lambda *given: (_ink(*given), -_ink(*given)),)],
    ),
    Number(
        "ex-05-rate", "instants",
        "States at steps 10, 20 and 40, `rate` 0.05, `start` 20: what is the weight of the state at 20?",
        lambda weights: weights(_column(10, 20, 40), 0.05, 20)[1],
        [(_instants(lambda t, rate: -rate * t),)],
        [(_instants(lambda t, rate: rate * t),), (_instants(lambda t, rate: -rate * t, lambda t, start: t > 0),),
         (_instants(lambda t, rate: -rate * t, lambda t, start: t > start),),
         (_instants(lambda t, rate: -rate * torch.arange(len(t))),),
         (_instants(lambda t, rate: 0 * t),),
         (lambda t, rate, start: (t >= start) * torch.exp(-rate * t),)],
    ),
)  # fmt: skip


def _ink(images: Tensor, labels: Tensor, digit: int) -> float:
    return metrics.auroc(images.mean((1, 2, 3)), (labels == digit).long(), positive=1)


def _weight(side: float, patch: float) -> object:
    """A weight that goes with these powers of the side and of the stride."""
    return lambda a, b: 0.1 * (a / 224) ** side * (8 / b) ** patch


COLOUR = (
    Number(
        "ex-06-median", "safest_colour",
        "$c_1 = (60, 40)$ with probability 0.6, else $c_2 = (-45, 40)$. What is the first coordinate of the colour?",
        lambda point: point(_column(60, 40), _column(-45, 40), 0.6)[0],
        [(lambda c1, c2, p: c1 if p > 0.5 else c2,)],
        [(lambda c1, c2, p: p * c1 + (1 - p) * c2,), (lambda c1, c2, p: c2 if p > 0.5 else c1,),
         (lambda c1, c2, p: (c1 + c2) / 2,)],
    ),
    Number(
        "ex-06-sample", "price_of_sampling", "By how many decibels is the draw behind?", lambda decibels: decibels,
        [(10 * math.log10(2),)],
        [(wrong,) for wrong in (2.0, 6.02, -3.01, 0.301, 0.693, 1.505, 4.77, 0.0)],
    ),
    Number(
        "ex-06-weight", "adversarial_weight", "Which weight counts as much at a side of 64 and a stride of 16?",
        lambda weight: weight(64, 16),
        [(_weight(1, 2),)],
        [(_weight(*powers),) for powers in
         ((-1, 2), (-1, -2), (2, 2), (1, -2), (1, 1), (1, 0), (0, 2), (0, 0))],
    ),
)  # fmt: skip


def _beside(share: object) -> tuple[object, ...]:
    return (share, lambda r: (r / (2 * r + 1)) ** 2, lambda r: 1 / (2 * r + 1))


def _edited(y: Tensor, g: Tensor, known: Tensor) -> Tensor:
    row = poisson.edit(y.view(1, 1, 1, -1), g.view(1, 1, 1, -1), known.view(1, -1))
    return row.flatten()


def _parts(answers: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The mean of ‖x_k − y‖², ‖x̄ − y‖², the mean of ‖x_k − x̄‖²."""
    mean = answers.mean(0)
    return (
        (answers - y).square().sum(1).mean(),
        (mean - y).square().sum(),
        (answers - mean).square().sum(1).mean(),
    )


FILLING = (
    Number(
        "ex-07-weight", "rim_weights", "What is $W$ right beside the edge ($d = 1$), for a window of side 7 ($r = 3$)?",
        lambda beside, corner, scratch: beside(1, 3),
        [_beside(lambda d, r: max(r + 1 - d, 0) / (2 * r + 1))],
        [_beside(share) for share in (
            lambda d, r: 1 - max(r + 1 - d, 0) / (2 * r + 1), lambda d, r: max(r - d, 0) / (2 * r + 1),
            lambda d, r: max(r + 1 - d, 0), lambda d, r: max(r + 1 - d, 0) * (2 * r + 1),
            lambda d, r: max(r + 1 - d, 0) / (2 * r + 1) ** 2,
        )],
    ),
    Number(
        "ex-07-line", "edited_row",
        "A row has the known ends 1 and 5 and three missing pixels between; the guide is 0, 1.3, 4, 1, 2. What is the "
        "first missing pixel?",
        lambda edit: edit(_column(1, 0, 0, 0, 5), _column(0, 1.3, 4, 1, 2), _column(1, 0, 0, 0, 1))[1],
        [(_edited,)],
        [(lambda y, g, known: torch.where(known == 1, y, g),),
         (lambda y, g, known: torch.where(known == 1, y, _edited(y, g, known) - g),),
         (lambda y, g, known: _edited(y, 0 * g, known),),
         (lambda y, g, known: torch.where(known == 1, y, 2 * g - _edited(y, g, known)),)],
    ),
    Number(
        "ex-07-average", "hedging",
        "One pixel, two answers 1 and 5, the truth 2. What is the third average, that of "
        "$\\|x_k - \\bar x\\|^2$?",
        lambda parts: parts(_column(1, 5).view(2, 1), _column(2))[2],
        [(_parts,)],
        [(lambda answers, y: (*_parts(answers, y)[:2], answers.var(0).sum()),),
         (lambda answers, y: (*_parts(answers, y)[:2], _parts(answers, y)[0]),),
         (lambda answers, y: tuple(
             each.norm(dim=-1).mean()
             for each in (answers - y, answers.mean(0) - y, answers - answers.mean(0))
         ),)],
    ),
)  # fmt: skip


def _db(errors: Tensor) -> Tensor:
    return 10 * torch.log10(255**2 / errors)


def _way(chance: object) -> object:
    def way(area: float, p: float, n: float) -> float:
        assert callable(chance)
        return float((area - chance(p, n)) / (1 - chance(p, n)))

    return way


SCORES = (
    Number(
        "ex-08-psnr", "psnr_averages",
        "Two images have the mean squared errors 100 and 900. What is the PSNR of the mean error, in dB?",
        lambda averages, which: averages(_column(100, 900))[0],
        [(lambda e: (_db(e.mean()), _db(e).mean()), "mse")],
        [(averages, "mse") for averages in (
            lambda e: (_db(e).mean(), _db(e.mean())),
            lambda e: (2 * _db(e.mean()), 2 * _db(e).mean()),
            lambda e: (_db(e.mean()) * math.log(10), _db(e).mean() * math.log(10)),
            lambda e: (_db(e.mean()) - 20 * math.log10(255), _db(e).mean() - 20 * math.log10(255)),
            lambda e: (-_db(e.mean()), -_db(e).mean()),
        )],
    ),
    Number(
        "ex-08-chance", "way_from_chance",
        "1,000 positives, 3,000 negatives, an area of 0.7: which share of the way from chance to 1 is covered?",
        lambda way: way(0.7, 1000, 3000),
        [(_way(lambda p, n: p / (p + n)),)],
        [(_way(lambda p, n: 0.5),), (_way(lambda p, n: n / (p + n)),), (_way(lambda p, n: p / n),),
         (lambda area, p, n: p / (p + n),), (lambda area, p, n: area - p / (p + n),),
         (lambda area, p, n: area / (p / (p + n)),), (lambda area, p, n: area / (p / (p + n)) - 1,)],
    ),
)  # fmt: skip

FORMS: tuple[Form, ...] = (*PUSHFORWARD, *GAME, *TRANSPORT, *PENALTY, *HISTORY, *COLOUR, *FILLING, *SCORES)
"""All forms of the book, in its order."""
