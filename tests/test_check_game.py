import math

import pytest
import torch

from genimg import check
from genimg.numerics.divergence import gan_value, js, optimal_discriminator

JUNK = [None, "a string", 3.5, lambda *given: None, lambda *given: "text", lambda *given: 1 / 0, lambda *given: []]
LOG2 = math.log(2)


@pytest.mark.parametrize("junk", JUNK)
def test_junk_is_not_yet_an_answer(junk):
    verdicts = [
        check.gaussian_logit(junk),
        check.no_idea(0.5, -2 * LOG2, junk),
        check.js_of_shift(junk),
        check.lost_modes(junk, 4),
        check.invariant(junk),
        check.saturating(junk, (1000, 1)),
    ]
    if junk != 3.5:
        verdicts += [check.no_idea(junk, 1, "C"), check.no_idea(0.5, junk, "C"), check.lost_modes(value_of, junk)]
    for verdict in verdicts:
        assert not verdict and repr(verdict).startswith("Not yet: ") and "\n" not in repr(verdict)


def logit(x, mean1, std1, mean2, std2):
    return math.log(std2 / std1) + ((x - mean2) / std2) ** 2 / 2 - ((x - mean1) / std1) ** 2 / 2


def test_the_logit_of_torch_is_right():
    def by_torch(x, mean1, std1, mean2, std2):
        normal = torch.distributions.Normal
        return normal(mean1, std1).log_prob(x) - normal(mean2, std2).log_prob(x)

    assert check.gaussian_logit(logit) and check.gaussian_logit(by_torch)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (lambda *laws: -logit(*laws), "the sign"),
        (lambda *laws: logit(*laws).sigmoid(), "D* itself"),
        (lambda *laws: logit(*laws).exp(), "ratio"),
        (lambda x, m, s, n, t: logit(x, m, s, n, t) - math.log(t / s), "is missing: the densities"),
        (lambda x, m, s, n, t: logit(x, m, s, n, t) - 2 * math.log(t / s), "wrong sign"),
        (lambda x, m, s, n, t: logit(x, m, s, n, t) + math.log(t / s), "not 1 / std²"),
        (lambda x, m, s, n, t: 2 * logit(x, m, s, n, t) - math.log(t / s), "factor 1/2"),
        (lambda x, *laws: 0 * x, "two log-densities"),
    ],
)
def test_typical_logits_are_named(wrong, word):
    verdict = check.gaussian_logit(wrong)
    assert word in verdict.says and not verdict


@pytest.mark.parametrize(
    ("c", "value", "experiment", "word"),
    [
        (1.0, -2 * LOG2, "C", "not the best constant"),
        (0.5, -LOG2, "C", "sum of two"),
        (0.5, 2 * LOG2, "C", "the sign"),
        (0.5, -2, "C", "natural"),
        (0.5, -math.log10(4), "C", "natural"),
        (0.5, 0, "C", "put c into"),
        (0.5, -2 * LOG2, "A", "looking"),
        (0.5, -2 * LOG2, "b", "changes the question"),
        (0.5, -2 * LOG2, "D", "dead"),
        (0.5, -2 * LOG2, 3, "one of the letters"),
    ],
)
def test_what_somebody_scores_who_has_no_idea(c, value, experiment, word):
    assert check.no_idea(0.5, -math.log(4), "C") and check.no_idea(1 / 2, -1.386, "c")
    verdict = check.no_idea(c, value, experiment)
    assert word in verdict.says and not verdict


def shifted(s):
    return min(abs(s), 1) * LOG2


def test_the_divergence_of_two_intervals():
    def on_a_grid(s):
        t = (torch.arange(-2000, 6000, dtype=torch.float64) + 0.5) / 1000
        return js(*(((t > a) & (t < a + 1)).double() for a in (0, s)), dx=0.001)

    assert check.js_of_shift(shifted) and check.js_of_shift(on_a_grid)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (lambda s: min(abs(s), 1), "bits"),
        (lambda s: 2 * shifted(s), "twice too large"),
        (lambda s: shifted(s) / 2, "twice too small"),
        (lambda s: LOG2 - shifted(s), "costs nothing"),
        (lambda s: 2 * shifted(s) - 2 * LOG2, "this is V"),
        (lambda s: abs(s) * LOG2, "at most log 2"),
        (lambda s: min(s, 1) * LOG2, "to the left"),
        (lambda s: s**2, "split the line"),
    ],
)
def test_typical_divergences_are_named(wrong, word):
    verdict = check.js_of_shift(wrong)
    assert word in verdict.says and not verdict


def value_of(k, m):
    return k / m * math.log(k / (k + m)) + math.log(m / (k + m))


def test_the_value_of_lost_modes_is_that_of_the_package():
    def by_package(k, m):
        p, q = torch.full((m,), 1 / m), torch.tensor([1 / k] * k + [0.0] * (m - k))
        return gan_value(p, q, optimal_discriminator(p, q))

    assert check.lost_modes(value_of, 4) and check.lost_modes(by_package, 4)


@pytest.mark.parametrize(
    ("wrong", "modes", "word"),
    [
        (lambda k, m: math.log(k / (k + m)) + math.log(m / (k + m)), 4, "weight the first"),
        (lambda k, m: math.log(k / (k + m)) + k / m * math.log(m / (k + m)), 4, "belongs to the real"),
        (lambda k, m: k / m * math.log(k * m / (k + m) ** 2), 4, "only the real samples"),
        (lambda k, m: value_of(k, m) / 2 + LOG2, 4, "this is the Jensen"),
        (lambda k, m: value_of(k, m) + 2 * LOG2, 4, "-log 4 is missing"),
        (lambda k, m: value_of(k, m) / LOG2, 4, "natural"),
        (lambda k, m: -1.0, 4, "on a mode of G"),
        (value_of, 3, "try k"),
    ],
)
def test_typical_values_of_lost_modes_are_named(wrong, modes, word):
    verdict = check.lost_modes(wrong, modes)
    assert word in verdict.says and not verdict


def kept(theta, psi, eta):
    return theta**2 + psi**2 - eta * theta * psi


def test_any_function_of_the_invariant_is_right():
    assert check.invariant(kept) and check.invariant(lambda *at: kept(*at).sqrt() + 3)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (lambda theta, psi, eta: kept(theta, psi, -eta), "when D moves first"),
        (lambda theta, psi, eta: theta**2 + psi**2, "not a circle"),
        (lambda theta, psi, eta: theta * psi, "not constant"),
        (lambda theta, psi, eta: 0 * theta + 1, "says nothing"),
        (lambda theta, psi, eta: 1.0, "shape"),
    ],
)
def test_typical_invariants_are_named(wrong, word):
    verdict = check.invariant(wrong)
    assert word in verdict.says and not verdict


def leading(theta):
    return math.sqrt(math.pi / 2) * math.exp(-(theta**2) / 8)


def exact(theta):
    t = torch.linspace(-20, 60, 800_001, dtype=torch.float64)
    density = torch.exp(-((t - theta) ** 2) / 2) / math.sqrt(2 * math.pi)
    return theta * torch.trapezoid(density * torch.sigmoid(theta**2 / 2 - theta * t), t)


def test_the_leading_term_and_the_exact_slope_are_right():
    assert check.saturating(leading, (1100, 1)) and check.saturating(exact, torch.tensor([1135.0, 1.0]))


@pytest.mark.parametrize(
    ("wrong", "steps", "word"),
    [
        (lambda theta: theta / 2 * math.exp(-(theta**2) / 8), (1000, 1), "the bound"),
        (lambda theta: math.exp(-(theta**2) / 8), (1000, 1), "1 / cosh"),
        (lambda theta: 2 * leading(theta), (1000, 1), "factor of 2.0"),
        (lambda theta: theta**2 * leading(theta), (1000, 1), "does not settle"),
        (lambda theta: math.exp(-(theta**2) / 2), (1000, 1), "does not settle"),
        (lambda theta: -leading(theta), (1000, 1), "positive"),
        (leading, (10, 1), "1 / slope"),
        (leading, (1000, 1000), "non-saturating"),
        (leading, 1000, "shape (2,)"),
    ],
)
def test_typical_slopes_are_named(wrong, steps, word):
    verdict = check.saturating(wrong, steps)
    assert word in verdict.says and not verdict
