"""Checks of the exercises of chapter 06: safe colours, the gamut, the weight of a term, and three repairs."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from genimg._base.seeding import rng
from genimg.gan.networks import known
from genimg.numerics.color import in_gamut, lab_to_rgb, rgb_to_lab
from genimg.teach.check.asking import NotYet, call, compare, derivative, judged, number, numbers
from genimg.teach.check.verdict import Verdict

RED, GREEN = torch.tensor([60.0, 40.0]), torch.tensor([-45.0, 40.0])


@judged
def safest_colour(point: object) -> Verdict:
    """Exercise ex-06-median: a minimiser of E‖c − g‖, where c is c1 with probability p and else c2.

    Args:
        point: `point(c1, c2, p)`, two colours (2,) and a number to a colour (2,).

    Example:
        >>> safest_colour(lambda c1, c2, p: c1 if p > 0.5 else c2).right
        True
        >>> safest_colour(lambda c1, c2, p: p * c1 + (1 - p) * c2)
        Not yet: that is the mean: it minimises the squared distance, and here the plain one is asked for
    """
    for p in (0.6, 0.3, 0.95, 0.5):
        g = numbers(call(point, RED, GREEN, p), (2,), "the colour")
        cost = p * float((RED - g).norm()) + (1 - p) * float((GREEN - g).norm())
        least = min(p, 1 - p) * float((RED - GREEN).norm())
        if cost < least + 1e-2:
            continue
        major, minor = (RED, GREEN) if p > 0.5 else (GREEN, RED)
        compare(
            g,
            major,
            [
                (p * RED + (1 - p) * GREEN, "that is the mean: it minimises the squared distance, and here the plain "
                "one is asked for"),
                (minor, "that is the rarer colour: the more frequent one lies nearer on average"),
                ((RED + GREEN) / 2, "the middle is as good as the ends for p = 1/2 only"),
            ],
            f"for p = {p} the mean distance is {cost:.1f} there, and {least:.1f} is possible; go along the segment "
            "from one colour to the other",
        )  # fmt: skip
    return Verdict(True, "A colour that exists, and always the same one.")


@judged
def price_of_sampling(decibels: object) -> Verdict:
    """Exercise ex-06-sample: by how many dB a random draw from the law is behind the mean, in PSNR.

    Args:
        decibels: a number, positive.

    Example:
        >>> price_of_sampling(10 * math.log10(2)).right
        True
        >>> price_of_sampling(2)
        Not yet: 2 is the factor; in decibels it is ten times its logarithm to the base 10
    """
    given = number(decibels, "the price")
    if abs(given - 10 * math.log10(2)) < 0.06:
        return Verdict(True, "Three decibels is what honesty costs, whatever the law.")
    mistakes = {
        2.0: "2 is the factor; in decibels it is ten times its logarithm to the base 10",
        6.02: "20 log is for amplitudes; a squared error is a power, so 10 log",
        -3.01: "how much does the draw lose: a positive number",
        0.301: "a decibel is a tenth of a bel: ten times the logarithm",
        0.693: "decibels take the logarithm to the base 10, ten times",
        1.505: "the root of the factor has no place here: a PSNR is made of the squared error itself",
        4.77: "the squared error doubles: where does a third part come from?",
        0.0: "a draw is further away than the mean: both the true colour and the draw scatter around it",
    }
    near = (hint for wrong, hint in mistakes.items() if abs(given - wrong) < 0.06)
    return Verdict(False, next(near, "write c − c' = (c − m) − (c' − m), square, and take the expectation"))


@judged
def into_gamut(bring: object) -> Verdict:
    """Exercise ex-06-gamut: chroma scaled towards grey, pixel by pixel, as little as possible, until a screen shows it.

    Args:
        bring: `bring(lab)`, (n, 3, h, w) in CIE units to the same.

    Example:
        >>> into_gamut(lambda lab: lab)
        Not yet: 4 of the 8 colours cannot be shown yet
        >>> into_gamut(lambda lab: lab * torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1))
        Not yet: colours that a screen can show have changed: scale only the others, each pixel by a factor of its own
    """
    wanted = [
        [53.0, 30.0, 20.0], [70.0, -20.0, 30.0], [40.0, 0.0, 0.0], [30.0, 10.0, -40.0],
        [53.0, 120.0, 100.0], [8.0, 50.0, -30.0], [95.0, 30.0, 30.0], [99.0, -15.0, -15.0],
    ]  # fmt: skip
    lab = torch.tensor(wanted).T.reshape(1, 3, 2, 4)
    given = numbers(call(bring, lab), tuple(lab.shape), "the colours").float()
    exists, clipped = in_gamut(lab), rgb_to_lab(lab_to_rgb(lab))
    L, ab = given.split((1, 2), dim=1)
    if float(given.abs().max()) <= 1.5:
        raise NotYet(
            "all values lie between -1 and 1: hand in Lab in CIE units, L from 0 to 100, not RGB and not scaled"
        )
    if float((given - clipped).abs().max()) < 0.2:
        raise NotYet("that is what clipping RGB does, and it moves L: scale a and b instead")
    moved = (L - lab[:, :1]).abs()
    if float(moved.max()) > 0.02:
        raise NotYet(f"L has moved, by up to {float(moved.max()):.1f}: only a and b may be scaled")
    if float(((given - lab).abs().amax(1, keepdim=True) * exists).max()) > 0.05:
        raise NotYet(
            "colours that a screen can show have changed: scale only the others, each pixel by a factor of its own"
        )
    outside = int((~in_gamut(given, slack=5e-3)).sum())
    if outside:
        raise NotYet(f"{outside} of the 8 colours cannot be shown yet")
    length, before = ab.norm(dim=1, keepdim=True), lab[:, 1:].norm(dim=1, keepdim=True)
    along = (ab * lab[:, 1:]).sum(1, keepdim=True)
    if bool((along < 0.999 * length * before - 1e-2).any()):
        raise NotYet("the hue has turned: a and b take the same factor, between 0 and 1")
    if bool((length[~exists] < 1e-3).any()):
        raise NotYet("grey can always be shown, but keep as much chroma as there is room for")
    if bool(in_gamut(torch.cat([L, 1.1 * ab], 1))[~exists].any()):
        raise NotYet("too much chroma has gone: a factor that is a tenth larger would do for some of the colours")
    return Verdict(True, "Lightness and hue stay, and only saturation pays.")


@judged
def adversarial_weight(weight: object) -> Verdict:
    """Exercise ex-06-weight: lambda_p that counts as 0.1 does at 224 x 224 with a score for each 8 x 8 pixels.

    Args:
        weight: `weight(side, stride)`, the side of the pictures and of the patch that has one score, to a number.

    Example:
        The weight in units of chroma goes with √N / P = √2 · stride² / side.

        >>> adversarial_weight(lambda side, stride: 0.1 * side / 224 * 64 / stride**2).right
        True
        >>> adversarial_weight(lambda side, stride: 0.1 * 224 / side * 64 / stride**2)
        Not yet: the wrong way round in the side: a smaller picture makes the same weight count for more
    """
    cases = [(128, 8), (64, 8), (32, 8), (128, 4), (64, 16)]
    side, stride = torch.tensor(cases, dtype=torch.float64).T
    found = [number(call(weight, a, b), "the weight") for a, b in cases]
    grow, patch = side / 224, 64 / stride**2
    compare(
        torch.tensor(found, dtype=torch.float64),
        0.1 * grow * patch,
        [
            (
                0.1 / grow * patch,
                "the wrong way round in the side: a smaller picture makes the same weight count for more",
            ),
            (0.1 / grow / patch, "the wrong way round: √N / P is larger for smaller pictures and for larger patches"),
            (0.1 * grow**2 * patch, "the number of pixels enters as a root: N gives √N, and P is in the denominator"),
            (
                0.1 * grow / patch,
                "right at stride 8; smaller patches are more scores, and √N / P is smaller: more weight",
            ),
            (0.1 * grow * 8 / stride, "right at stride 8; P counts patches in both directions"),
            (0.1 * grow * stride / 8, "right at stride 8; P counts patches in both directions, and divides"),
            (0.1 * grow, "right at stride 8; how many scores P are there at another stride?"),
            (0.1 * patch, "the stride is right; what of the side of the picture?"),
            (grow * patch, "the published weight is 0.1"),
            (torch.full_like(side, 0.1), "the weight is the same, and so what it is worth is not: compare √N / P"),
            (0.1 * grow * patch * 64 * 2**0.5 / 224, "that is the weight in units of chroma; which lambda_p gives it?"),
        ],
        "write √N / P with N = 2 side² and P = (side / stride)², and keep lambda_p √N / P as it is in the paper",
    )
    return Verdict(True, "A weight belongs to one size, unless its unit is that of chroma.")


@judged
def repaired(class_term: object, between: object, adversarial_term: object) -> Verdict:
    """Exercise ex-06-bugs: the three functions, without their bugs.

    Args:
        class_term: `class_term(logits, y)`, (n, m) twice to the mean over the n pictures of KL(y ‖ softmax(logits)).
        between: `between(real, fake, rng)`, (n, c, h, w) twice to points of the segments, one for each picture.
        adversarial_term: `adversarial_term(D, L, ab)` to what the generator minimises.

    Example:
        >>> repaired(lambda logits, y: torch.nn.functional.kl_div(logits.log_softmax(1), y), None, None)
        Not yet: class_term: the mean over all elements is smaller by the number of classes
    """
    logits = torch.tensor([[0.0, 0.0, 0.0, 0.0], [1.0, -1.0, 0.5, 0.0], [2.0, 0.0, 0.0, -2.0]])
    y = torch.tensor([[1.0, 0.0, 0.0, 0.0], [0.25, 0.25, 0.25, 0.25], [0.1, 0.2, 0.3, 0.4]])
    logs = logits.log_softmax(1)
    each = torch.xlogy(y, y) - y * logs
    compare(
        numbers(call(class_term, logits, y), (), "class_term"),
        each.sum(1).mean(),
        [
            (each.mean(), "class_term: the mean over all elements is smaller by the number of classes"),
            (each.sum(), "class_term: a sum over the pictures grows with the batch; take their mean"),
            (-(y * logs).sum(1).mean(), "class_term: that is the cross entropy; KL is 0 where both laws agree"),
            ((logs.exp() * (logs - y.clamp_min(1e-12).log())).sum(1).mean(), "class_term: KL(y ‖ G), not KL(G ‖ y)"),
        ],
        "class_term: two classes, the first certain, equal logits must give log 2 = 0.693; a mean over the pictures",
    )
    real, fake = torch.full((400, 2, 2, 2), 3.0), torch.ones(400, 2, 2, 2)
    u = (numbers(call(between, real, fake, rng(0)), (400, 2, 2, 2), "between") - 1) / 2
    if float(u.min()) < -1e-6 or float(u.max()) > 1 + 1e-6:
        raise NotYet("between: some points lie outside the segment from real to generated")
    if float((u - u[:, :1, :1, :1]).abs().max()) > 1e-6:
        raise NotYet("between: one u for each picture, not one for each pixel: else the point leaves the segment")
    if float(u[:, 0, 0, 0].std()) < 0.15:
        raise NotYet("between: the points should lie anywhere on the segments, a u of its own for each picture")
    if not 0.4 < float(u.mean()) < 0.6:
        raise NotYet("between: u should be uniform on [0, 1]")
    D, ab = known.MeanChroma(torch.tensor(2.0)), torch.rand(5, 2, 4, 4, generator=rng(1)).requires_grad_()
    term = call(adversarial_term, D, torch.zeros(5, 1, 4, 4), ab)
    if not isinstance(term, Tensor) or not term.requires_grad:
        raise NotYet("adversarial_term: no gradient reaches the generator")
    compare(
        numbers(term, (), "adversarial_term"),
        -2 * ab.detach().mean(),
        [
            (2 * ab.detach().mean(), "adversarial_term: the sign: the generator wants D large on what it makes"),
            (-10 * ab.detach().mean(), "adversarial_term: the mean of the scores, not their sum"),
        ],
        "adversarial_term: minus the mean of D(L, ab)",
    )
    if derivative(term, ab) is None:
        raise NotYet("adversarial_term: no gradient reaches the generator: ab itself has to go through D")
    return Verdict(True, "With all three bugs it ran, and pictures came out.")
