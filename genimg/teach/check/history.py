"""Checks of the exercises of chapter 05: critics between two laws, areas, and the weights of the past."""

from __future__ import annotations

import torch
from torch import Tensor

from genimg._base.seeding import rng
from genimg.numerics import metrics
from genimg.teach.check.asking import NotYet, call, compare, judged, numbers, several
from genimg.teach.check.verdict import Verdict

# Two laws on seven points. On the last but one both vanish, and on the fifth they are equal.
P = torch.tensor([0.3, 0.2, 0.1, 0.0, 0.3, 0.0, 0.1], dtype=torch.float64)
Q = torch.tensor([0.1, 0.1, 0.3, 0.2, 0.3, 0.0, 0.0], dtype=torch.float64)


@judged
def optimal_critic(critic: object) -> Verdict:
    """Exercise ex-05-optimal: the maximiser of E_p[D] − E_q[D] over −1 ≤ D ≤ 1.

    Args:
        critic: `critic(p, q)`, densities (n,) to values of D (n,).

    Example:
        >>> optimal_critic(lambda p, q: (p - q).sign()).right
        True
        >>> optimal_critic(lambda p, q: (q - p).sign())
        Not yet: the sign is the other way round: D is large on real, that is where p > q
    """
    D = numbers(call(critic, P, Q), (len(P),), "D", nan=True)
    open_ends, decided = D[P == Q], P != Q
    if bool(D[decided].isnan().any()):
        raise NotYet("D is NaN at a point where p and q differ")
    if bool(open_ends.isnan().any()):
        raise NotYet("D is NaN where p = q: there every value in [-1, 1] is as good as any other, so give one of them")
    right = (P - Q).sign()
    if bool((D.abs() > 1 + 1e-6).any()):
        raise NotYet("D leaves [-1, 1]: that may be the optimum under a soft bound; here the bound is hard")
    compare(
        D[decided],
        right[decided],
        [
            (-right[decided], "the sign is the other way round: D is large on real, that is where p > q"),
            ((right > 0)[decided], "0 is not the lowest value allowed: where q > p a lower one gives more"),
            (
                (P / (P + Q))[decided],
                "p / (p + q) is the best discriminator of the vanilla GAN; this objective is linear",
            ),
            ((P - Q)[decided], "p − q has the right sign, but a linear function is largest at an end of the interval"),
        ],
        "take one point x: which number D(x) in [-1, 1] makes (p(x) − q(x)) D(x) largest?",
    )
    return Verdict(True, "Where p = q nothing decides, and so it is off both supports.")


@judged
def lopsided_critic(critic: object) -> Verdict:
    """Exercise ex-05-lopsided: the maximiser of E_p[D] − E_q[D] − lam E_q[d(D, [-1, 1])²].

    Args:
        critic: `critic(p, q, lam)`, densities (n,) with q > 0 and a number to values of D (n,).

    Example:
        At p = 3, q = 1, lam = 1/2 the derivative 2 − (D − 1) vanishes at 3.

        >>> lopsided_critic(lambda p, q, lam: (p - q).sign() * (1 + (p - q).abs() / (2 * lam * q))).right
        True
        >>> lopsided_critic(lambda p, q, lam: (p - q).sign() * (1 + (p - q).abs() / (lam * (p + q))))
        Not yet: that is the optimum with the penalty on both laws; here only q pays
    """
    p, q = (torch.tensor(v, dtype=torch.float64) for v in ([0.4, 0.1, 0.3, 0.2], [0.1, 0.3, 0.2, 0.4]))
    given, right, mistakes = [], [], []
    for lam in (0.5, 3.0):
        D = numbers(call(critic, p, q, lam), (4,), "D")
        sign, gap = (p - q).sign(), (p - q).abs()
        given.append(D)
        right.append(sign * (1 + gap / (2 * lam * q)))
        wrong = (
            1 + gap / (lam * (p + q)),
            1 + gap / (lam * q),
            1 + gap / (2 * lam * p),
            torch.ones(4),
            gap / (2 * lam * q),
        )
        mistakes.append([-right[-1], *(sign * w for w in wrong)])
    hints = (
        "the sign is the other way round: D is large on real, that is where p > q",
        "that is the optimum with the penalty on both laws; here only q pays",
        "the derivative of (|D| − 1)² has a factor 2",
        "the penalty is an average over q, so that q and not p stands beside lam",
        "that is the optimum under a hard bound; this one gives way a little",
        "the penalty begins at ±1: up to there nothing holds D back",
    )
    compare(
        torch.cat(given),
        torch.cat(right),
        [(torch.cat(pair), hint) for *pair, hint in zip(*mistakes, hints, strict=True)],
        "at one point x, differentiate (p − q) D − lam q (|D| − 1)² for |D| > 1 and set it to zero",
    )
    return Verdict(True, "As q goes to 0 it has no bound: both laws have to pay for one.")


@judged
def auroc(area: object) -> Verdict:
    """Exercise ex-05-auroc: the probability that the score ranks an anomaly above a normal image, ties one half.

    Args:
        area: `area(outputs, anomalous)`, outputs of D_TV (n,) and 1 = anomalous, 0 = normal, (n,), to a number.

    Example:
        >>> auroc(lambda outputs, anomalous: metrics.auroc(-outputs, anomalous, positive=1)).right
        True
        >>> auroc(lambda outputs, anomalous: metrics.auroc(outputs, anomalous, positive=1))
        Not yet: upside down: D_TV is large on normal images, and the score is −D_TV
    """
    draw = rng(0)
    anomalous = (torch.arange(60) % 3 == 0).long()
    outputs = (4 * torch.randn(60, generator=draw) - 3 * anomalous + 1).round() / 4  # coarse, so that there are ties
    low, high = outputs[anomalous == 1][:, None], outputs[anomalous == 0][None]
    above, ties = float((low < high).double().mean()), float((low == high).double().mean())
    accuracy = float(((outputs < 0) == (anomalous == 1)).double().mean())
    right = above + ties / 2
    mistakes = {
        1 - right: "upside down: D_TV is large on normal images, and the score is −D_TV",
        above: "a tie counts one half: here every tie is counted as lost",
        above + ties: "a tie counts one half: here every tie is counted as won",
        1 - above - ties: "upside down, since the score is −D_TV, and a tie counts one half",
        1 - above: "upside down, since the score is −D_TV, and a tie counts one half",
        100 * right: "the area is a share in [0, 1], not a percentage",
        right * low.numel() * high.numel(): "divide the number of pairs that are won by the number of all pairs",
        accuracy: "that is the share of right answers at the threshold 0; the area compares pairs and has no threshold",
        metrics.auprc(-outputs, anomalous, positive=1): "that is the area under the precision-recall curve",
    }
    compare(
        numbers(call(area, outputs, anomalous), (), "the area"),
        right,
        mistakes.items(),
        "of all pairs of an anomaly and a normal image, in which share has the anomaly the larger score −D_TV?",
    )
    return Verdict(True, "Only ranks count, so any increasing function of D will do.")


@judged
def blind_spot(critics: object) -> Verdict:
    """Exercise ex-05-blind: two critics, both optimal, that differ as much as two optimal critics can.

    Args:
        critics: `critics(p, q)`, densities (n,) to a pair of critics (n,) with values in [-1, 1].

    Example:
        >>> blind_spot(lambda p, q: (torch.where(p < q, -1, 1), torch.where(p > q, 1, -1))).right
        True
        >>> blind_spot(lambda p, q: ((p - q).sign(), (p - q).sign()))
        Not yet: both are optimal, but they agree where both laws vanish, and nothing forces them to
    """
    pair = several(call(critics, P, Q), 2, "the answer")
    one, other = (
        numbers(D, (len(P),), f"the {word} critic") for D, word in zip(pair, ("first", "second"), strict=True)
    )
    best = float((P - Q).abs().sum())
    for D, word in ((one, "first"), (other, "second")):
        if bool((D.abs() > 1 + 1e-6).any()):
            raise NotYet(f"the {word} critic leaves [-1, 1]")
        reached = float(((P - Q) * D).sum())
        if reached < -best + 1e-3:
            raise NotYet(f"the {word} critic has its sign the other way round: D is large where p > q")
        if reached < best - 1e-3:
            raise NotYet(
                f"the {word} critic is not optimal: it reaches {reached:.2f} on a law where {best:.2f} is possible"
            )
    apart = (one - other).abs()
    if float(apart[(P == 0) & (Q == 0)].min()) < 2 - 1e-3:
        raise NotYet("both are optimal, but they agree where both laws vanish, and nothing forces them to")
    if float(apart[P == Q].min()) < 2 - 1e-3:
        raise NotYet("they may differ not only where both laws vanish: what does the objective see where p = q > 0?")
    return Verdict(True, "The objective cannot tell the two apart; anomalies can.")


@judged
def instants(weights: object) -> Verdict:
    """Exercise ex-05-rate (a): the weights of the saved states, c 1[start, end](t) exp(−rate t), summing to 1.

    Args:
        weights: `weights(times, rate, start)`, increasing steps (n,) and two numbers to (n,).

    Example:
        >>> from genimg.gan.history import History
        >>> history = History()
        >>> def weights(times, rate, start):
        ...     history.times = times.tolist()
        ...     return history.weights(rate, start)
        >>> instants(weights).right
        True
        >>> instants(lambda times, rate, start: torch.softmax(-rate * times, 0))
        Not yet: states before start have no weight
    """
    times, rate, start = torch.tensor([10.0, 20.0, 40.0, 50.0, 70.0, 90.0]), 0.03, 40

    def law(kept: Tensor, exponent: Tensor) -> Tensor:
        return torch.softmax(torch.where(kept, exponent, torch.tensor(-torch.inf)), 0)

    kept, all_of_them = times >= start, times > 0
    compare(
        numbers(call(weights, times, rate, start), (len(times),), "the weights"),
        law(kept, -rate * times),
        [
            (law(kept, rate * times), "the sign of the exponent: for a positive rate early states weigh more"),
            (law(all_of_them, -rate * times), "states before start have no weight"),
            (law(times > start, -rate * times), "the state at start itself counts"),
            (law(times <= start, -rate * times), "states from start on count, not those up to it"),
            (
                law(kept, -rate * torch.arange(6)),
                "the rate is per step of training: the time of a state, not its number",
            ),
            (law(kept, 0 * times), "all states weigh alike here: where is the rate?"),
            (kept * torch.exp(-rate * times), "the constant c is missing: the weights of a law sum to 1"),
            (kept * torch.exp(-rate * times) / torch.exp(-rate * times).sum(), "normalise over the states that count"),
        ],
        "weigh each state from start on by exp(−rate t), and divide by the sum",
    )
    return Verdict(True, "exp(−rate (t − start)) does as well, and never underflows.")


@judged
def both_signs(areas: object) -> Verdict:
    """Exercise ex-05-trivial: the AUROC of brightness and of its negative, one digit against the others.

    Args:
        areas: `areas(images, labels, digit)`, (n, 1, h, w), (n,) and a number to (too much ink, too little ink).

    Example:
        >>> def areas(images, labels, digit):
        ...     area = metrics.auroc(images.mean((1, 2, 3)), (labels == digit).long(), positive=1)
        ...     return area, 1 - area
        >>> both_signs(areas).right
        True
        >>> both_signs(lambda *given: areas(*given)[::-1])
        Not yet: the two are exchanged, or the digit is counted as normal: it is the anomaly
    """
    draw = rng(1)
    labels = torch.arange(80) % 5
    images = (torch.rand(80, 1, 6, 6, generator=draw) * (labels + 6).view(-1, 1, 1, 1) / 10).mul(2).sub(1)
    answer = several(call(areas, images, labels, 1), 2, "the answer")
    given = torch.stack([numbers(area, (), "an area") for area in answer])
    ink, odd = images.mean((1, 2, 3)), (labels == 1).long()
    area = metrics.auroc(ink, odd, positive=1)
    precision = [metrics.auprc(sign * ink, odd, positive=1) for sign in (1, -1)]
    compare(
        given,
        torch.tensor([area, 1 - area]),
        [
            (
                torch.tensor([1 - area, area]),
                "the two are exchanged, or the digit is counted as normal: it is the anomaly",
            ),
            (torch.tensor([area, area]), "both are of one sign: for too little ink the score is minus the brightness"),
            (torch.tensor([area, -area]), "an area is never negative: it is the score that changes its sign"),
            (torch.tensor(precision), "these are areas under precision-recall curves"),
        ],
        "the score is the mean of an image's pixels, then minus that; `digit` against all others",
    )
    return Verdict(True, "They sum to 1: a score that ranks badly ranks well upside down.")
