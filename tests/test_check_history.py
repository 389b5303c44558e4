import pytest
import torch

from genimg import check, metrics
from genimg.gan.history import History

JUNK = [None, "a string", 3.0, lambda *given: None, lambda *given: "text", lambda *given: 1 / 0]
CHECKS = [
    check.optimal_critic, check.lopsided_critic, check.auroc, check.blind_spot, check.instants, check.both_signs,
]  # fmt: skip


def stub(*given):
    raise NotImplementedError


@pytest.mark.parametrize("one", CHECKS)
@pytest.mark.parametrize("junk", JUNK)
def test_junk_is_not_yet_an_answer(one, junk):
    assert not one(junk) and repr(one(junk)).startswith("Not yet:")


@pytest.mark.parametrize("one", CHECKS)
def test_a_stub_and_no_answer_at_all_are_told_apart(one):
    assert "nothing is written yet" in one(stub).says
    assert one.__name__ in one().says and one(stub).right is False


@pytest.mark.parametrize(
    "critic",
    [
        lambda p, q: (p - q).sign(),
        lambda p, q: torch.where(p >= q, 1, -1),
        lambda p, q: [1.0 if a > b else -1.0 for a, b in zip(p.tolist(), q.tolist(), strict=True)],
        lambda p, q: torch.where(p == q, 0.3, (p - q).sign()).numpy(),
    ],
)
def test_every_optimal_critic_is_right(critic):
    assert check.optimal_critic(critic)


@pytest.mark.parametrize(
    ("critic", "word"),
    [
        (lambda p, q: (q - p).sign(), "the other way round"),
        (lambda p, q: (p > q).float(), "lowest value allowed"),
        (lambda p, q: p / (p + q), "NaN where p = q"),
        (lambda p, q: (p / (p + q)).nan_to_num(0.5), "vanilla GAN"),
        (lambda p, q: p - q, "end of the interval"),
        (lambda p, q: (p - q) / (p - q).abs(), "NaN where p = q"),
        (lambda p, q: (p - q).sign() * (1 + (p - q).abs() / (10 * (p + q + 1e-9))), "soft bound"),
        (lambda p, q: (p - q).tanh(), "which number D(x)"),
    ],
)
def test_typical_critics_are_named(critic, word):
    assert word in check.optimal_critic(critic).says and not check.optimal_critic(critic)


def lopsided(bound):
    return lambda p, q, lam: (p - q).sign() * bound(p, q, (p - q).abs(), lam)


def test_the_lopsided_critic_maximises_its_objective():
    right = lopsided(lambda p, q, gap, lam: 1 + gap / (2 * lam * q))
    assert check.lopsided_critic(right)
    p, q, D = 0.5, 0.2, torch.linspace(-5, 5, 100_001)
    best = D[((p - q) * D - 0.7 * q * (D.abs() - 1).clamp_min(0) ** 2).argmax()]
    assert float(best) == pytest.approx(float(right(torch.tensor(p), torch.tensor(q), 0.7)), abs=1e-3)


@pytest.mark.parametrize(
    ("bound", "word"),
    [
        (lambda p, q, gap, lam: 1 + gap / (lam * (p + q)), "only q pays"),
        (lambda p, q, gap, lam: 1 + gap / (lam * q), "factor 2"),
        (lambda p, q, gap, lam: 1 + gap / (2 * lam * p), "q and not p"),
        (lambda p, q, gap, lam: torch.ones_like(p), "hard bound"),
        (lambda p, q, gap, lam: gap / (2 * lam * q), "begins at ±1"),
        (lambda p, q, gap, lam: -1 - gap / (2 * lam * q), "the other way round"),
        (lambda p, q, gap, lam: 7 * torch.ones_like(p), "differentiate"),
    ],
)
def test_typical_bounds_are_named(bound, word):
    verdict = check.lopsided_critic(lopsided(bound))
    assert word in verdict.says and not verdict


def pairs(outputs, anomalous):
    """Scores of all pairs: anomalies down, normal images across."""
    return -outputs[anomalous == 1][:, None], -outputs[anomalous == 0][None]


def area(outputs, anomalous):
    a, n = pairs(outputs, anomalous)
    return ((a > n).double() + (a == n).double() / 2).mean()


def test_the_area_by_pairs_and_by_ranks_are_right():
    assert check.auroc(area)
    assert check.auroc(lambda outputs, anomalous: metrics.auroc(-outputs, anomalous, positive=1))


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (lambda o, a: area(-o, a), "upside down"),
        (lambda o, a: (pairs(o, a)[0] > pairs(o, a)[1]).double().mean(), "counted as lost"),
        (lambda o, a: (pairs(o, a)[0] >= pairs(o, a)[1]).double().mean(), "counted as won"),
        (lambda o, a: (pairs(-o, a)[0] > pairs(-o, a)[1]).double().mean(), "upside down, since"),
        (lambda o, a: 100 * area(o, a), "percentage"),
        (lambda o, a: ((o < 0) == (a == 1)).double().mean(), "threshold 0"),
        (lambda o, a: metrics.auprc(-o, a, positive=1), "precision-recall"),
        (lambda o, a: (pairs(o, a)[0] > pairs(o, a)[1]).sum() + (pairs(o, a)[0] == pairs(o, a)[1]).sum() / 2, "number"),
        (lambda o, a: 0.5, "of all pairs"),
    ],
)
def test_typical_areas_are_named(wrong, word):
    assert word in check.auroc(wrong).says and not check.auroc(wrong)


def two(p, q):
    return torch.where(p < q, -1.0, 1.0), torch.where(p > q, 1.0, -1.0)


def test_two_opposite_opinions_are_right_in_either_order():
    assert check.blind_spot(two) and check.blind_spot(lambda p, q: two(p, q)[::-1])


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (lambda p, q: ((p - q).sign(), (p - q).sign()), "nothing forces them"),
        (lambda p, q: ((p - q).sign(), torch.where(p == q, 1.0, (p - q).sign())), "nothing forces them"),
        (lambda p, q: (torch.where(p + q == 0, 1.0, (p - q).sign()), torch.where(p + q == 0, -1.0, (p - q).sign())),
         "p = q > 0"),
        (lambda p, q: (two(p, q)[0], -two(p, q)[0]), "second critic has its sign"),
        (lambda p, q: (two(p, q)[0], torch.zeros_like(p)), "second critic is not optimal"),
        (lambda p, q: (2 * two(p, q)[0], two(p, q)[1]), "first critic leaves"),
        (lambda p, q: two(p, q)[0], "2 things"),
    ],
)  # fmt: skip
def test_what_two_critics_lack_is_named(wrong, word):
    assert word in check.blind_spot(wrong).says and not check.blind_spot(wrong)


def law(kept, exponent):
    def weights(times, rate, start):
        w = kept(times, start) * torch.exp(exponent(times, rate))
        return w / w.sum()

    return weights


def since(times, start):
    return times >= start


def test_the_package_has_these_weights():
    def weights(times, rate, start):
        history = History()
        history.times = times.tolist()
        return history.weights(rate, start)

    assert check.instants(weights)
    assert check.instants(lambda t, rate, start: law(since, lambda t, rate: -rate * (t - start))(t, rate, start))


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (law(since, lambda t, rate: rate * t), "sign of the exponent"),
        (law(lambda t, start: t > 0, lambda t, rate: -rate * t), "before start"),
        (law(lambda t, start: t > start, lambda t, rate: -rate * t), "at start itself"),
        (law(lambda t, start: t <= start, lambda t, rate: -rate * t), "not those up to it"),
        (law(since, lambda t, rate: -rate * torch.arange(len(t))), "not its number"),
        (law(since, lambda t, rate: 0 * t), "where is the rate"),
        (lambda t, rate, start: (t >= start) * torch.exp(-rate * t), "sum to 1"),
        (lambda t, rate, start: (t >= start) * torch.softmax(-rate * t, 0), "over the states that count"),
        (lambda t, rate, start: torch.ones(len(t)) / len(t), "divide by the sum"),
        (lambda t, rate, start: torch.ones(3), "shape"),
    ],
)
def test_typical_weights_are_named(wrong, word):
    assert word in check.instants(wrong).says and not check.instants(wrong)


def ink(images, labels, digit, area=metrics.auroc):
    score, odd = images.mean((1, 2, 3)), (labels == digit).long()
    return area(score, odd, positive=1), area(-score, odd, positive=1)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (lambda *given: ink(*given)[::-1], "exchanged"),
        (lambda *given: (ink(*given)[0],) * 2, "one sign"),
        (lambda *given: (ink(*given)[0], -ink(*given)[0]), "never negative"),
        (lambda *given: ink(*given, metrics.auprc), "precision-recall"),
        (lambda *given: (0.5, 0.5), "mean of an image"),
        (lambda *given: ink(*given)[0], "2 things"),
    ],
)
def test_typical_areas_of_ink_are_named(wrong, word):
    assert check.both_signs(ink)
    assert word in check.both_signs(wrong).says and not check.both_signs(wrong)
