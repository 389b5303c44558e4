"""HistoryAD: the bound, where D_TV starts, the sign of the score, the detector as a file, the published splits."""

import math

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import nn

import genimg as gi
from genimg import anomaly, zoo
from genimg._base import weights
from genimg._base.errors import UsageError

MNIST = (6903, 7877, 6990, 7141, 6824, 6313, 6876, 7293, 6825, 6958)  # digits 0 to 9 in all 70,000


def recorded(D, values=(1.0, 2.0, 6.0)):
    """A history of critics whose weights all equal 1, 2, 6 at the times 10, 20, 30."""
    history = gi.History()
    for k, value in enumerate(values, start=1):
        for weight in D.parameters():
            nn.init.constant_(weight, value)
        history.add(10 * k, nn.Identity(), D)
    return history


# The bound.


@given(p=st.floats(0.05, 1), q=st.floats(0.05, 1), lam=st.floats(0.5, 50))
def test_the_soft_bound_gives_way_by_the_stated_amount(p, q, lam):
    """At s (1 + |p - q| / (lam (p + q))) the derivative of the loss at one point of the two laws vanishes."""
    assume(abs(p - q) > 1e-3)
    d = math.copysign(1 + abs(p - q) / (lam * (p + q)), p - q)
    loss, slope = {}, {}
    for law, share in (("real", p), ("fake", q)):  # the point carries the mass p of one law and q of the other
        x = torch.full((1,), d, dtype=torch.float64, requires_grad=True)
        other = torch.zeros(1, dtype=torch.float64)
        pair = (x, other) if law == "real" else (other, x)
        loss[law] = gi.TotalVariation(lam).critic_loss(lambda v: v, *pair, gi.rng(0)).loss
        slope[law] = share * float(torch.autograd.grad(loss[law], x)[0])
    assert slope["real"] + slope["fake"] == pytest.approx(0, abs=1e-5)


@given(sure=st.floats(2, 8))
def test_tanh_loses_its_gradient_where_the_critic_is_sure_and_the_soft_bound_does_not(sure):
    """The critic is wrong by `sure` on both laws: the soft bound pulls it back, the tanh lets it be."""
    real = torch.full((4,), -sure, requires_grad=True)
    fake = torch.full((4,), sure)

    def slope(objective):
        return torch.autograd.grad(objective.critic_loss(lambda v: v, real, fake, gi.rng(0)).loss, real)[0].sum()

    vanishing = float(slope(gi.TanhTotalVariation()))
    assert vanishing == pytest.approx(-(1 - math.tanh(sure) ** 2), rel=0.02, abs=2e-6)
    assert abs(vanishing) < 4.01 * math.exp(-2 * sure) + 2e-6
    assert float(slope(gi.TotalVariation(lam=10))) == pytest.approx(-1 - 10 * (sure - 1), rel=1e-4)


def test_tanh_reaches_the_same_distance_from_a_fair_start():
    p, q = gi.Gaussian(1, gi.rng(0)), gi.Gaussian(1, gi.rng(1), mean=2.0)
    D = gi.networks.mlp([1, 32, 32, 1], seed=0)
    for _ in gi.critic_steps(D, p, q, gi.TanhTotalVariation(), steps=300, rng=gi.rng(2), lr=5e-3):
        pass
    with torch.no_grad():
        out = gi.TanhTotalVariation().critic_loss(D, p.sample(50_000), q.sample(50_000), gi.rng(3))
    assert 0.64 < float(out.distance) < 0.683 + 0.008  # delta = 2 Phi(1) - 1
    assert float(out.penalty) == 0


@given(norm=st.floats(0.1, 3), smooth=st.floats(0.1, 5))
def test_smoothness_of_a_linear_critic_costs_its_squared_slope(norm, smooth):
    w = norm * torch.tensor([0.6, 0.8])
    real, fake = torch.zeros(5, 2), torch.full((5, 2), 0.1)  # |D| stays below 1, so the bound costs nothing
    out = gi.TotalVariation(lam=10, smooth=smooth).critic_loss(lambda x: x @ w, real, fake, gi.rng(0))
    assert float(out.penalty) == pytest.approx(smooth * norm**2, rel=1e-4)
    assert float(out.loss) == pytest.approx(smooth * norm**2 + 0.14 * norm, rel=1e-4)


def test_smoothness_must_not_be_negative():
    with pytest.raises(UsageError, match="smooth must be a finite number above 0"):
        gi.TotalVariation(smooth=-1.0)


# Where D_TV starts.


def test_the_three_starts_are_what_they_are_called():
    D = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    history = recorded(D)
    for weight in D.parameters():
        nn.init.constant_(weight, 99.0)
    mean, last, scratch = (anomaly.initial_critic(D, history, init) for init in anomaly.critic.INITS)
    with torch.no_grad():
        assert all(float(w.mean()) == pytest.approx(3.0) for w in mean.parameters())
        assert all(float(w.mean()) == 6.0 for w in last.parameters())
        assert all(float(w.abs().max()) <= 1 for w in scratch.parameters())  # uniform in ±1/sqrt(fan in)
        assert all(float(w.mean()) == 99.0 for w in D.parameters())
    assert all(w.requires_grad for network in (mean, last, scratch) for w in network.parameters())


def test_rate_and_start_go_to_the_mean():
    D = nn.Linear(1, 1)
    history = recorded(D)
    mean = anomaly.initial_critic(D, history, "mean", rate=0.1, start=20)
    assert float(mean.weight.detach()) == pytest.approx((2 + 6 * math.exp(-1)) / (1 + math.exp(-1)))
    only = anomaly.initial_critic(D, history, "mean", end=10)
    assert float(only.weight.detach()) == pytest.approx(1.0)


def test_from_scratch_the_seed_decides_and_nothing_of_the_old_weights_is_left():
    _, D = gi.networks.dcgan(size=16, width=8, seed=5)
    first, again, other = (anomaly.initial_critic(D, None, "scratch", seed=s) for s in (1, 1, 2))
    ambient = torch.get_rng_state()
    anomaly.initial_critic(D, None, "scratch")
    assert torch.equal(torch.get_rng_state(), ambient)
    for a, b, c, old in zip(*(net.parameters() for net in (first, again, other, D)), strict=True):
        assert torch.equal(a, b) and not torch.equal(a, c) and not torch.equal(a, old)


def test_starts_that_cannot_be_are_refused():
    class Bare(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.ones(1))

    D = nn.Linear(1, 1)
    with pytest.raises(UsageError, match="there is no history; use init='scratch'"):
        anomaly.initial_critic(D, None)
    with pytest.raises(UsageError, match="there is no history"):
        anomaly.initial_critic(D, gi.History(), "last")
    with pytest.raises(UsageError, match="did you mean 'scratch'"):
        anomaly.initial_critic(D, None, "scrach")
    with pytest.raises(UsageError, match="Bare has weights but no reset_parameters"):
        anomaly.initial_critic(nn.Sequential(D, Bare()), None, "scratch")


# Training and score.


def test_the_detector_of_a_real_history_tells_normal_from_far():
    """A small GAN on a Gaussian, its history, D_TV from the mean critic: its past is more anomalous than the data."""
    G, D = gi.networks.mlp([2, 16, 2], seed=0), gi.networks.mlp([2, 32, 1], activation="leaky", seed=1)
    real, latent = gi.Gaussian(2, gi.rng(0), std=0.3), gi.Gaussian(2, gi.rng(1))
    history = gi.train_gan(
        G, D, real, latent, gi.WassersteinGP(), steps=60, snapshot_every=10, rng=gi.rng(2), critic_per_step=2, lr=2e-3
    )
    final = [weight.clone() for weight in D.parameters()]
    kept = {"rate": 0.02, "start": 10}
    past = history.past(G, latent, gi.rng(3), **kept)
    fit = gi.fit_detector(anomaly.initial_critic(D, history, **kept), real, past, steps=150, rng=gi.rng(4), lr=5e-3)
    assert all(torch.equal(a, b) for a, b in zip(final, D.parameters(), strict=True))
    assert fit.losses.shape == (150, 3) and bool(fit.losses.isfinite().all())
    assert float(fit.losses[-20:, 1].mean()) > float(fit.losses[:5, 1].mean())  # the dual value rises
    assert not fit.D.training and not any(w.requires_grad for w in fit.D.parameters())
    normal, made = gi.anomaly_score(fit.D, real.sample(500)), gi.anomaly_score(fit.D, past.sample(500))
    assert float(normal.mean()) < float(made.mean())
    result = anomaly.evaluate(torch.cat([normal, made]), torch.tensor([0] * 500 + [1] * 500))
    assert result.auroc > 0.6


def test_the_learned_critic_of_two_known_laws_is_hahns():
    """D* = 1_P - 1_N: +1 left of the midpoint of N(0,1) and N(2,1), -1 right of it, up to the soft bound's slack."""
    p, q = gi.Gaussian(1, gi.rng(0)), gi.Gaussian(1, gi.rng(1), mean=2.0)
    D = gi.networks.mlp([1, 32, 32, 1])
    fit = gi.fit_detector(anomaly.initial_critic(D, None, "scratch"), p, q, steps=400, rng=gi.rng(2), lr=5e-3)
    left, right = gi.anomaly_score(fit.D, torch.tensor([[-0.5], [2.5]])).tolist()
    assert left == pytest.approx(-1.05, abs=0.15) and right == pytest.approx(1.05, abs=0.15)
    assert 0.64 < float(fit.losses[-50:, 1].mean()) < 0.72  # 2 Phi(1) - 1 = 0.683


def test_no_steps_leave_the_start():
    fit = gi.fit_detector(
        anomaly.initial_critic(nn.Linear(1, 1), None, "scratch"),
        gi.Gaussian(1, gi.rng(0)),
        gi.Gaussian(1, gi.rng(1)),
        steps=0,
        rng=gi.rng(2),
    )
    assert fit.losses.shape == (0, 3)
    assert torch.equal(fit.D.weight, anomaly.initial_critic(nn.Linear(1, 1), None, "scratch").weight)


class Ink(nn.Module):
    """D(x) = -(sum of pixels), in training mode plus 100; it counts its passes."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.ones(1))
        self.passes = []

    def forward(self, x):
        self.passes.append(len(x))
        return -self.w * x.flatten(1).sum(1, keepdim=True) + 100 * self.training


@given(n=st.integers(0, 9), batch=st.integers(1, 12))
def test_score_is_minus_d_in_eval_mode_one_pass_per_image(n, batch):
    D = Ink().train()
    images = torch.arange(n, dtype=torch.float32).reshape(n, 1, 1, 1).expand(n, 1, 2, 2)
    scores = gi.anomaly_score(D, images, batch=batch)
    assert scores.tolist() == [4.0 * k for k in range(n)]
    assert sum(D.passes) == n and all(k <= batch for k in D.passes)
    assert D.training and not scores.requires_grad


def test_score_refuses_what_is_no_score_and_leaves_the_mode_alone():
    D = nn.Linear(2, 2)
    with pytest.raises(UsageError, match=r"gives shape \(3, 2\)"):
        gi.anomaly_score(D, torch.zeros(3, 2))
    with pytest.raises(UsageError, match="images must be float"):
        gi.anomaly_score(D, torch.zeros(3, 2, dtype=torch.uint8))
    with pytest.raises(UsageError, match="batch must be"):
        gi.anomaly_score(D, torch.zeros(3, 2), batch=0)
    assert D.training


# The detector as a thing.

ARGUMENTS = {"size": 16, "channels": 1, "width": 8, "latent": 4}


def noise(n, seed=0, channels=1):
    return torch.rand(n, channels, 16, 16, generator=gi.rng(seed)) * 2 - 1


@pytest.fixture
def detector():
    _, D = gi.networks.dcgan(**ARGUMENTS, seed=0)
    return gi.Detector.calibrated(D, "dcgan", ARGUMENTS, noise(300), {"data": "noise", "seed": 0})


def test_a_saved_detector_scores_as_before(detector, tmp_path):
    path = detector.save(tmp_path / "deep" / "d.safetensors")
    again = gi.Detector.load(path)
    x = noise(20, seed=1)
    assert torch.equal(again.score(x), detector.score(x))
    assert torch.equal(again.quantiles, detector.quantiles)
    assert again.arguments == ARGUMENTS and again.provenance == {"data": "noise", "seed": 0}
    assert again.shape == (1, 16, 16) and not again.network.training
    half = detector.save(tmp_path / "half.safetensors", half=True)
    assert half.stat().st_size < 0.75 * path.stat().st_size
    assert torch.allclose(gi.Detector.load(half).score(x), detector.score(x), atol=1e-2)


def test_calibration_copies_the_network(detector):
    _, D = gi.networks.dcgan(**ARGUMENTS, seed=0)
    own = gi.Detector.calibrated(D, "dcgan", ARGUMENTS, noise(300))
    nn.init.zeros_(D.end.weight)
    assert torch.equal(own.score(noise(5)), detector.score(noise(5)))


@pytest.mark.parametrize("x", [noise(2, channels=3), torch.zeros(2, 1, 9, 9), noise(2) * 3, torch.zeros(2, 16, 16)])
def test_a_detector_refuses_other_images(detector, x):
    with pytest.raises(UsageError):
        detector.score(x)


def test_percentiles_are_shares_of_normal_scores():
    network = gi.networks.dcgan(**ARGUMENTS, seed=0)[1]
    detector = gi.Detector(network, "dcgan", ARGUMENTS, torch.tensor([0.0, 1.0, 1.0, 1.0, 5.0]))
    scores = torch.tensor([-9.0, 0.0, 0.5, 1.0, 3.0, 5.0, 9.0])
    assert detector.percentile(scores).tolist() == [0.0, 0.0, 12.5, 75.0, 87.5, 100.0, 100.0]
    assert detector.threshold(0.25) == 1.0 and detector.threshold(0.0) == 5.0 and detector.threshold(1.0) == 0.0
    with pytest.raises(UsageError, match="share in"):
        detector.threshold(5)


@given(seed=st.integers(0, 10**6))
def test_percentiles_agree_with_counting(seed):
    _, D = gi.networks.dcgan(**ARGUMENTS, seed=0)
    normal = torch.randn(400, generator=gi.rng(seed))
    q = torch.quantile(normal, torch.linspace(0, 1, anomaly.detector.GRID))
    detector = gi.Detector(D, "dcgan", ARGUMENTS, q)
    scores = torch.randn(50, generator=gi.rng(seed + 1)) * 1.5
    counted = 100 * (normal[None] <= scores[:, None]).float().mean(1)
    assert float((detector.percentile(scores) - counted).abs().max()) < 0.6


@pytest.mark.parametrize("q", [[1.0], [1.0, 0.0], [0.0, math.nan], [0.0, math.inf]])
def test_quantiles_that_are_none_are_refused(q):
    with pytest.raises(UsageError, match="finite and increasing"):
        gi.Detector(nn.Identity(), "dcgan", ARGUMENTS, torch.tensor(q))


def test_an_architecture_that_cannot_be_built_again_is_refused():
    with pytest.raises(UsageError, match="architecture 'dcgn' is unknown; did you mean 'dcgan'"):
        gi.Detector(nn.Identity(), "dcgn", ARGUMENTS, torch.arange(2.0))
    with pytest.raises(UsageError, match="must name channels and size"):
        gi.Detector(nn.Identity(), "dcgan", {"width": 8}, torch.arange(2.0))


def test_damaged_and_foreign_files_are_refused(detector, tmp_path):
    whole = detector.save(tmp_path / "d.safetensors")
    tensors, about = weights.read_tensors(whole)
    data = whole.read_bytes()

    def refused(match, name="x", text=None, with_tensors=tensors, with_about=about):
        path = tmp_path / f"{name}.safetensors"
        path.write_bytes(text) if text is not None else weights.write_tensors(path, with_tensors, with_about)
        with pytest.raises(UsageError, match=match) as error:
            gi.Detector.load(path)
        assert "\n" not in str(error.value)

    refused("damaged or not a safetensors", text=data[: len(data) // 2])
    refused("damaged or not a safetensors", text=b"GIF89a, not a network")
    refused("damaged or not a safetensors", text=b"")
    refused("is not a detector", with_about={"kind": "genimg history"})
    refused("is not a detector", with_about={})
    refused("damaged detector|does not fit|is damaged", with_about={"kind": about["kind"]})
    refused("architecture 'unet' is unknown", with_about=about | {"architecture": "unet"})
    refused("damaged detector|does not fit|is damaged", with_about=about | {"arguments": {"depth": 3}})
    refused("damaged detector|does not fit|is damaged", with_about=about | {"arguments": ARGUMENTS | {"width": 16}})
    refused(
        "damaged detector|does not fit|is damaged", with_tensors={k: v for k, v in tensors.items() if k != "quantiles"}
    )
    refused(
        "damaged detector|does not fit|is damaged", with_tensors={k: v for k, v in tensors.items() if k != "D/end.bias"}
    )
    refused("not finite", with_tensors=tensors | {"D/end.bias": torch.tensor([math.nan])})
    with pytest.raises(UsageError, match="no such file; trained ones: "):
        gi.Detector.load(tmp_path / "none.safetensors")
    with pytest.raises(UsageError, match="no such file"):
        gi.Detector.load(tmp_path)


def test_a_detector_in_the_zoo_loads_by_name_and_only_as_a_detector(detector, tmp_path, monkeypatch):
    monkeypatch.setattr(zoo, "FOLDER", tmp_path)
    G, D = gi.networks.dcgan(**ARGUMENTS, seed=0)
    zoo.save("digits", "dcgan", ARGUMENTS, G, D, {"data": "none", "steps": 0}, folder=tmp_path)
    path = detector.save(tmp_path / "no-zero.safetensors", half=True)
    zoo.enter("no-zero", path, "detector", detector.architecture, detector.arguments, {"data": "noise", "steps": 1})
    assert zoo.names() == ["digits", "no-zero"]
    assert zoo.names("gan") == ["digits"] and zoo.names("detector") == ["no-zero"]
    assert all(ok for _, ok, _ in zoo.verify()) and len(zoo.describe()) == 2
    x = noise(5)
    assert torch.allclose(gi.Detector.load("no-zero").score(x), detector.score(x), atol=1e-2)
    with pytest.raises(UsageError, match="trained gan 'no-zero' is unknown"):
        zoo.load("no-zero")
    with pytest.raises(UsageError, match="no such file; trained ones: no-zero"):
        gi.Detector.load("digits")
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(UsageError, match="has sha256"):
        gi.Detector.load("no-zero")


# The published splits. Counts: the digits of MNIST, computed from its histogram; shared by both papers' codes.

FENCE = (
    (50477, 9465, 5177),
    (49698, 9318, 5907),
    (50408, 9451, 5242),
    (50287, 9429, 5355),
    (50540, 9477, 5118),
    (50949, 9553, 4734),
    (50499, 9468, 5157),
    (50165, 9406, 5469),
    (50540, 9476, 5118),
    (50433, 9456, 5218),
)
EGBAD = (
    (12620, 6903), (12425, 7877), (12602, 6990), (12572, 7141), (12636, 6824),
    (12738, 6313), (12625, 6876), (12542, 7293), (12635, 6825), (12609, 6958),
)  # fmt: skip
CHANCE = (0.354, 0.388, 0.357, 0.362, 0.351, 0.331, 0.353, 0.368, 0.351, 0.356)


def mnist_labels(seed=0):
    labels = torch.repeat_interleave(torch.arange(10), torch.tensor(MNIST))
    return labels[torch.randperm(len(labels), generator=gi.rng(seed))]


def counts(part):
    return int((part.anomalous == 0).sum()), int((part.anomalous == 1).sum())


def check_labels(split, labels, digit):
    rows = [part.rows for part in (split.train, split.validation, split.test)]
    for part in (split.train, split.validation, split.test):
        assert torch.equal(part.anomalous.bool(), labels[part.rows] == digit)
    everything = torch.cat(rows)
    assert len(everything.unique()) == len(everything)  # no image in two parts
    assert int(split.train.anomalous.sum()) == 0
    return len(everything)


@pytest.mark.parametrize("digit", range(10))
def test_fence_split_has_the_published_counts_and_order(digit):
    labels = mnist_labels()
    split = anomaly.fence_split(labels, digit)
    train, normal, odd = FENCE[digit]
    assert counts(split.train) == (train, 0) and counts(split.test) == (normal, odd)
    assert counts(split.validation) == (sum(MNIST) - MNIST[digit] - train - normal, MNIST[digit] - odd)
    assert check_labels(split, labels, digit) == 70_000
    chance = gi.metrics.chance(split.test.anomalous, positive=1)
    assert round(chance, 3) == CHANCE[digit]
    # No shuffle: all training digits come before the normal test digits, and those before validation.
    test = split.test.rows[split.test.anomalous == 0]
    late = split.validation.rows[split.validation.anomalous == 0]
    assert bool((split.train.rows.diff() > 0).all()) and split.train.rows[-1] < test[0] and test[-1] < late[0]
    odd_test = split.test.rows[split.test.anomalous == 1]
    assert odd_test[-1] < split.validation.rows[split.validation.anomalous == 1][0]


@pytest.mark.parametrize("digit", range(10))
def test_egbad_split_has_the_published_counts_and_one_permutation(digit):
    labels = mnist_labels()
    split = anomaly.egbad_split(labels, digit, gi.rng(0))
    assert counts(split.test) == EGBAD[digit] and counts(split.validation) == (0, 0)
    assert counts(split.train) == (70_000 - sum(EGBAD[digit]), 0)
    assert check_labels(split, labels, digit) == 70_000  # with two permutations images would be there twice
    assert round(gi.metrics.chance(split.test.anomalous, positive=1), 3) == CHANCE[digit]
    other = anomaly.egbad_split(labels, digit, gi.rng(1))
    assert not torch.equal(split.train.rows, other.train.rows)
    assert torch.equal(split.train.rows, anomaly.egbad_split(labels, digit, gi.rng(0)).train.rows)


@pytest.mark.parametrize("labels", [torch.zeros(4), torch.ones(4), torch.zeros(2, 2), torch.empty(0)])
def test_a_split_needs_both_classes(labels):
    for make in (anomaly.fence_split, lambda x, k: anomaly.egbad_split(x, k, gi.rng(0))):
        with pytest.raises(UsageError, match="need class 1 and another one"):
            make(labels, 1)


@given(seed=st.integers(0, 10**6), rule=st.sampled_from(["step", "trapezoid"]))
def test_both_conventions_and_what_is_free_of_them(seed, rule):
    """Exchanging the roles and the sign exchanges the two AUPRCs and leaves the AUROC."""
    scores = torch.randn(60, generator=gi.rng(seed))
    labels = (torch.rand(60, generator=gi.rng(seed + 1)) < 0.3).long()
    assume(0 < int(labels.sum()) < 60)
    one, other = anomaly.evaluate(scores, labels, rule), anomaly.evaluate(-scores, 1 - labels, rule)
    assert one.auprc_anomalous == pytest.approx(other.auprc_normal)
    assert one.auroc == pytest.approx(other.auroc)
    assert one.chance_anomalous + one.chance_normal == pytest.approx(1)


def test_larger_means_more_anomalous_in_the_evaluation():
    labels = torch.tensor([0, 0, 0, 1])
    right = anomaly.evaluate(torch.tensor([0.0, 1.0, 2.0, 3.0]), labels)
    wrong = anomaly.evaluate(-torch.tensor([0.0, 1.0, 2.0, 3.0]), labels)
    assert right[:5] == (1.0, 0.25, 1.0, 0.75, 1.0)
    assert wrong.auroc == 0 and wrong.auprc_anomalous == 0.25
    with pytest.raises(UsageError, match="1 for anomalies and 0 for normal"):
        anomaly.evaluate(torch.zeros(3), torch.tensor([0, 7, 7]))


# Scores that know nothing.


def test_trivial_scores_have_known_values():
    stripes = torch.tensor([[-1.0, 1.0] * 4] * 8).reshape(1, 1, 8, 8)
    flat = torch.full((1, 1, 8, 8), 0.5)
    x = torch.cat([flat, stripes])
    assert anomaly.mean_intensity(x).tolist() == [0.5, 0.0]
    assert anomaly.mean_gradient(x).tolist() == pytest.approx([0.0, 2 * 7 / 8])  # the last column has no difference
    colour = stripes.expand(1, 3, 8, 8)
    assert anomaly.mean_gradient(colour).tolist() == pytest.approx([2 * 7 / 8])


def test_compressed_size_orders_flat_striped_and_noise():
    rough = torch.rand(1, 3, 32, 32, generator=gi.rng(0)) * 2 - 1
    ramp = torch.linspace(-1, 1, 32).expand(1, 3, 32, 32)
    sizes = anomaly.compressed_size(torch.cat([torch.zeros_like(rough), ramp, rough]))
    assert sizes[0] < sizes[1] < sizes[2] and float(sizes[2]) > 3 * 32 * 32
    assert sizes.dtype == torch.float32


@pytest.mark.parametrize("score", [anomaly.mean_intensity, anomaly.mean_gradient, anomaly.compressed_size])
def test_trivial_scores_give_one_number_per_image_and_check_their_input(score):
    assert score(noise(7, channels=3)).shape == (7,)
    with pytest.raises(UsageError, match="must lie in"):
        score(noise(2) * 200)
