"""HistoryAD-F: the law of features, surprises, and the detector that keeps them."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from genimg import anomaly, networks
from genimg._base.errors import UsageError
from genimg.problems.anomaly import Detector, Evidence, FeatureLaw, critic_features, surprise

ARGUMENTS = {"size": 16, "channels": 1, "width": 8}


def pictures(n, seed, low=-0.2, high=0.2):
    return torch.empty(n, 1, 16, 16).uniform_(low, high, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def critic():
    return networks.dcgan(**ARGUMENTS, seed=0)[1].eval()


def test_the_last_layer_of_a_critic_is_linear_in_its_features(critic):
    x = pictures(5, 0)
    features = critic_features(critic, x, batch=2)
    assert features.shape == (5, critic.end.in_features)
    assert torch.allclose(critic(x), (features @ critic.end.weight.T + critic.end.bias).squeeze(1), atol=1e-6)
    with pytest.raises(UsageError, match="Linear has no features"):
        critic_features(nn.Linear(1, 1), x)


@given(st.integers(0, 1000), st.floats(0.01, 100))
def test_distance_is_mahalanobis_and_has_no_unit(seed, unit):
    rng = torch.Generator().manual_seed(seed)
    rotation = torch.linalg.qr(torch.randn(3, 3, generator=rng))[0]
    x = torch.randn(4000, 3, generator=rng) @ torch.diag(torch.tensor([1.0, 2.0, 3.0])) @ rotation + 7
    law, centred = FeatureLaw.fit(x), (x - x.mean(0)).double()
    exact = (centred @ torch.linalg.inv(centred.T @ centred / len(x)) * centred).sum(1).sqrt()
    assert torch.allclose(law.distance(x).double(), exact, rtol=0.05)  # the shrinkage is of this order
    assert torch.allclose(FeatureLaw.fit(unit * x).distance(unit * x), law.distance(x), rtol=1e-2)


def test_more_features_than_images_and_dead_ones_are_no_infinity():
    x = torch.randn(10, 40, generator=torch.Generator().manual_seed(0))
    x[:, :5] = 1.0
    assert FeatureLaw.fit(x).distance(x + 0.5).isfinite().all()
    with pytest.raises(UsageError, match="n of at least 2"):
        FeatureLaw.fit(x[:1])


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=30), st.floats(-6, 6))
def test_surprise_is_minus_the_logarithm_of_a_share_that_is_counted(normal, s):
    n = torch.tensor(normal)
    share = (1 + sum(v >= float(torch.tensor(s)) for v in n.tolist())) / (1 + len(normal))
    assert float(surprise(torch.tensor([s]), n)) == pytest.approx(-math.log(share), abs=1e-5)


def test_held_out_normals_are_surprising_by_one_on_average():
    """p-values of normal images are uniform, and −log of a uniform number has mean 1; two of them have mean 2."""
    scores = torch.randn(20_000, generator=torch.Generator().manual_seed(0))
    assert float(surprise(scores[:10_000], scores[10_000:]).mean()) == pytest.approx(1, abs=0.03)
    with pytest.raises(UsageError, match="normal scores"):
        surprise(scores, scores[:0])


def test_evidence_adds_what_its_parts_say(critic):
    normal, held_out, x = pictures(300, 1), pictures(100, 2), pictures(20, 3, -1, 1)
    evidence, law = Evidence.fit(critic, normal, held_out), FeatureLaw.fit(critic_features(critic, normal))
    parts = [
        (lambda u: anomaly.anomaly_score(critic, u)),
        (lambda u: law.distance(critic_features(critic, u))),
    ]
    by_hand = sum(surprise(part(x), part(held_out)) for part in parts)
    assert torch.allclose(evidence.score(critic, x), by_hand)


@pytest.mark.parametrize("half", [False, True])
def test_a_detector_keeps_its_evidence(critic, half, tmp_path):
    normal, held_out, x = pictures(300, 1), pictures(200, 2), pictures(50, 3, -0.5, 0.5)
    evidence = Evidence.fit(critic, normal, held_out)
    made = Detector.calibrated(critic, "dcgan", ARGUMENTS, held_out, {"data": "noise"}, evidence)
    found = Detector.load(made.save(tmp_path / "d.safetensors", half=half))
    assert torch.equal(made.score(x), evidence.score(critic, x))
    assert torch.allclose(found.score(x), made.score(x), atol=0.5 if half else 1e-5)
    assert float(found.percentile(found.score(x)).mean()) > 60  # twice the amplitude of normal noise
    plain = Detector.calibrated(critic, "dcgan", ARGUMENTS, held_out)
    assert Detector.load(plain.save(tmp_path / "p.safetensors")).evidence is None
