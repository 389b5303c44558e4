"""The nearest-neighbour reading of D*: distances against scikit-learn, sign, invariances, bad input."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import genimg as gi
from genimg._base.errors import UsageError
from genimg.problems.anomaly import neighbour_contrast, neighbour_distance


def cloud(n, seed, shift=0.0):
    return torch.randn(n, 1, 3, 4, generator=gi.rng(seed)) + shift


@given(k=st.integers(1, 6), n=st.integers(1, 9), m=st.integers(6, 30), batch=st.integers(1, 10))
def test_scikit_learn_agrees_whatever_the_batch(k, n, m, batch):
    from sklearn.neighbors import NearestNeighbors

    x, reference = cloud(n, 0), cloud(m, 1)
    theirs, _ = NearestNeighbors(n_neighbors=k).fit(reference.flatten(1).numpy()).kneighbors(x.flatten(1).numpy())
    ours = neighbour_distance(x, reference, k, batch)
    assert ours.tolist() == pytest.approx(theirs.mean(1).tolist(), abs=1e-4)


def test_contrast_is_large_where_the_past_is_nearer_and_changes_sign_with_the_laws():
    """The convention of every score here: larger = more anomalous."""
    real, past = cloud(200, 0), cloud(200, 1, shift=2.0)
    near, far = cloud(50, 2), cloud(50, 3, shift=2.0)
    assert float(neighbour_contrast(near, real, past).max()) < float(neighbour_contrast(far, real, past).min())
    assert torch.equal(neighbour_contrast(far, real, past), -neighbour_contrast(far, past, real))


def test_its_sign_is_that_of_the_optimal_critic():
    """N(0, 1) against N(3, 1): D* = 1_P - 1_N changes sign at 1.5, and so does the contrast."""
    real, past = gi.Gaussian(1, gi.rng(0)).sample(20_000), gi.Gaussian(1, gi.rng(1), mean=3.0).sample(20_000)
    x = torch.tensor([[-1.0], [0.0], [1.0], [2.0], [3.0], [4.0]])
    assert (neighbour_contrast(x, real, past) > 0).tolist() == [False, False, False, True, True, True]


@pytest.mark.parametrize(
    ("x", "reference", "k"), [(cloud(2, 0), cloud(3, 1), 4), (cloud(2, 0), cloud(9, 1)[..., :2], 1)]
)
def test_too_few_or_foreign_references_are_refused(x, reference, k):
    with pytest.raises(UsageError, match="at least k"):
        neighbour_distance(x, reference, k)


def test_no_query_gives_no_distance():
    assert neighbour_distance(cloud(2, 0)[:0], cloud(9, 1)).shape == (0,)
